"""Building expressions with what is known of their operands computed at once.

Each function takes operands that are folded already and gives an equal expression, simpler where
it can be.
"""

from __future__ import annotations

from typing import assert_never

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.ir.expressions import BinaryOp, CastKind, UnaryOp


def truth(value: bool) -> ex.Const:
    return ex.TRUE if value else ex.FALSE


def number(of: types.Bits, value: int) -> ex.Const:
    """The constant that is `value` modulo two to the width."""
    return ex.Const(of, types.wrapped(of, value))


def unary(op: UnaryOp, operand: ex.Expression) -> ex.Expression:
    of = operand.type
    assert isinstance(of, types.Bits | types.Bool)
    if isinstance(operand, ex.Const):
        match op:
            case UnaryOp.NOT:
                return truth(not operand.value)
            case UnaryOp.NEGATE:
                assert isinstance(of, types.Bits)
                return number(of, -operand.value)
            case UnaryOp.COMPLEMENT:
                assert isinstance(of, types.Bits)
                return number(of, ~operand.value)
            case _:
                assert_never(op)
    if isinstance(operand, ex.Unary) and operand.op is op:
        return operand.operand  # each of the three undoes itself
    return ex.Unary(of, op, operand)


def binary(op: BinaryOp, left: ex.Expression, right: ex.Expression) -> ex.Expression:
    """Any operator; the type of the result follows from it and the left operand."""
    if op in ex.LOGICALS:
        return _logical(op, left, right)
    compares = op in ex.EQUALITIES or op in ex.ORDERINGS
    if isinstance(left, ex.Const) and isinstance(right, ex.Const):
        value = compute(op, left.type, left.value, right.value)
        if compares:
            return truth(bool(value))
        assert isinstance(left.type, types.Bits)
        return ex.Const(left.type, value)
    if compares:
        return _comparison(op, left, right)
    of = left.type
    assert isinstance(of, types.Bits)
    simpler = _with_constant(op, of, left, right)
    return ex.Binary(of, op, left, right) if simpler is None else simpler


def _logical(op: BinaryOp, left: ex.Expression, right: ex.Expression) -> ex.Expression:
    decisive = ex.FALSE if op is BinaryOp.LOGICAL_AND else ex.TRUE
    for one, other in ((left, right), (right, left)):
        if isinstance(one, ex.Const):
            return decisive if one == decisive else other
    return ex.Binary(types.BOOL, op, left, right)


def _comparison(op: BinaryOp, left: ex.Expression, right: ex.Expression) -> ex.Expression:
    if isinstance(left.type, types.Bool) and op in ex.EQUALITIES:
        for one, other in ((left, right), (right, left)):
            if isinstance(one, ex.Const):
                same = bool(one.value) == (op is BinaryOp.EQ)
                return other if same else unary(UnaryOp.NOT, other)
    return ex.Binary(types.BOOL, op, left, right)


def _with_constant(
    op: BinaryOp, of: types.Bits, left: ex.Expression, right: ex.Expression
) -> ex.Expression | None:
    """Neutral and absorbing operands."""
    if isinstance(right, ex.Const):
        found = _right(op, of, left, right.value)
        if found is not None:
            return found
    if isinstance(left, ex.Const) and op in _COMMUTATIVE:
        return _right(op, of, right, left.value)
    return None


_COMMUTATIVE = frozenset(
    {BinaryOp.ADD, BinaryOp.ADD_SAT, BinaryOp.MUL, BinaryOp.AND, BinaryOp.OR, BinaryOp.XOR}
)
_ZERO_IS_NEUTRAL = frozenset(
    {
        BinaryOp.ADD, BinaryOp.SUB, BinaryOp.ADD_SAT, BinaryOp.SUB_SAT, BinaryOp.OR,
        BinaryOp.XOR, BinaryOp.SHL, BinaryOp.SHR,
    }
)  # fmt: skip


def _right(op: BinaryOp, of: types.Bits, left: ex.Expression, value: int) -> ex.Expression | None:
    every = types.wrapped(of, -1)
    if value == 0 and op in _ZERO_IS_NEUTRAL:
        return left
    if value == 0 and op in (BinaryOp.MUL, BinaryOp.AND, BinaryOp.DIV, BinaryOp.MOD):
        return ex.Const(of, 0)
    if value == 1 and op in (BinaryOp.MUL, BinaryOp.DIV):
        return left
    if value == every and op is BinaryOp.AND:
        return left
    if value == every and op is BinaryOp.OR:
        return ex.Const(of, every)
    if op is BinaryOp.SHL and value >= of.width:
        return ex.Const(of, 0)
    if op is BinaryOp.SHR and value >= of.width and not of.signed:
        return ex.Const(of, 0)
    return None


def compute(op: BinaryOp, of: types.Scalar, left: int, right: int) -> int:
    """What an operator gives for two values of its operands' type (0 or 1 for a Bool).

    Args:
        of: type of the left operand; of the right one too, but of a shift.
    """
    match op:
        case BinaryOp.EQ:
            return int(left == right)
        case BinaryOp.NE:
            return int(left != right)
        case BinaryOp.LT:
            return int(left < right)
        case BinaryOp.LE:
            return int(left <= right)
        case BinaryOp.GT:
            return int(left > right)
        case BinaryOp.GE:
            return int(left >= right)
        case BinaryOp.LOGICAL_AND:
            return left & right
        case BinaryOp.LOGICAL_OR:
            return left | right
        case _:
            assert isinstance(of, types.Bits)
            return _arithmetic(op, of, left, right)


