"""Arithmetic on compile-time values, as P4 defines it for each type; reports nothing.

Source: P4_16 specification v1.2.5, sections "Operations on fixed-width bit types",
"Operations on fixed-width signed integers", "Operations on arbitrary-precision integers", "Casts".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast, type_algebra, types
from p4kube_core.compiler.frontend.checked import (
    Checked,
    EnumValue,
    ErrorValue,
    InvalidValue,
    RecordValue,
    Value,
)
from p4kube_core.compiler.frontend.types import Type

MAX_BITS = 1 << 16  # an int value of more bits than this is refused

Operator = ast.BinaryOperator


class Undefined(Exception):
    """The operation has no value; the message says why."""


def wrap(value: int, to: Type) -> int:
    """The value modulo the width of `to`, in its range; unchanged for types without width."""
    match to:
        case types.Bit():
            return value & ((1 << to.width) - 1)
        case types.Int() if to.width > 0:
            value &= (1 << to.width) - 1
            return value - (1 << to.width) if value >> (to.width - 1) else value
        case _:
            return value


def fits(value: int, to: Type) -> bool:
    return wrap(value, to) == value


def clamp(value: int, to: Type) -> int:
    """The value of `to` that is nearest."""
    match to:
        case types.Bit():
            return max(0, min(value, (1 << to.width) - 1))
        case types.Int():
            return max(-(1 << (to.width - 1)), min(value, (1 << (to.width - 1)) - 1))
        case _:
            return value


def cast(checked: Checked, value: Value, target: Type) -> Value | None:
    """The value after a cast that is legal; None if it is not known as a value then."""
    if isinstance(value, EnumValue) and isinstance(value.type, types.SerialEnum):
        number = checked.serial_values.get(value.type.name, {}).get(value.member)
        if value.type == target or number is None:
            return value if number is not None else None
        value = number
    base = target
    while isinstance(base, types.NewType):
        base = base.underlying
    match base:
        case types.Bit() | types.Int() if isinstance(value, int):
            return wrap(int(value), base)
        case types.BOOL if isinstance(value, int):
            return bool(value)
        case types.INTEGER if isinstance(value, int):
            return int(value)
        case types.SerialEnum() if isinstance(value, int):
            members = checked.serial_values.get(base.name, {})
            number = wrap(int(value), base.underlying)
            name = next((m for m, n in members.items() if n == number), None)
            return None if name is None else EnumValue(base, name)
        case types.Bit() | types.Int() | types.BOOL | types.INTEGER | types.SerialEnum():
            return None
        case _:
            return value


def converted(checked: Checked, node: ast.Expression) -> Value | None:
    """The value of an expression after its implicit cast, None if it has none."""
    value = checked.constants.get(node)
    target = checked.casts.get(node)
    if value is None or target is None:
        return value
    return cast(checked, value, target)


def brace_value(checked: Checked, node: ast.Expression, target: Type) -> Value | None:
    """The value of a brace expression, once its type is known and its parts are converted."""
    match node:
        case ast.InvalidHeader():
            return InvalidValue()
        case ast.DefaultInitializer():
            return default(target)
        case ast.ListExpression():
            return _list_value(checked, node, target)
        case ast.StructExpression():
            return _struct_value(checked, node, target)
        case ast.Conditional():
            chosen = checked.constants.get(node.condition)
            if isinstance(chosen, bool):
                return converted(checked, node.then if chosen else node.otherwise)
    return None


def _list_value(checked: Checked, node: ast.ListExpression, target: Type) -> Value | None:
    values: list[Value] = []
    for element in node.elements:
        value = converted(checked, element)
        if value is None:
            return None
        values.append(value)
    if isinstance(target, types.Struct | types.Header):
        rest = target.fields[len(values) :]
        more = [default(f.type) for f in rest]
        if any(v is None for v in more):
            return None
        whole = [*values, *(v for v in more if v is not None)]
        return RecordValue(tuple((f.name, v) for f, v in zip(target.fields, whole, strict=False)))
    if node.has_default:
        places = target.elements if isinstance(target, types.Tuple) else ()
        if isinstance(target, types.Stack):
            places = (target.element,) * target.size
        for place in places[len(values) :]:
            value = default(place)
            if value is None:
                return None
            values.append(value)
    return tuple(values)


def _struct_value(checked: Checked, node: ast.StructExpression, target: Type) -> Value | None:
    if not isinstance(target, types.Struct | types.Header):
        return None
    given = {f.name: f.value for f in node.fields}
    fields: list[tuple[str, Value]] = []
    for f in target.fields:
        value = converted(checked, given[f.name]) if f.name in given else default(f.type)
        if value is None:
            return None
        fields.append((f.name, value))
    return RecordValue(tuple(fields))


def default(of: Type) -> Value | None:
    """The default value of a type, None if it has none that is a value here."""
    match of:
        case types.Bit() | types.Int() | types.INTEGER:
            return 0
        case types.BOOL:
            return False
        case types.STRING:
            return ""
        case types.ERROR:
            return ErrorValue("NoError")
        case types.Enum() if of.members:
            return EnumValue(of, of.members[0])
        case types.Header() | types.Union():
            return InvalidValue()
        case types.NewType():
            return default(of.underlying)
        case types.Struct():
            fields = [(f.name, default(f.type)) for f in of.fields]
            whole = tuple((name, v) for name, v in fields if v is not None)
            return RecordValue(whole) if len(whole) == len(fields) else None
        case types.Tuple():
            values = [default(e) for e in of.elements]
            return None if None in values else tuple(v for v in values if v is not None)
        case _:
            return None


def unary(operator: ast.UnaryOperator, value: Value, of: Type) -> Value | None:
    if operator is ast.UnaryOperator.NOT:
        return not value
    if not isinstance(value, int):
        return None
    match operator:
        case ast.UnaryOperator.NEGATE:
            return wrap(-value, of)
        case ast.UnaryOperator.PLUS:
            return value
        case _:
            return wrap(~value, of)


def compare(operator: Operator, left: Value, right: Value) -> bool | None:
    match operator:
        case Operator.EQUAL:
            return left == right
        case Operator.NOT_EQUAL:
            return left != right
    if not (isinstance(left, int) and isinstance(right, int)):
        return None
    match operator:
        case Operator.LESS:
            return left < right
        case Operator.LESS_OR_EQUAL:
            return left <= right
        case Operator.GREATER:
            return left > right
        case _:
            return left >= right


def arithmetic(operator: Operator, left: int, right: int, of: Type) -> int:
    """Add, subtract, multiply, divide or combine bitwise two values of the type `of`.

    Raises:
        Undefined: division by zero or of negative numbers, or a result that is too large.
    """
    match operator:
        case Operator.ADD:
            return wrap(left + right, of)
        case Operator.SUBTRACT:
            return wrap(left - right, of)
        case Operator.ADD_SATURATING:
            return clamp(left + right, of)
        case Operator.SUBTRACT_SATURATING:
            return clamp(left - right, of)
        case Operator.MULTIPLY:
            if left.bit_length() + right.bit_length() > MAX_BITS:
                raise Undefined(f"the product has more than {MAX_BITS} bits")
            return wrap(left * right, of)
        case Operator.DIVIDE | Operator.MODULO:
            return _divide(operator, left, right)
        case Operator.BIT_AND:
            return wrap(left & right, of)
        case Operator.BIT_OR:
            return wrap(left | right, of)
        case _:
            return wrap(left ^ right, of)


def _divide(operator: Operator, left: int, right: int) -> int:
    if right == 0:
        raise Undefined("division by zero")
    if left < 0 or right < 0:
        raise Undefined("division is not defined on negative numbers")
    return left // right if operator is Operator.DIVIDE else left % right


def shift(operator: Operator, left: int, amount: int, of: Type) -> int:
    """Shift a value of the type `of`.

    Raises:
        Undefined: the amount is negative, or the result too large.
    """
    if amount < 0:
        raise Undefined("a shift by a negative amount is not defined")
    if operator is Operator.SHIFT_RIGHT:
        return left >> min(amount, MAX_BITS * 2)
    width = type_algebra.width_bits(of)
    if width is not None and amount >= width:
        return 0
    if left.bit_length() + amount > MAX_BITS:
        raise Undefined(f"the result has more than {MAX_BITS} bits")
    return wrap(left << amount, of)


def concatenate(left: int, left_type: Type, right: int, right_type: Type, of: Type) -> int:
    """The bits of both, the left ones most significant."""
    right_width = type_algebra.width_bits(right_type) or 0
    left_width = type_algebra.width_bits(left_type) or 0
    low = right & ((1 << right_width) - 1)
    high = left & ((1 << left_width) - 1)
    return wrap(high << right_width | low, of)
