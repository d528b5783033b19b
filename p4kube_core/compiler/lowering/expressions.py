"""Expressions: calls are taken out of them, what is left is pure.

The value of an aggregate (header, struct, stack, tuple, varbit) is always a place.
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.ast import BinaryOperator, UnaryOperator
from p4kube_core.compiler.frontend.checked import EnumValue, ErrorValue, Value
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import (
    aggregates,
    calls,
    equality,
    order,
    places,
    refusal,
)
from p4kube_core.compiler.lowering.frame import Frame
from p4kube_core.compiler.lowering.scope import Deferred

_BINARY = {
    BinaryOperator.MULTIPLY: ex.BinaryOp.MUL,
    BinaryOperator.DIVIDE: ex.BinaryOp.DIV,
    BinaryOperator.MODULO: ex.BinaryOp.MOD,
    BinaryOperator.ADD: ex.BinaryOp.ADD,
    BinaryOperator.SUBTRACT: ex.BinaryOp.SUB,
    BinaryOperator.ADD_SATURATING: ex.BinaryOp.ADD_SAT,
    BinaryOperator.SUBTRACT_SATURATING: ex.BinaryOp.SUB_SAT,
    BinaryOperator.SHIFT_LEFT: ex.BinaryOp.SHL,
    BinaryOperator.SHIFT_RIGHT: ex.BinaryOp.SHR,
    BinaryOperator.LESS: ex.BinaryOp.LT,
    BinaryOperator.LESS_OR_EQUAL: ex.BinaryOp.LE,
    BinaryOperator.GREATER: ex.BinaryOp.GT,
    BinaryOperator.GREATER_OR_EQUAL: ex.BinaryOp.GE,
    BinaryOperator.EQUAL: ex.BinaryOp.EQ,
    BinaryOperator.NOT_EQUAL: ex.BinaryOp.NE,
    BinaryOperator.BIT_AND: ex.BinaryOp.AND,
    BinaryOperator.BIT_XOR: ex.BinaryOp.XOR,
    BinaryOperator.BIT_OR: ex.BinaryOp.OR,
}


def value(f: Frame, node: ast.Expression) -> ex.Expression:
    """The value of an expression in its place, the implicit cast included."""
    wanted = f.build.checked.cast_of(node)
    if wanted is None:
        return plain(f, node)
    target = f.kind(wanted, node.span)
    if not order.is_scalar(target):
        return aggregates.temporary(f, node, target)
    return converted(plain(f, node), target, node.span)


def converted(of: ex.Expression, target: types.Type, span: Span) -> ex.Expression:
    if of.type == target:
        return of
    if not isinstance(target, types.Bits | types.Bool) or not order.is_scalar(of.type):
        raise refusal.not_yet(f"a cast from {of.type} to {target}", span)
    return folding.cast(target, of)


def plain(f: Frame, node: ast.Expression) -> ex.Expression:
    """The value of an expression before the implicit cast."""
    constant = f.build.checked.constant_of(node)
    if constant is not None:
        of = f.kind(f.type_of(node), node.span)
        known = scalar_constant(f, constant, of)
        return known if known is not None else aggregates.temporary(f, node, of)
    match node:
        case ast.NameExpression():
            return _name(f, node)
        case ast.Member():
            return places.member(f, node)
        case ast.Index():
            return places.index(f, node)
        case ast.Slice():
            high, low = known_number(f, node.high), known_number(f, node.low)
            return folding.part(_sliceable(value(f, node.base), high), high, low)
        case ast.PlusSlice():
            return _plus_slice(f, node)
        case ast.Call():
            return _result(calls.call(f, node), node.span)
        case ast.Cast():
            return _cast(f, node)
        case ast.Unary():
            return _unary(f, node)
        case ast.Binary():
            return _binary(f, node)
        case ast.Conditional():
            return _conditional(f, node)
        case ast.ListExpression() | ast.StructExpression() | ast.InvalidHeader():
            return aggregates.temporary(f, node, f.kind(f.converted_type(node), node.span))
        case _:
            raise refusal.not_yet("an expression of this form here", node.span)


def _result(of: ex.Expression | None, span: Span) -> ex.Expression:
    if of is None:
        raise refusal.not_yet("a call without result in an expression", span)
    return of


def scalar_constant(f: Frame, constant: Value, of: types.Type) -> ex.Const | None:
    """A compile-time value as a constant; None if it is of an aggregate."""
    match constant:
        case bool():
            number = int(constant)
        case int():
            number = constant
        case EnumValue() | ErrorValue():
            number = f.build.checked.enum_number(constant)
        case _:
            return None
    if isinstance(of, types.Bool):
        return folding.truth(number != 0)
    return folding.number(of, number) if isinstance(of, types.Bits) else None


def known_number(f: Frame, node: ast.Expression) -> int:
    """The value of an expression that must be known by now, constructor parameters put in."""
    found = value(f.within(), node)
    if not isinstance(found, ex.Const):
        message = "wanted a value known when the program is compiled"
        raise refusal.Refused(refusal.NOT_KNOWN, message, node.span)
    return found.value


def _name(f: Frame, node: ast.NameExpression) -> ex.Expression:
    declaration = f.build.checked.use(node)
    meaning = None if declaration is None else f.scope.find(declaration)
    if isinstance(meaning, Deferred):
        inner = Frame(f.build, meaning.scope, f.flow, f.out)
        return value(inner, meaning.value)
    if meaning is None and isinstance(declaration, ast.ConstantDeclaration):
        return value(Frame(f.build, f.build.top, f.flow, f.out), declaration.value)
    if isinstance(meaning, ex.Expression):
        return meaning
    if meaning is None and f.build.diagnostics.has_errors:
        raise refusal.consequence(node.span)  # its declaration was refused
    raise refusal.not_yet(f"{node.name!r} as a value", node.span)


def _sliceable(of: ex.Expression, high: int) -> ex.Expression:
    """`int` constants have as many bits as are asked for."""
    if isinstance(of, ex.Const) and isinstance(of.type, types.Bits) and high >= of.type.width:
        return folding.cast(types.Bits(high + 1, of.type.signed), of)
    return of


def _plus_slice(f: Frame, node: ast.PlusSlice) -> ex.Expression:
    width = known_number(f, node.width)
    parts = (lambda: value(f, node.base), lambda: value(f, node.low))
    base, low = order.in_order(f, parts, node.span)
    assert isinstance(base.type, types.Bits)
    if width > base.type.width:
        raise refusal.not_yet("a slice wider than its base", node.span)
    unsigned = folding.cast(types.Bits(base.type.width), base)
    moved = folding.binary(ex.BinaryOp.SHR, unsigned, shift_amount(low))
    return folding.part(moved, width - 1, 0)


def shift_amount(of: ex.Expression) -> ex.Expression:
    """The right operand of a shift, unsigned; P4 lets it be signed only where it is constant."""
    assert isinstance(of.type, types.Bits)
    if isinstance(of, ex.Const) and of.type.signed:
        return folding.number(types.Bits(32), min(max(of.value, 0), (1 << 32) - 1))
    return folding.cast(types.Bits(of.type.width), of)


def _cast(f: Frame, node: ast.Cast) -> ex.Expression:
    target = f.kind(f.type_of(node), node.span)
    if not order.is_scalar(target):
        source = f.converted_type(node.operand)
        if f.kind(source, node.span) == target and not aggregates.is_written_out(node.operand):
            return value(f, node.operand)
        return aggregates.temporary(f, node.operand, target)
    return converted(value(f, node.operand), target, node.span)


def _unary(f: Frame, node: ast.Unary) -> ex.Expression:
    operand = value(f, node.operand)
    match node.operator:
        case UnaryOperator.PLUS:
            return operand
        case UnaryOperator.NEGATE:
            return folding.unary(ex.UnaryOp.NEGATE, operand)
        case UnaryOperator.COMPLEMENT:
            return folding.unary(ex.UnaryOp.COMPLEMENT, operand)
        case UnaryOperator.NOT:
            return folding.unary(ex.UnaryOp.NOT, operand)


def _binary(f: Frame, node: ast.Binary) -> ex.Expression:
    if node.operator in (BinaryOperator.AND, BinaryOperator.OR):
        return _short_circuit(f, node)
    parts = (lambda: value(f, node.left), lambda: value(f, node.right))
    left, right = order.in_order(f, parts, node.span)
    return operation(f, node.operator, left, right, node)


def operation(
    f: Frame, operator: BinaryOperator, left: ex.Expression, right: ex.Expression, node: ast.Binary
) -> ex.Expression:
    if operator is BinaryOperator.CONCATENATE:
        return folding.concat(left, right)
    op = _BINARY[operator]
    if op in ex.EQUALITIES and not order.is_scalar(left.type):
        same = equality.same(f, left, right, node.span)
        return same if op is ex.BinaryOp.EQ else folding.unary(ex.UnaryOp.NOT, same)
    if op in ex.SHIFTS:
        return folding.binary(op, left, shift_amount(right))
    if left.type != right.type:
        raise refusal.not_yet(f"{left.type} {operator} {right.type}", node.span)
    return folding.binary(op, left, right)


def arithmetic(
    op: BinaryOperator, left: ex.Expression, right: ex.Expression, span: Span
) -> ex.Expression:
    """An operation on numbers, as compound assignments have."""
    operator = _BINARY[op]
    if operator in ex.SHIFTS:
        return folding.binary(operator, left, shift_amount(right))
    return folding.binary(operator, left, converted(right, left.type, span))


def _short_circuit(f: Frame, node: ast.Binary) -> ex.Expression:
    left = value(f, node.left)
    inner = f.within()
    right = value(inner, node.right)
    is_and = node.operator is BinaryOperator.AND
    op = ex.BinaryOp.LOGICAL_AND if is_and else ex.BinaryOp.LOGICAL_OR
    if not inner.out:
        return folding.binary(op, left, right)
    # The right side has effects: only if the left one does not decide.
    result = f.temporary(types.BOOL, node.span)
    f.emit(st.Assign(node.span, result, left))
    inner.emit(st.Assign(node.right.span, result, right))
    condition = result if is_and else folding.unary(ex.UnaryOp.NOT, result)
    f.emit(st.If(node.span, condition, tuple(inner.out)))
    return result


def _conditional(f: Frame, node: ast.Conditional) -> ex.Expression:
    condition = value(f, node.condition)
    target = f.kind(f.type_of(node), node.span)
    if isinstance(condition, ex.Const):
        return converted(
            value(f, node.then if condition.value else node.otherwise), target, node.span
        )
    then, otherwise = f.within(), f.within()
    if order.is_scalar(target):
        yes, no = value(then, node.then), value(otherwise, node.otherwise)
        if not then.out and not otherwise.out:
            first = converted(yes, target, node.span)
            return folding.mux(condition, first, converted(no, target, node.span))
        result = f.temporary(target, node.span)
        then.emit(st.Assign(node.span, result, converted(yes, target, node.span)))
        otherwise.emit(st.Assign(node.span, result, converted(no, target, node.span)))
    else:
        result = f.temporary(target, node.span)
        aggregates.assign(then, result, node.then, node.span)
        aggregates.assign(otherwise, result, node.otherwise, node.span)
    f.emit(st.If(node.span, condition, tuple(then.out), tuple(otherwise.out)))
    return result
