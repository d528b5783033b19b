"""Expressions of the IR: pure and typed; evaluating one changes nothing and cannot fail.

Rules:
- No class here is derived from another; a new need is a new field or a new class.
- A value of header, struct, stack or varbit type is always a place (Var, Member, Index): such
values are copied
  whole or by member, never computed.
- Defined where P4 is not: a member of an invalid header reads as zero; an element beyond a stack's
end reads as
  zero or as an invalid header; division and modulo by zero give zero; a shift by the width or more
  gives zero, or all
  sign bits; what was never written is zero, headers are invalid.
- Values may be of any width. 1 to 128 bits must work in every back end.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.ir import types


class UnaryOp(enum.StrEnum):
    NEGATE = "-"  # Bits, modulo two to the width
    COMPLEMENT = "~"  # Bits
    NOT = "!"  # Bool


class BinaryOp(enum.StrEnum):
    """Unless said otherwise: both operands and the result have one Bits type, and the result
    wraps.
    """

    ADD = "+"
    SUB = "-"
    ADD_SAT = "|+|"  # saturates at the type's bounds
    SUB_SAT = "|-|"
    MUL = "*"
    DIV = "/"  # truncates towards zero
    MOD = "%"  # has the sign of the left operand
    AND = "&"
    OR = "|"
    XOR = "^"
    SHL = "<<"  # the right operand is of any unsigned Bits type
    SHR = ">>"  # likewise; arithmetic if the left operand is signed
    EQ = "=="  # result Bool; operands of one Bits, Bool or Varbit type
    NE = "!="
    LT = "<"  # result Bool; operands of one Bits type
    LE = "<="
    GT = ">"
    GE = ">="
    LOGICAL_AND = "&&"  # Bool; being pure, both sides may be evaluated
    LOGICAL_OR = "||"


SHIFTS = frozenset({BinaryOp.SHL, BinaryOp.SHR})
EQUALITIES = frozenset({BinaryOp.EQ, BinaryOp.NE})
ORDERINGS = frozenset({BinaryOp.LT, BinaryOp.LE, BinaryOp.GT, BinaryOp.GE})
LOGICALS = frozenset({BinaryOp.LOGICAL_AND, BinaryOp.LOGICAL_OR})


class CastKind(enum.StrEnum):
    TRUNCATE = "truncate"  # Bits to fewer Bits: the low ones
    ZERO_EXTEND = "zext"  # unsigned Bits to more Bits
    SIGN_EXTEND = "sext"  # signed Bits to more Bits
    REINTERPRET = "reinterpret"  # Bits to as many Bits of the other signedness
    FROM_BOOL = "from_bool"  # Bool to bit<1>
    TO_BOOL = "to_bool"  # bit<1> to Bool


@final
@dataclass(frozen=True, slots=True)
class Const:
    """A number in the bounds of its type (negative ones if signed), or 0 or 1 of type Bool."""

    type: types.Scalar
    value: int


@final
@dataclass(frozen=True, slots=True)
class Var:
    """A variable of the program or of the action or block at hand, or a parameter of the action at
    hand.
    """

    type: types.Type
    name: str


@final
@dataclass(frozen=True, slots=True)
class Member:
    """`base.name`; base is a place of header or struct type."""

    type: types.Type
    base: Place
    name: str


@final
@dataclass(frozen=True, slots=True)
class Index:
    """`base[index]`; base is a place of stack type, index of any unsigned Bits type."""

    type: types.Type
    base: Place
    index: Expression


@final
@dataclass(frozen=True, slots=True)
class NextIndex:
    """nextIndex of a stack: bit<32>, 0 to its size."""

    type: types.Bits
    stack: Place


@final
@dataclass(frozen=True, slots=True)
class IsValid:
    type: types.Bool
    header: Place


@final
@dataclass(frozen=True, slots=True)
class PacketLength:
    """Length in bytes of the packet as it came in: bit<32>."""

    type: types.Bits


@final
@dataclass(frozen=True, slots=True)
class Unary:
    type: types.Scalar
    op: UnaryOp
    operand: Expression


@final
@dataclass(frozen=True, slots=True)
class Binary:
    type: types.Scalar
    op: BinaryOp
    left: Expression
    right: Expression


@final
@dataclass(frozen=True, slots=True)
class Concat:
    """`left` above `right`; unsigned unless left is signed."""

    type: types.Bits
    left: Expression
    right: Expression


@final
@dataclass(frozen=True, slots=True)
class Slice:
    """Bits high to low of a Bits value, both included, 0 the least; always unsigned."""

    type: types.Bits
    operand: Expression
    high: int
    low: int


@final
@dataclass(frozen=True, slots=True)
class Cast:
    type: types.Scalar
    kind: CastKind
    operand: Expression


@final
@dataclass(frozen=True, slots=True)
class Mux:
    """`condition ? then : otherwise`, of scalars."""

    type: types.Scalar
    condition: Expression
    then: Expression
    otherwise: Expression


Place = Var | Member | Index
# what can be assigned to

Expression = (
    Const | Var | Member | Index | NextIndex | IsValid | PacketLength
    | Unary | Binary | Concat | Slice | Cast | Mux
)  # fmt: skip

TRUE = Const(types.BOOL, 1)
FALSE = Const(types.BOOL, 0)


def operands(of: Expression) -> tuple[Expression, ...]:
    """The expressions directly under this one, in order of evaluation."""
    match of:
        case Const() | Var() | PacketLength():
            return ()
        case Member():
            return (of.base,)
        case Index():
            return (of.base, of.index)
        case NextIndex():
            return (of.stack,)
        case IsValid():
            return (of.header,)
        case Unary() | Slice() | Cast():
            return (of.operand,)
        case Binary() | Concat():
            return (of.left, of.right)
        case Mux():
            return (of.condition, of.then, of.otherwise)


def root(of: Place) -> Var:
    """The variable that a place lies in."""
    while not isinstance(of, Var):
        of = of.base
    return of
