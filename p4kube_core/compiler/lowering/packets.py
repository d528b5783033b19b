"""packet_in and packet_out, and `verify`: what core.p4 has for parsers and deparsers."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Call
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import aggregates, equality, expressions, places, refusal
from p4kube_core.compiler.lowering.frame import Frame

_WORD = types.Bits(32)


def extract(f: Frame, node: ast.Call, made: Call) -> None:
    argument = made.bindings[0].argument
    if argument is None:
        _skip(f, node, made)
        return
    header = places.place(f, argument)
    _extract_into(f, node, made, header)
    following = _next_of(header)
    if following is not None:
        grown = folding.binary(ex.BinaryOp.ADD, following, ex.Const(_WORD, 1))
        f.emit(st.SetNextIndex(node.span, following.stack, grown))


def _next_of(place: ex.Place) -> ex.NextIndex | None:
    """The nextIndex that a place was reached by: of a stack of headers, or of unions of them."""
    while not isinstance(place, ex.Var):
        if isinstance(place, ex.Index) and isinstance(place.index, ex.NextIndex):
            return place.index
        place = place.base
    return None


def _extract_into(f: Frame, node: ast.Call, made: Call, header: ex.Place) -> None:
    if not isinstance(header.type, types.Header):
        raise refusal.not_yet(f"extracting {header.type}", node.span)
    size: ex.Expression | None = None
    if len(made.bindings) > 1:
        bits = made.bindings[1].argument
        assert bits is not None
        size = expressions.value(f, bits)
    has_varbit = any(isinstance(m.type, types.Varbit) for m in header.type.members)
    if has_varbit and size is None:
        size = ex.Const(_WORD, 0)
    if size is not None and not has_varbit:
        size = None
    aggregates.before_extract(f, header, node.span)
    f.emit(st.Extract(node.span, header, size))


def _skip(f: Frame, node: ast.Call, made: Call) -> None:
    """extract(_): the type says how much is skipped."""
    of = f.kind(made.bindings[0].parameter.type, node.span)
    _extract_into(f, node, made, f.temporary(of, node.span, "skipped"))


def lookahead(f: Frame, node: ast.Call, made: Call) -> ex.Expression:
    found = f.temporary(f.kind(made.result, node.span), node.span, "lookahead")
    f.emit(st.Lookahead(node.span, found))
    return found


def advance(f: Frame, node: ast.Call, made: Call) -> None:
    argument = made.bindings[0].argument
    assert argument is not None
    f.emit(st.Advance(node.span, expressions.value(f, argument)))


def length(f: Frame, node: ast.Call, made: Call) -> ex.Expression:
    del f, node, made
    return ex.PacketLength(_WORD)


def verify(f: Frame, node: ast.Call, made: Call) -> None:
    condition, error = made.bindings[0].argument, made.bindings[1].argument
    assert condition is not None
    assert error is not None
    value = expressions.value(f, condition)
    f.emit(st.Verify(node.span, value, expressions.value(f, error)))


def emit(f: Frame, node: ast.Call, made: Call) -> None:
    argument = made.bindings[0].argument
    assert argument is not None
    of = f.kind(f.converted_type(argument), node.span)
    if aggregates.is_written_out(argument):
        place: ex.Place = aggregates.temporary(f, argument, of)
    else:
        place = folding.place(expressions.value(f, argument))
    _emit_all(f, place, node.span)


def _emit_all(f: Frame, place: ex.Place, span: Span) -> None:
    """Headers in order; structs, unions and stacks are taken apart."""
    match place.type:
        case types.Header():
            f.emit(st.Emit(span, place))
        case types.Struct():
            for m in place.type.members:
                _emit_all(f, ex.Member(m.type, place, m.name), span)
        case types.Stack():
            for i in range(place.type.size):
                _emit_all(f, equality.element(place, place.type, i), span)
        case _:
            raise refusal.not_yet(f"emitting {place.type}", span)
