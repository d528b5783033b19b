"""Values of constant expressions that the checker does not look at: those in annotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Checked

Literal: TypeAlias = bool | int | str
Constants: TypeAlias = Mapping[str, Literal]

_MOST_BITS: Final = 4096  # beyond it a shift cannot be meant
_OPERATIONS: Final[Mapping[ast.BinaryOperator, Callable[[int, int], Literal]]] = {
    ast.BinaryOperator.ADD: lambda a, b: a + b,
    ast.BinaryOperator.SUBTRACT: lambda a, b: a - b,
    ast.BinaryOperator.MULTIPLY: lambda a, b: a * b,
    ast.BinaryOperator.DIVIDE: lambda a, b: a // b if b else 0,
    ast.BinaryOperator.MODULO: lambda a, b: a % b if b else 0,
    ast.BinaryOperator.SHIFT_LEFT: lambda a, b: a << min(max(b, 0), _MOST_BITS),
    ast.BinaryOperator.SHIFT_RIGHT: lambda a, b: a >> max(b, 0),
    ast.BinaryOperator.BIT_AND: lambda a, b: a & b,
    ast.BinaryOperator.BIT_OR: lambda a, b: a | b,
    ast.BinaryOperator.BIT_XOR: lambda a, b: a ^ b,
    ast.BinaryOperator.LESS: lambda a, b: a < b,
    ast.BinaryOperator.LESS_OR_EQUAL: lambda a, b: a <= b,
    ast.BinaryOperator.GREATER: lambda a, b: a > b,
    ast.BinaryOperator.GREATER_OR_EQUAL: lambda a, b: a >= b,
    ast.BinaryOperator.EQUAL: lambda a, b: a == b,
    ast.BinaryOperator.NOT_EQUAL: lambda a, b: a != b,
    ast.BinaryOperator.AND: lambda a, b: bool(a and b),
    ast.BinaryOperator.OR: lambda a, b: bool(a or b),
}


def combine(operator: ast.BinaryOperator, left: int, right: int) -> Literal | None:
    """Apply an operator to numbers or truth values; None for ++ and the saturating ones."""
    operation = _OPERATIONS.get(operator)
    return None if operation is None else operation(left, right)


def constants_of(checked: Checked) -> Constants:
    """The program's global constants, as far as annotations can hold them."""
    found: dict[str, Literal] = {}
    for node in checked.program.declarations:
        if isinstance(node, ast.ConstantDeclaration):
            value = checked.constant_of(node.value)
            if isinstance(value, Literal):
                found[node.name] = value
    return found


def fold(node: ast.Expression, constants: Constants) -> Literal | None:
    """The value of an expression; None if it has none."""
    match node:
        case ast.StringLiteral(value=text):
            return text
        case ast.BooleanLiteral(value=truth):
            return truth
        case ast.IntegerLiteral(value=number):
            return number
        case ast.NameExpression(name=name):
            return constants.get(name)
        case ast.Cast(operand=operand):
            return fold(operand, constants)
        case ast.Unary(operator=operator, operand=operand):
            return _unary(operator, fold(operand, constants))
        case ast.Binary(operator=operator, left=left, right=right):
            a, b = fold(left, constants), fold(right, constants)
            if isinstance(a, str) and isinstance(b, str):
                return a + b if operator is ast.BinaryOperator.CONCATENATE else None
            if isinstance(a, int) and isinstance(b, int):
                return combine(operator, a, b)
            return None
        case _:
            return None


def _unary(operator: ast.UnaryOperator, value: Literal | None) -> Literal | None:
    if not isinstance(value, int):
        return None
    match operator:
        case ast.UnaryOperator.NEGATE:
            return -value
        case ast.UnaryOperator.PLUS:
            return value
        case ast.UnaryOperator.NOT:
            return not value
        case ast.UnaryOperator.COMPLEMENT:
            return ~value
