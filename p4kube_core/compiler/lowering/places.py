"""Places: variables, members, elements of stacks, and what stacks offer in parsers."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import aggregates, calls, expressions, order, refusal
from p4kube_core.compiler.lowering.frame import Frame

_INDEX = types.Bits(32)


def place(f: Frame, node: ast.Expression) -> ex.Place:
    """The place that an expression names."""
    found = expressions.plain(f, node)
    if isinstance(found, ex.Var | ex.Member | ex.Index):
        return found
    raise refusal.not_yet("writing to this", node.span)


Target = ex.Place | ex.Slice
"""What can be assigned to in P4; in the IR, a slice is written by assigning to all of its base."""


def settled_target(f: Frame, node: ast.Expression) -> Target:
    """What an expression on the left side names, its indices evaluated for good."""
    found = as_target(expressions.plain(f, node))
    if not isinstance(found, ex.Slice):
        return order.settled(f, found, node.span)
    base = order.settled(f, folding.place(found.operand), node.span)
    return ex.Slice(found.type, base, found.high, found.low)


def as_target(of: ex.Expression) -> Target:
    if isinstance(of, ex.Slice):
        return ex.Slice(of.type, folding.place(of.operand), of.high, of.low)
    return folding.place(of)


def store(f: Frame, target: Target, value: ex.Expression, span: Span) -> None:
    """Write a value to a place or slice of the same type."""
    if isinstance(target, ex.Slice):
        base = folding.place(target.operand)
        f.emit(st.Assign(span, base, _inserted(base, target, value)))
    elif order.is_scalar(target.type):
        f.emit(st.Assign(span, target, value))
    else:
        aggregates.copy(f, target, folding.place(value), span)


def _inserted(base: ex.Place, target: ex.Slice, value: ex.Expression) -> ex.Expression:
    """The value of the base with the slice put in."""
    of = base.type
    assert isinstance(of, types.Bits)
    joined = folding.cast(target.type, value)
    if target.high < of.width - 1:
        joined = folding.concat(folding.part(base, of.width - 1, target.high + 1), joined)
    if target.low > 0:
        joined = folding.concat(joined, folding.part(base, target.low - 1, 0))
    return folding.cast(of, joined)


def member(f: Frame, node: ast.Member) -> ex.Expression:
    """base.member, where it is no constant."""
    base_type = f.type_of(node.base)
    if isinstance(base_type, p4.ApplyResult):
        return calls.apply_result(f, node)
    base = expressions.value(f, node.base)
    if not isinstance(base, ex.Var | ex.Member | ex.Index):
        raise refusal.not_yet(f"{node.member!r} of this", node.span)
    if isinstance(base.type, types.Stack):
        return _of_stack(f, base, base.type, node)
    return member_of(base, node.member, node.span)


def member_of(base: ex.Place, name: str, span: Span) -> ex.Member:
    found = types.member(base.type, name)
    if found is None:
        raise refusal.not_yet(f"{name!r} of {base.type}", span)
    return ex.Member(found.type, base, name)


def _of_stack(f: Frame, base: ex.Place, stack: types.Stack, node: ast.Member) -> ex.Expression:
    following = ex.NextIndex(_INDEX, base)
    match node.member:
        case "next":
            bound = ex.Const(_INDEX, stack.size)
            _demand(f, folding.binary(ex.BinaryOp.LT, following, bound), node.span)
            return ex.Index(stack.element, base, following)
        case "last":
            one = ex.Const(_INDEX, 1)
            _demand(f, folding.binary(ex.BinaryOp.GE, following, one), node.span)
            last = folding.binary(ex.BinaryOp.SUB, following, one)
            return ex.Index(stack.element, base, last)
        case "lastIndex":
            return folding.binary(ex.BinaryOp.SUB, following, ex.Const(_INDEX, 1))
        case _:
            raise refusal.not_yet(f"{node.member!r} of a stack", node.span)


def _demand(f: Frame, condition: ex.Expression, span: Span) -> None:
    f.emit(st.Verify(span, condition, f.build.error_code("StackOutOfBounds")))


def index(f: Frame, node: ast.Index) -> ex.Expression:
    """base[index] of a stack, array or tuple."""
    base = expressions.value(f, node.base)
    if not isinstance(base, ex.Var | ex.Member | ex.Index):
        raise refusal.not_yet("an element of this", node.span)
    before = len(f.out)
    at = expressions.value(f, node.index)
    if len(f.out) > before:
        # The base stays a place, but where it lies was evaluated before the index.
        inner = f.within()
        base = order.settled(inner, base, node.span)
        f.out[before:before] = inner.out
    if isinstance(base.type, types.Struct):
        if not isinstance(at, ex.Const):
            raise refusal.not_yet("an index into a tuple that is not constant", node.span)
        return member_of(base, f"f{at.value}", node.span)
    if not isinstance(base.type, types.Stack):
        raise refusal.not_yet(f"an element of {base.type}", node.span)
    return ex.Index(base.type.element, base, _unsigned(at))


def _unsigned(at: ex.Expression) -> ex.Expression:
    """An index as the IR has it; a negative one lies beyond any stack's end."""
    if isinstance(at, ex.Const):
        return folding.number(_INDEX, at.value)
    assert isinstance(at.type, types.Bits)
    return folding.cast(types.Bits(at.type.width), at)
