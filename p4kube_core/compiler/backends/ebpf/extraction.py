"""What a parser extracts, as C for BPF.

The bytes are in a buffer in memory, at a place that is kept in memory too: see p4k_bpf_program.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from p4kube_core.compiler.backends import extraction, varbits, walk, wire
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

if TYPE_CHECKING:
    from p4kube_core.compiler.backends.statements import Writer
    from p4kube_core.compiler.backends.unit import Unit


def write(writer: Writer, of: st.Extract) -> None:
    unit, header = writer.unit, of.header.type
    assert isinstance(header, types.Header)
    if of.varbit_bits is not None:
        _extract_varying(writer, of, of.varbit_bits)
        return
    size = wire.size_bytes(header)
    extraction.require(writer, str(size))
    path = walk.path_of(of.header)
    head = unit.heads.get(path)
    if head is None:
        load = unit.function("load", header.name)
        writer.guarded(unit.printer.spot(of.header), f"{load}(&{{}}, {unit.dialect.here});")
    else:
        _take(writer, of.header, header, path)
        unit.code.line(f"s->{head} = P4K_ZEROS + s->work.cursor;")
    unit.code.line(unit.dialect.skip(str(size)))


def _extract_varying(writer: Writer, of: st.Extract, size_bits: ex.Expression) -> None:
    """Up to three reads: before the varbit, it itself, and what is behind it."""
    unit, code, header = writer.unit, writer.unit.code, of.header.type
    assert isinstance(header, types.Header)
    found = varbits.varying(header)
    assert found is not None
    most = types.width_bits(found.member.type)
    start, fixed = found.offset_bits // 8, varbits.fixed_bits(header) // 8
    spot = unit.printer.spot(of.header)
    text = f"{spot.text}.{unit.c_types.member(header, found.member.name)}"
    groups = wire.groups(unit, header, "header->")
    too_short = writer.fail_with("PacketTooShort")
    code.open()
    code.line(f"const uint32_t bits = {writer.show(size_bits)};")
    code.line("const uint32_t cursor = s->work.cursor;")
    if fixed:
        code.line("uint8_t *const at = s->buffers.packet + P4K_ZEROS;")
    code.line()
    code.line(f"if (bits > {most})")
    code.line(f"\t{writer.fail_with('HeaderTooShort')}")
    code.line("if (bits % 8 != 0)")
    code.line(f"\t{writer.fail_with('ParserInvalidArgument')}")
    code.line(f"if (cursor + {fixed} + bits / 8 > {writer.unit.dialect.length})")
    code.line(f"\t{too_short}")
    code.open(f"if ({' && '.join(spot.guards) or 'true'})")
    code.line(f"{unit.c_types.of(header)} *const header = &{spot.text};")
    code.line()
    code.line("header->valid = true;")
    code.line(f"{text} = ({unit.c_types.of(found.member.type)}){{.bits = bits}};")
    for place, offset, size in (
        ("cursor", 0, start),
        (f"cursor + {start} + bits / 8", start, fixed - start),
    ):
        if size:
            code.line(f"if (bpf_skb_load_bytes(skb, {place}, at + {offset}, {size}))")
            code.line(f"\t{too_short}")
    code.line(
        f"if (!p4k_read_varying(skb, cursor + {start}, {text}.bytes, bits / 8, "
        f"sizeof({text}.bytes)))"
    )
    code.line(f"\t{too_short}")
    for group in groups:
        wire.load_group(unit, group, "at")
    code.close()
    code.line(f"s->work.cursor = cursor + {fixed} + bits / 8;")
    code.close()


def groups_taken(
    unit: Unit, header: types.Header, path: str, prefix: str = ""
) -> tuple[wire.Group, ...]:
    """Of a header that stays where it is: its bytes of which some statement writes a part.

    All of them if it is also copied: a copy is of what is in the state.
    """
    assert unit.in_place is not None
    groups = wire.groups(unit, header, prefix)
    if path in unit.in_place.copied:
        return groups
    emit = next(e for e in unit.in_place.emits if walk.path_of(e.header) == path)
    changed = unit.in_place.changed(emit)
    return tuple(g for g in groups if changed.intersection(g.paths))


def _take(writer: Writer, place: ex.Place, header: types.Header, path: str) -> None:
    """Of a header that stays where it is: the rest is read from the buffer when it is wanted."""
    unit, code = writer.unit, writer.unit.code
    text = unit.printer.spot(place).text
    code.line(f"{text}.valid = true;")
    taken = groups_taken(unit, header, path, f"{text}.")
    if not taken:
        return
    code.open()
    code.line(f"const uint8_t *const at = {unit.dialect.here};")
    code.line()
    for group in taken:
        wire.load_group(unit, group, "at")
    code.close()
