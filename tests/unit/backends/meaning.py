"""What expressions mean: evaluated with Python's integers, as the IR's rules say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import types

_Op = ex.BinaryOp


def value(e: ex.Expression, given: Mapping[str, int]) -> int:
    """The value; `given` is that of each variable."""
    match e:
        case ex.Const():
            return e.value
        case ex.Var():
            return given[e.name]
        case ex.Unary():
            return _unary(e, value(e.operand, given))
        case ex.Binary():
            return _binary(e, value(e.left, given), value(e.right, given))
        case ex.Concat():
            low = _bits(e.right, value(e.right, given))
            high = _bits(e.left, value(e.left, given))
            return types.wrapped(e.type, high << types.width_bits(e.right.type) | low)
        case ex.Slice():
            return value(e.operand, given) >> e.low & ((1 << e.type.width) - 1)
        case ex.Cast():
            inner = value(e.operand, given)
            return types.wrapped(e.type, inner) if isinstance(e.type, types.Bits) else inner
        case ex.Mux():
            taken = e.then if value(e.condition, given) else e.otherwise
            return value(taken, given)
        case ex.Member() | ex.Index() | ex.NextIndex() | ex.IsValid() | ex.PacketLength():
            raise NotImplementedError
        case _:
            assert_never(e)


def _bits(e: ex.Expression, number: int) -> int:
    return number & ((1 << types.width_bits(e.type)) - 1)


def _unary(e: ex.Unary, a: int) -> int:
    if e.op is ex.UnaryOp.NOT:
        return 1 - a
    assert isinstance(e.type, types.Bits)
    return types.wrapped(e.type, -a if e.op is ex.UnaryOp.NEGATE else ~a)


def _binary(e: ex.Binary, a: int, b: int) -> int:
    truth = {
        _Op.EQ: a == b,
        _Op.NE: a != b,
        _Op.LT: a < b,
        _Op.LE: a <= b,
        _Op.GT: a > b,
        _Op.GE: a >= b,
        _Op.LOGICAL_AND: bool(a and b),
        _Op.LOGICAL_OR: bool(a or b),
    }
    if e.op in truth:
        return int(truth[e.op])
    of = e.type
    assert isinstance(of, types.Bits)
    low, high = types.bounds(of)
    match e.op:
        case _Op.ADD_SAT:
            return max(low, min(high, a + b))
        case _Op.SUB_SAT:
            return max(low, min(high, a - b))
        case _Op.SHL:
            return types.wrapped(of, a << b) if b < of.width else 0
        case _Op.SHR:
            return a >> min(b, of.width)
        case _Op.DIV:
            return types.wrapped(of, _divided(a, b))
        case _Op.MOD:
            return a - b * _divided(a, b) if b else 0
    plain = {
        _Op.ADD: a + b,
        _Op.SUB: a - b,
        _Op.MUL: a * b,
        _Op.AND: a & b,
        _Op.OR: a | b,
        _Op.XOR: a ^ b,
    }
    return types.wrapped(of, plain[e.op])


def _divided(a: int, b: int) -> int:
    """Towards zero; by zero it is zero."""
    if b == 0:
        return 0
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