def _arithmetic(op: BinaryOp, of: types.Bits, left: int, right: int) -> int:
    low, high = types.bounds(of)
    match op:
        case BinaryOp.ADD:
            exact = left + right
        case BinaryOp.SUB:
            exact = left - right
        case BinaryOp.ADD_SAT:
            return max(low, min(high, left + right))
        case BinaryOp.SUB_SAT:
            return max(low, min(high, left - right))
        case BinaryOp.MUL:
            exact = left * right
        case BinaryOp.DIV:
            exact = _quotient(left, right)
        case BinaryOp.MOD:
            exact = left - right * _quotient(left, right) if right else 0
        case BinaryOp.AND:
            exact = left & right
        case BinaryOp.OR:
            exact = left | right
        case BinaryOp.XOR:
            exact = left ^ right
        case BinaryOp.SHL:
            exact = left << right if right < of.width else 0
        case BinaryOp.SHR:
            exact = left >> min(right, of.width)
        case _:
            raise ValueError(f"{op} is no arithmetic")
    return types.wrapped(of, exact)


def _quotient(left: int, right: int) -> int:
    """Towards zero, exactly at any size; zero for a divisor of zero."""
    if right == 0:
        return 0
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


def concat(left: ex.Expression, right: ex.Expression) -> ex.Expression:
    assert isinstance(left.type, types.Bits)
    assert isinstance(right.type, types.Bits)
    of = types.Bits(left.type.width + right.type.width, left.type.signed)
    if isinstance(left, ex.Const) and isinstance(right, ex.Const):
        low = right.value & ((1 << right.type.width) - 1)
        return number(of, left.value << right.type.width | low)
    return ex.Concat(of, left, right)


def part(operand: ex.Expression, high: int, low: int) -> ex.Expression:
    """Bits high to low, both included."""
    assert isinstance(operand.type, types.Bits)
    of = types.Bits(high - low + 1)
    if isinstance(operand, ex.Const):
        return number(of, operand.value >> low)
    if operand.type == of:
        return operand
    if isinstance(operand, ex.Slice):
        return part(operand.operand, high + operand.low, low + operand.low)
    return ex.Slice(of, operand, high, low)


def cast(to: types.Scalar, operand: ex.Expression) -> ex.Expression:
    """Any cast that P4 has between bit, int and bool, in the steps that it takes."""
    of = operand.type
    assert isinstance(of, types.Bits | types.Bool)
    if of == to:
        return operand
    if isinstance(to, types.Bool):
        return _cast(to, CastKind.TO_BOOL, cast(types.Bits(1), operand))
    if isinstance(of, types.Bool):
        one = types.Bits(1)
        return cast(to, _cast(one, CastKind.FROM_BOOL, operand))
    if of.width != to.width:
        if to.width < of.width:
            kind = CastKind.TRUNCATE
        else:
            kind = CastKind.SIGN_EXTEND if of.signed else CastKind.ZERO_EXTEND
        operand = _cast(types.Bits(to.width, of.signed), kind, operand)
    if of.signed != to.signed:
        operand = _cast(to, CastKind.REINTERPRET, operand)
    return operand


def _cast(to: types.Scalar, kind: CastKind, operand: ex.Expression) -> ex.Expression:
    if isinstance(operand, ex.Const):
        return (
            truth(operand.value != 0) if isinstance(to, types.Bool) else number(to, operand.value)
        )
    if isinstance(operand, ex.Cast) and {kind, operand.kind} <= {
        CastKind.FROM_BOOL, CastKind.TO_BOOL
    }:  # fmt: skip
        return operand.operand
    return ex.Cast(to, kind, operand)


def mux(condition: ex.Expression, then: ex.Expression, otherwise: ex.Expression) -> ex.Expression:
    of = then.type
    assert isinstance(of, types.Bits | types.Bool)
    if isinstance(condition, ex.Const):
        return then if condition.value else otherwise
    if then == otherwise:
        return then
    return ex.Mux(of, condition, then, otherwise)


def rebuilt(of: ex.Expression, operands: tuple[ex.Expression, ...]) -> ex.Expression:
    """The same expression over other operands (as `expressions.operands` gives them), folded."""
    match of:
        case ex.Const() | ex.Var() | ex.PacketLength():
            return of
        case ex.Member():
            return ex.Member(of.type, place(operands[0]), of.name)
        case ex.Index():
            return ex.Index(of.type, place(operands[0]), operands[1])
        case ex.NextIndex():
            return ex.NextIndex(of.type, place(operands[0]))
        case ex.IsValid():
            return ex.IsValid(of.type, place(operands[0]))
        case ex.Unary():
            return unary(of.op, operands[0])
        case ex.Binary():
            return binary(of.op, operands[0], operands[1])
        case ex.Concat():
            return concat(operands[0], operands[1])
        case ex.Slice():
            return part(operands[0], of.high, of.low)
        case ex.Cast():
            return cast(of.type, operands[0])
        case ex.Mux():
            return mux(operands[0], operands[1], operands[2])
        case _:
            assert_never(of)


def place(of: ex.Expression) -> ex.Place:
    """The expression, which must be a place."""
    assert isinstance(of, ex.Var | ex.Member | ex.Index)
    return of
