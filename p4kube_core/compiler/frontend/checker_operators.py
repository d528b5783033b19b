"""Types and values of unary and binary operators, conditionals and slices.

Source: P4_16 specification v1.2.5, "Expressions".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_codes,
    checker_conversions,
    checker_inference,
    checker_types,
    checker_values,
    type_algebra,
    types,
)
from p4kube_core.compiler.frontend.checked import Value
from p4kube_core.compiler.frontend.checker_context import Context
from p4kube_core.compiler.frontend.types import Type

Operator = ast.BinaryOperator

_COMPARISONS = frozenset(
    (Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL)
)
_FIXED_ONLY = frozenset(
    (
        Operator.ADD_SATURATING,
        Operator.SUBTRACT_SATURATING,
    )
)
_Fixed = types.Bit | types.Int
_MAX_STRING = 1 << 16


def is_number(of: Type) -> bool:
    return isinstance(of, _Fixed) or of is types.INTEGER


def lowered(ctx: Context, node: ast.Expression, found: Type) -> Type:
    """The type with an enum's underlying type put in, and the cast recorded."""
    if isinstance(found, types.SerialEnum):
        checker_conversions.settle(ctx, node, found, found.underlying)
        return found.underlying
    return found


def unary(ctx: Context, node: ast.Unary) -> Type:
    found = ctx.type_of(node.operand)
    if found is types.UNKNOWN:
        return found
    if node.operator is ast.UnaryOperator.NOT:
        legal = found is types.BOOL
    else:
        found = lowered(ctx, node.operand, found)
        legal = isinstance(found, _Fixed) or (
            found is types.INTEGER and node.operator is not ast.UnaryOperator.COMPLEMENT
        )
    if not legal:
        message = f"operator {node.operator} is not defined on {found}"
        hint = "give the number a width" if found is types.INTEGER else None
        return ctx.fault(checker_codes.OPERANDS, message, node.span, hint)
    value = checker_values.converted(ctx.checked, node.operand)
    if value is not None:
        keep(ctx, node, checker_values.unary(node.operator, value, found))
    else:
        keep_known(ctx, node, node.operand)
    return found


def keep(ctx: Context, node: ast.Expression, value: Value | None) -> None:
    if value is not None:
        ctx.checked.constants[node] = value


def keep_known(ctx: Context, node: ast.Expression, *parts: ast.Expression) -> None:
    """An expression is known at compile time if all of its parts are."""
    if all(map(ctx.is_known, parts)):
        ctx.checked.known.add(node)


def binary(ctx: Context, node: ast.Binary) -> Type:
    left, right = ctx.type_of(node.left), ctx.type_of(node.right)
    keep_known(ctx, node, node.left, node.right)
    match node.operator:
        case Operator.AND | Operator.OR:
            return _logical(ctx, node, left, right)
        case Operator.EQUAL | Operator.NOT_EQUAL:
            return _equality(ctx, node, left, right)
        case Operator.SHIFT_LEFT | Operator.SHIFT_RIGHT:
            return _shift(ctx, node, left, right)
        case Operator.CONCATENATE:
            return _concatenation(ctx, node, left, right)
        case _:
            return _arithmetic(ctx, node, left, right)


def undefined(ctx: Context, node: ast.Binary, left: Type, right: Type, hint: str | None) -> Type:
    message = f"operator {node.operator} is not defined on {left} and {right}"
    return ctx.fault(checker_codes.OPERANDS, message, node.span, hint)


def _logical(ctx: Context, node: ast.Binary, left: Type, right: Type) -> Type:
    if not {left, right} <= {types.BOOL, types.UNKNOWN}:
        undefined(ctx, node, left, right, None)
        return types.BOOL
    one, other = ctx.constant(node.left), ctx.constant(node.right)
    decisive = node.operator is Operator.OR
    if one is decisive:
        keep(ctx, node, decisive)
    elif isinstance(one, bool) and isinstance(other, bool):
        keep(ctx, node, other)
    return types.BOOL


def reconcile(ctx: Context, one: ast.Expression, other: ast.Expression) -> Type | None:
    """Cast two expressions implicitly to a common type; None if there is none."""
    left, right = ctx.checked.converted_type(one), ctx.checked.converted_type(other)
    if types.UNKNOWN in (left, right):
        return types.UNKNOWN
    common = left if left == right else checker_inference.joined(left, right)
    if not (
        checker_conversions.convertible(left, common)
        and checker_conversions.convertible(right, common)
    ):
        return None
    checker_conversions.settle(ctx, one, left, common)
    checker_conversions.settle(ctx, other, right, common)
    return common


