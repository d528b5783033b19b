"""Key sets of table entries and of select."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.lowering import expressions, order, refusal
from p4kube_core.compiler.lowering.frame import Frame


def constant(f: Frame, node: ast.Expression, of: types.Scalar) -> ir.Keyset | None:
    """A key set for values of a type; None if it is not known when the program is compiled."""
    match node:
        case ast.DontCare() | ast.DefaultKey():
            return ir.AnyValue()
        case ast.Mask():
            value, mask = _number(f, node.value, of), _number(f, node.mask, of)
            if value is None or mask is None:
                return None
            return masked(value, mask, _width(of))
        case ast.Range():
            low, high = _number(f, node.low, of), _number(f, node.high, of)
            return None if low is None or high is None else ir.Between(low, high)
        case ast.ListExpression(elements=(one,)):
            return constant(f, one, of)
        case _:
            found = _number(f, node, of)
            return None if found is None else ir.Exactly(found)


def masked(value: int, mask: int, width: int) -> ir.Keyset:
    """Value under mask, as the plainest key set of that meaning."""
    every = (1 << width) - 1
    mask &= every
    if mask == 0:
        return ir.AnyValue()
    return ir.Masked(value & mask, mask)


def _width(of: types.Scalar) -> int:
    return of.width if isinstance(of, types.Bits) else 1


def _number(f: Frame, node: ast.Expression, of: types.Scalar) -> int | None:
    inner = f.within()
    found = expressions.value(inner, node)
    if not order.is_scalar(found.type):
        raise refusal.not_yet(f"a key set of type {found.type}", node.span)
    value = expressions.converted(found, of, node.span)
    return value.value if isinstance(value, ex.Const) else None


def condition(f: Frame, node: ast.Expression, subject: ex.Expression) -> ex.Expression:
    """True if the subject is in the key set; for key sets that are not constant."""

    def number(part: ast.Expression) -> ex.Expression:
        return expressions.converted(expressions.value(f, part), subject.type, part.span)

    match node:
        case ast.DontCare() | ast.DefaultKey():
            return ex.TRUE
        case ast.Mask():
            mask = number(node.mask)
            left = folding.binary(ex.BinaryOp.AND, subject, mask)
            right = folding.binary(ex.BinaryOp.AND, number(node.value), mask)
            return folding.binary(ex.BinaryOp.EQ, left, right)
        case ast.Range():
            above = folding.binary(ex.BinaryOp.GE, subject, number(node.low))
            below = folding.binary(ex.BinaryOp.LE, subject, number(node.high))
            return folding.binary(ex.BinaryOp.LOGICAL_AND, above, below)
        case _:
            return folding.binary(ex.BinaryOp.EQ, subject, number(node))
