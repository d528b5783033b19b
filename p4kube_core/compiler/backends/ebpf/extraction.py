"""What a parser takes from the packet, as C for BPF.

The bytes are in a buffer in memory, at a place that is kept in memory too: see p4k_bpf_program.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from p4kube_core import errors
from p4kube_core.compiler.backends import varbits, walk
from p4kube_core.compiler.backends.dpdk import extraction, wire
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

if TYPE_CHECKING:
    from p4kube_core.compiler.backends.dpdk.statements import Writer

HERE: Final = "p4k_here(&s->work, &s->buffers)"


def write(writer: Writer, of: st.Extract | st.Advance | st.Lookahead | st.Verify) -> None:
    """One statement; where it fails it jumps to the parser's end, with the error set."""
    match of:
        case st.Verify():
            writer.unit.code.open(f"if ({writer.unit.printer.negated(of.condition)})")
            writer.fail(writer.show(of.error))
            writer.unit.code.close()
        case st.Extract():
            _extract(writer, of)
        case st.Advance():
            _advance(writer, of)
        case st.Lookahead():
            _lookahead(writer, of)
        case _:
            assert_never(of)


def _require(writer: Writer, size: str) -> None:
    writer.unit.code.line(f"if (!p4k_holds(skb, &s->work, &s->buffers, {size}))")
    writer.unit.code.line(f"\t{writer.fail_with('PacketTooShort')}")


def _skip(writer: Writer, size: str) -> None:
    writer.unit.code.line(f"s->work.cursor += {size};")


def _extract(writer: Writer, of: st.Extract) -> None:
    unit, header = writer.unit, of.header.type
    assert isinstance(header, types.Header)
    if of.varbit_bits is not None:
        _extract_varying(writer, of, of.varbit_bits)
        return
    size = wire.size_bytes(header)
    _require(writer, str(size))
    path = walk.path_of(of.header)
    head = unit.heads.get(path)
    if head is None:
        load = unit.function("load", header.name)
        writer.guarded(unit.printer.spot(of.header), f"{load}(&{{}}, {HERE});")
    else:
        _take_what_changes(writer, of.header, header, path)
        unit.code.line(f"s->{head} = P4K_ZEROS + s->work.cursor;")
    _skip(writer, str(size))


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


def _take_what_changes(writer: Writer, place: ex.Place, header: types.Header, path: str) -> None:
    """Of a header that stays where it is: the rest is read from the buffer when it is wanted."""
    unit, code = writer.unit, writer.unit.code
    assert unit.in_place is not None
    emit = next(e for e in unit.in_place.emits if walk.path_of(e.header) == path)
    changed = unit.in_place.changed(emit)
    text = unit.printer.spot(place).text
    code.line(f"{text}.valid = true;")
    taken = [g for g in wire.groups(unit, header, f"{text}.") if changed.intersection(g.paths)]
    if not taken:
        return
    code.open()
    code.line(f"const uint8_t *const at = {HERE};")
    code.line()
    for group in taken:
        wire.load_group(unit, group, "at")
    code.close()


def _advance(writer: Writer, of: st.Advance) -> None:
    code = writer.unit.code
    if isinstance(of.bits, ex.Const) and of.bits.value % 8 == 0:
        _require(writer, str(of.bits.value // 8))
        _skip(writer, str(of.bits.value // 8))
        return
    bits = writer.unit.printer.operand(of.bits)
    code.line(f"if ({bits} % 8 != 0)")
    code.line(f"\t{writer.fail_with('ParserInvalidArgument')}")
    _require(writer, f"{bits} / 8")
    _skip(writer, f"{bits} / 8")


def _lookahead(writer: Writer, of: st.Lookahead) -> None:
    to = of.target.type
    _require(writer, str(wire.size_bytes(to)))
    spot = writer.unit.printer.spot(of.target)
    match to:
        case types.Bits() | types.Bool():
            writer.guarded(spot, f"{{}} = {wire.load_leaf(to, 0, HERE)};")
        case types.Header():
            load = writer.unit.function("load", to.name)
            writer.guarded(spot, f"{load}(&{{}}, {HERE});")
        case types.Struct() | types.Stack():
            extraction.peek(writer, of.target, 0, HERE)
        case _:
            raise errors.InvariantViolated(f"a lookahead of {to}")