def comparable(of: Type) -> bool:
    """Whether == is defined on two values of the type."""
    match of:
        case types.Basic():
            return of not in (types.VOID, types.DONT_CARE, types.STATE, types.DEFAULT)
        case types.Struct() | types.Header() | types.Union():
            return all(comparable(f.type) for f in of.fields)
        case types.Tuple() | types.Sequence():
            return all(map(comparable, of.elements))
        case types.Stack():
            return comparable(of.element)
        case types.Bit() | types.Int() | types.Varbit() | types.Enum() | types.SerialEnum():
            return True
        case types.NewType():
            return True
        case _:
            return False


def _equality(ctx: Context, node: ast.Binary, left: Type, right: Type) -> Type:
    common = reconcile(ctx, node.left, node.right)
    if common is types.UNKNOWN:
        return types.BOOL
    if common is None or not comparable(common) or common is types.INVALID:
        return undefined(ctx, node, left, right, "cast one side to the type of the other")
    _compare_values(ctx, node)
    return types.BOOL


def _compare_values(ctx: Context, node: ast.Binary) -> None:
    one = checker_values.converted(ctx.checked, node.left)
    other = checker_values.converted(ctx.checked, node.right)
    if one is not None and other is not None:
        keep(ctx, node, checker_values.compare(node.operator, one, other))


def _arithmetic(ctx: Context, node: ast.Binary, left: Type, right: Type) -> Type:
    lowered(ctx, node.left, left)
    lowered(ctx, node.right, right)
    common = reconcile(ctx, node.left, node.right)
    if common is types.UNKNOWN:
        return types.BOOL if node.operator in _COMPARISONS else common
    if common is None or not is_number(common):
        hint = "cast one side to the type of the other" if is_number(left) else None
        if types.STRING in (left, right):
            hint = "strings are joined by ++"
        return undefined(ctx, node, left, right, hint)
    if node.operator in _COMPARISONS:
        _compare_values(ctx, node)
        return types.BOOL
    if common is types.INTEGER and node.operator in _FIXED_ONLY:
        return undefined(ctx, node, left, right, "give one of the numbers a width")
    if node.operator in (Operator.DIVIDE, Operator.MODULO) and isinstance(common, types.Int):
        return undefined(ctx, node, left, right, "division is for unsigned constants only")
    return _fold(ctx, node, common)


def _fold(ctx: Context, node: ast.Binary, common: Type) -> Type:
    one = checker_values.converted(ctx.checked, node.left)
    other = checker_values.converted(ctx.checked, node.right)
    division = node.operator in (Operator.DIVIDE, Operator.MODULO)
    if division and other == 0:
        return ctx.fault(checker_codes.BAD_VALUE, "division by zero", node.span)
    if isinstance(one, int) and isinstance(other, int):
        try:
            keep(ctx, node, checker_values.arithmetic(node.operator, one, other, common))
        except checker_values.Undefined as e:
            return ctx.fault(checker_codes.BAD_VALUE, str(e), node.span)
    elif division and one != 0 and not ctx.is_known(node) and not _is_power_of_two(other):
        message = f"operator {node.operator} wants operands that are known at compile time"
        hint = "at run time only division by a power of two is offered"
        return ctx.fault(checker_codes.NOT_CONSTANT, message, node.span, hint)
    return common


def _is_power_of_two(value: Value | None) -> bool:
    return isinstance(value, int) and value > 0 and value & (value - 1) == 0


def _shift(ctx: Context, node: ast.Binary, left: Type, right: Type) -> Type:
    left, right = lowered(ctx, node.left, left), lowered(ctx, node.right, right)
    if types.UNKNOWN in (left, right):
        return left
    if not is_number(left) or not is_number(right):
        return undefined(ctx, node, left, right, None)
    amount = checker_values.converted(ctx.checked, node.right)
    known = ctx.is_known(node.right)
    if not isinstance(right, types.Bit) and not known:
        hint = "the amount wants type bit<>, or a value known at compile time"
        return undefined(ctx, node, left, right, hint)
    if left is types.INTEGER and not known:
        hint = "give the left number a width"
        return undefined(ctx, node, left, right, hint)
    if isinstance(amount, int):
        return _shift_by(ctx, node, left, amount)
    return left


def _shift_by(ctx: Context, node: ast.Binary, left: Type, amount: int) -> Type:
    value = checker_values.converted(ctx.checked, node.left)
    width = type_algebra.width_bits(left)
    if width is not None and amount >= width > 0:
        message = f"a shift by {amount} moves all bits of {left} out"
        ctx.warn(checker_codes.TRUNCATED, message, node.span)
    try:
        folded = checker_values.shift(
            node.operator, value if isinstance(value, int) else 0, amount, left
        )
    except checker_values.Undefined as e:
        return ctx.fault(checker_codes.BAD_VALUE, str(e), node.span)
    if isinstance(value, int):
        keep(ctx, node, folded)
    return left


