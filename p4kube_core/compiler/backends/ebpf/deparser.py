"""The deparser as C for BPF: nothing, changes where headers are, or all headers anew."""

from __future__ import annotations

from p4kube_core.compiler.backends import inplace, joined, statements, varbits, walk, wire
from p4kube_core.compiler.backends.unit import Unit
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types


def is_needed(unit: Unit) -> bool:
    """Whether the program can change a packet at all."""
    return unit.in_place is None or bool(unit.in_place.needed())


def write(unit: Unit) -> None:
    """`deparse(skb)`: 0 if the packet cannot take the headers."""
    control = unit.program.control(ir.Role.DEPARSER)
    code = unit.code
    code.function("P4K_GLOBAL int deparse(struct __sk_buff *skb)", f"deparser {control.name}")
    code.lines("struct state *const s = p4k_enter(skb);", "", "if (!s)", "\treturn false;")
    if unit.in_place is not None:
        _in_place(unit, unit.in_place)
        code.line("return p4k_store_changes(skb, &s->work, &s->buffers);")
    else:
        _anew(unit, control)
        code.line("return p4k_rewrite(skb, &s->work, &s->buffers);")
    code.close()


def _in_place(unit: Unit, plan: inplace.Plan) -> None:
    code = unit.code
    for emit in plan.needed():
        header = emit.header.type
        assert isinstance(header, types.Header)
        changed = plan.changed(emit)
        if not changed:
            continue
        path = next(p for p in unit.heads if p == _path(emit))
        text = unit.printer.spot(emit.header).text
        code.at(emit.span)
        code.open(f"if ({text}.valid)")
        for group in wire.groups(unit, header, f"{text}."):
            if changed.intersection(group.paths):
                _put(unit, group, f"s->{unit.heads[path]}")
        code.close()
    code.own()


def _path(emit: st.Emit) -> str:
    return walk.path_of(emit.header)


def _put(unit: Unit, group: wire.Group, head: str) -> None:
    start, size = group.offset_bytes, group.size_bytes
    while size:
        taken = min(size, 8)
        word = joined.word(group.leaves, start * 8, taken * 8)
        unit.code.line(f"p4k_put(&s->work, &s->buffers, {head} + {start}, {taken}, {word.c});")
        start, size = start + taken, size - taken


def _anew(unit: Unit, control: ir.Control) -> None:
    writer = statements.Writer(unit, "goto done;", "goto done;", emit=lambda e: _append(unit, e))
    writer.body(control.body)
    unit.code.own()
    if writer.ended:
        unit.code.label("done")


def _append(unit: Unit, emit: st.Emit) -> None:
    spot = unit.printer.spot(emit.header)
    header = emit.header.type
    assert isinstance(header, types.Header)
    unit.code.open(f"if ({' && '.join((*spot.guards, f'{spot.text}.valid'))})")
    if varbits.varying(header) is not None:
        _append_varying(unit, header, spot.text)
        unit.code.close()
        return
    store = unit.function("store", header.name)
    unit.code.line(f"{store}(p4k_out(&s->work, &s->buffers), &{spot.text});")
    unit.code.line(f"s->work.used += {wire.size_bytes(header)};")
    unit.code.close()


def _append_varying(unit: Unit, header: types.Header, text: str) -> None:
    """The varbit is copied at its full size: what comes next overwrites the rest."""
    found = varbits.varying(header)
    assert found is not None
    code = unit.code
    varbit = f"{text}.{unit.c_types.member(header, found.member.name)}"
    groups = wire.groups(unit, header, f"{text}.")
    before = [g for g in groups if g.offset_bytes * 8 < found.offset_bits]
    code.line("uint8_t *at = p4k_out(&s->work, &s->buffers);")
    code.line()
    wire.store_groups(unit, before)
    code.line(
        f"__builtin_memcpy(at + {found.offset_bits // 8}, {varbit}.bytes, sizeof({varbit}.bytes));"
    )
    code.line(f"s->work.used += {varbit}.bits / 8;")
    code.line("at = p4k_out(&s->work, &s->buffers);")
    wire.store_groups(unit, groups[len(before) :])
    code.line(f"s->work.used += {varbits.fixed_bits(header) // 8};")
