"""The deparser as C: headers back in front of what the parser left.

Three ways, the cheapest that the program allows: in place (each header can only be where it was
found, so that only changed bytes are written), in two passes (first how long, then the bytes), or
through a buffer (where the deparser computes between emits).
"""

from __future__ import annotations

from collections.abc import Callable

from p4kube_core.compiler.backends import expressions, inplace, statements, walk, wire
from p4kube_core.compiler.backends.unit import Unit
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

_PURE = (st.Emit, st.If, st.Switch)


def write(unit: Unit) -> None:
    """`deparse(s)`: false if there is no room for the headers; then nothing has been written."""
    control = unit.program.control(ir.Role.DEPARSER)
    unit.code.function("P4K_INLINE bool deparse(struct state *s)", f"deparser {control.name}")
    plan = unit.in_place
    mentioned = walk.mentioned_in(control.body if plan is None else plan.needed())
    statements.declare(unit, control.variables, mentioned)
    if plan is not None:
        _in_place(unit, plan)
    elif all(isinstance(s, _PURE) for s in st.walk(control.body)):
        _in_two_passes(unit, control)
    else:
        _through_buffer(unit, control)
    unit.code.line("return true;")
    unit.code.close()


def _in_place(unit: Unit, plan: inplace.Plan) -> None:
    code = unit.code
    if not plan.needed():
        code.line("/* Nothing changes a header. */")
        return
    code.line("uint8_t *at = s->packet->data;")
    code.line()
    for emit in plan.needed():
        header = emit.header.type
        assert isinstance(header, types.Header)
        text = unit.printer.spot(emit.header).text
        changed = plan.changed(emit)
        groups = [
            g
            for g in wire.groups(unit, header, f"{text}.")
            if any(path in changed for path in g.paths)
        ]
        code.at(emit.span)
        code.open(f"if ({text}.valid)")
        wire.store_groups(unit, groups)
        code.line(f"at += {wire.size_bytes(header)};")
        code.close()
    code.own()


def _in_two_passes(unit: Unit, control: ir.Control) -> None:
    code = unit.code
    code.line("uint32_t length = 0;")
    code.line("uint8_t *at;")
    code.line()
    _walk(unit, control.body, lambda e: _add_length(unit, e))
    code.line()
    code.own()
    code.line("at = p4k_make_room(s->packet, s->payload, length);")
    code.line("if (P4K_UNLIKELY(at == NULL))")
    code.line("\treturn false;")
    code.line()
    _walk(unit, control.body, lambda e: _append(unit, e))
    code.own()


def _walk(unit: Unit, body: st.Body, emit: Callable[[st.Emit], None]) -> None:
    """Write a body of emits and branches."""
    code = unit.code
    for statement in body:
        code.at(statement.span)
        match statement:
            case st.Emit():
                emit(statement)
            case st.If():
                code.open(f"if ({unit.printer.show(statement.condition)})")
                _walk(unit, statement.then, emit)
                if statement.otherwise:
                    code.turn("else")
                    _walk(unit, statement.otherwise, emit)
                code.close()
            case st.Switch():
                _walk(unit, _as_ifs(statement), emit)


def _as_ifs(of: st.Switch) -> st.Body:
    rest = of.otherwise
    for case in reversed(of.cases):
        test: ex.Expression = ex.FALSE
        for value in case.values:
            constant = ex.Const(expressions.scalar(of.subject.type), value)
            equal = ex.Binary(types.BOOL, ex.BinaryOp.EQ, of.subject, constant)
            test = ex.Binary(types.BOOL, ex.BinaryOp.LOGICAL_OR, test, equal)
        rest = (st.If(of.span, test, case.body, rest),)
    return rest


def _condition(unit: Unit, emit: st.Emit) -> tuple[str, str, types.Header]:
    """Whether the header is there, where, and its type."""
    spot = unit.printer.spot(emit.header)
    header = emit.header.type
    assert isinstance(header, types.Header)
    return " && ".join((*spot.guards, f"{spot.text}.valid")), spot.text, header


def _add_length(unit: Unit, emit: st.Emit) -> None:
    condition, text, header = _condition(unit, emit)
    unit.code.line(f"if ({condition})")
    unit.code.line(f"\tlength += {wire.size(unit, header, text)};")


def _append(unit: Unit, emit: st.Emit) -> None:
    condition, text, header = _condition(unit, emit)
    unit.code.open(f"if ({condition})")
    unit.code.line(f"{unit.function('store', header.name)}(at, &{text});")
    unit.code.line(f"at += {wire.size(unit, header, text)};")
    unit.code.close()


def _through_buffer(unit: Unit, control: ir.Control) -> None:
    code = unit.code
    emits = [s for s in st.walk(control.body) if isinstance(s, st.Emit)]
    most = sum(wire.size_bytes(e.header.type) for e in emits)
    code.line(f"uint8_t buffer[{max(most, 1)}];")
    code.line("uint8_t *at = buffer;")
    code.line("uint8_t *front;")
    code.line()
    writer = statements.Writer(unit, "goto done;", "goto done;", emit=lambda e: _append(unit, e))
    writer.body(control.body)
    code.own()
    if writer.ended:
        code.label("done")
    code.line("front = p4k_make_room(s->packet, s->payload, (uint32_t)(at - buffer));")
    code.line("if (P4K_UNLIKELY(front == NULL))")
    code.line("\treturn false;")
    code.line("memcpy(front, buffer, (size_t)(at - buffer));")
