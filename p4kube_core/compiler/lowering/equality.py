"""Equality of aggregates, member by member."""

from __future__ import annotations

from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.lowering import refusal
from p4kube_core.compiler.lowering.frame import Frame


def same(f: Frame, left: ex.Expression, right: ex.Expression, span: Span) -> ex.Expression:
    """True if two values of one type are equal.

    Headers are if both are invalid, or both valid with equal members.
    """
    of = left.type
    if isinstance(of, types.Bits | types.Bool | types.Varbit):
        if of != right.type:
            raise refusal.not_yet(f"comparing {of} with {right.type}", span)
        return folding.binary(ex.BinaryOp.EQ, left, right)
    one, other = folding.place(left), folding.place(right)
    match of:
        case types.Stack():
            parts = [
                same(f, element(one, of, i), element(other, of, i), span) for i in range(of.size)
            ]
        case types.Header() | types.Struct():
            if not isinstance(other.type, types.Header | types.Struct):
                raise refusal.not_yet(f"comparing {of} with {other.type}", span)
            pairs = zip(of.members, other.type.members, strict=True)
            parts = [
                same(f, ex.Member(a.type, one, a.name), ex.Member(b.type, other, b.name), span)
                for a, b in pairs
            ]
    alike = _all(parts)
    if not isinstance(of, types.Header):
        return alike
    valid = ex.IsValid(types.BOOL, one), ex.IsValid(types.BOOL, other)
    # An invalid header reads as zero, so that two invalid ones have equal members.
    return folding.binary(ex.BinaryOp.LOGICAL_AND, folding.binary(ex.BinaryOp.EQ, *valid), alike)


def element(of: ex.Place, stack: types.Stack, index: int) -> ex.Index:
    return ex.Index(stack.element, of, ex.Const(types.Bits(32), index))


def _all(parts: list[ex.Expression]) -> ex.Expression:
    """All of them, as a tree that is no deeper than it must be."""
    if len(parts) < 2:
        return parts[0] if parts else ex.TRUE
    middle = len(parts) // 2
    return folding.binary(ex.BinaryOp.LOGICAL_AND, _all(parts[:middle]), _all(parts[middle:]))