def _concatenation(ctx: Context, node: ast.Binary, left: Type, right: Type) -> Type:
    left, right = lowered(ctx, node.left, left), lowered(ctx, node.right, right)
    if types.UNKNOWN in (left, right):
        return types.UNKNOWN
    one = checker_values.converted(ctx.checked, node.left)
    other = checker_values.converted(ctx.checked, node.right)
    if left is types.STRING and right is types.STRING:
        if isinstance(one, str) and isinstance(other, str):
            if len(one) + len(other) > _MAX_STRING:
                message = f"a string may have at most {_MAX_STRING} characters"
                return ctx.fault(checker_codes.BAD_VALUE, message, node.span)
            keep(ctx, node, one + other)
        return left
    if not isinstance(left, _Fixed) or not isinstance(right, _Fixed):
        hint = "give the number a width" if types.INTEGER in (left, right) else None
        return undefined(ctx, node, left, right, hint)
    width = left.width + right.width
    if width > checker_types.MAX_WIDTH:
        return ctx.fault(checker_codes.BAD_VALUE, f"{width} bits are too many", node.span)
    of = types.Bit(width) if isinstance(left, types.Bit) else types.Int(width)
    if isinstance(one, int) and isinstance(other, int):
        keep(ctx, node, checker_values.concatenate(one, left, other, right, of))
    return of


def conditional(ctx: Context, node: ast.Conditional) -> Type:
    checker_conversions.require(ctx, node.condition, types.BOOL, "the condition of ?:")
    then, otherwise = ctx.type_of(node.then), ctx.type_of(node.otherwise)
    keep_known(ctx, node, node.condition, node.then, node.otherwise)
    common = reconcile(ctx, node.then, node.otherwise)
    if common is None:
        message = f"both branches of ?: want the same type, found {then} and {otherwise}"
        return ctx.fault(checker_codes.WRONG_TYPE, message, node.span)
    chosen = ctx.constant(node.condition)
    if isinstance(chosen, bool):
        branch = node.then if chosen else node.otherwise
        keep(ctx, node, checker_values.converted(ctx.checked, branch))
    elif common is types.INTEGER and not ctx.is_known(node):
        hint = "give one of the numbers a width"
        message = "a choice made at run time wants branches of fixed width, found int"
        return ctx.fault(checker_codes.WRONG_TYPE, message, node.span, hint)
    return common


def bit_slice(ctx: Context, node: ast.Slice) -> Type:
    found = lowered(ctx, node.base, ctx.type_of(node.base))
    high = checker_types.constant_integer(ctx, node.high, "a slice's bound")
    low = checker_types.constant_integer(ctx, node.low, "a slice's bound")
    if found is types.UNKNOWN or high is None or low is None:
        return types.UNKNOWN
    if not is_number(found):
        return ctx.fault(checker_codes.OPERANDS, f"{found} has no bits to slice", node.span)
    width = type_algebra.width_bits(found) or checker_types.MAX_WIDTH
    if low < 0 or high >= width or high < low:
        message = f"a slice of {found} wants {width - 1} >= high >= low >= 0, found [{high}:{low}]"
        return ctx.fault(checker_codes.BAD_VALUE, message, node.span)
    return _sliced(ctx, node, low, high - low + 1)


def _sliced(ctx: Context, node: ast.Slice | ast.PlusSlice, low: int, width: int) -> Type:
    value = checker_values.converted(ctx.checked, node.base)
    if isinstance(value, int):
        keep(ctx, node, (value >> low) & ((1 << width) - 1))
    return types.Bit(width)


def plus_slice(ctx: Context, node: ast.PlusSlice) -> Type:
    found = lowered(ctx, node.base, ctx.type_of(node.base))
    start = lowered(ctx, node.low, ctx.type_of(node.low))
    width = checker_types.constant_integer(ctx, node.width, "a slice's width")
    if types.UNKNOWN in (found, start) or width is None:
        return types.UNKNOWN
    if not isinstance(found, _Fixed) or not is_number(start):
        message = f"a slice wants bits and a number, found {found} and {start}"
        return ctx.fault(checker_codes.OPERANDS, message, node.span)
    low = checker_values.converted(ctx.checked, node.low)
    if not isinstance(low, int):
        low = None
    if not 1 <= width <= found.width or (low is not None and not 0 <= low <= found.width - width):
        message = f"a slice of {width} bits from bit {low if low is not None else '?'}"
        return ctx.fault(checker_codes.BAD_VALUE, f"{message} is not within {found}", node.span)
    if low is None:
        return types.Bit(width)
    return _sliced(ctx, node, low, width)
