"""Types of the IR; no generics, typedefs, enums, errors, tuples or unions are left at this level.

An enum, an `error` and a serialisable enum are `Bits`; a tuple and a header union are a `Struct`
(of a union at
most one member is valid: the lowering has made that explicit). Header and struct types have unique
names and
compare by them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Bits:
    """bit<width>, or int<width> (two's complement) if signed. At least one bit."""

    width: int
    signed: bool = False

    def __str__(self) -> str:
        return f"int<{self.width}>" if self.signed else f"bit<{self.width}>"


@final
@dataclass(frozen=True, slots=True)
class Bool:
    """In a header one bit."""

    def __str__(self) -> str:
        return "bool"


@final
@dataclass(frozen=True, slots=True)
class Varbit:
    """At most `width` bits; how many there are is part of the value."""

    width: int

    def __str__(self) -> str:
        return f"varbit<{self.width}>"


@final
@dataclass(frozen=True, slots=True)
class Member:
    name: str
    type: Type


@final
@dataclass(frozen=True, slots=True)
class Header:
    """Members (Bits, Bool, at most one Varbit, or structs of such) in the order of the wire, and
    validity.
    """

    name: str
    members: tuple[Member, ...] = field(compare=False)

    def __str__(self) -> str:
        return self.name


@final
@dataclass(frozen=True, slots=True)
class Struct:
    name: str
    members: tuple[Member, ...] = field(compare=False)

    def __str__(self) -> str:
        return self.name


@final
@dataclass(frozen=True, slots=True)
class Stack:
    """`size` elements and a counter, nextIndex, that starts at zero (expressions.NextIndex)."""

    element: Type
    size: int

    def __str__(self) -> str:
        return f"{self.element}[{self.size}]"


Type = Bits | Bool | Varbit | Header | Struct | Stack

Scalar = Bits | Bool
# types that an operator can compute with

BOOL = Bool()


def member(of: Type, name: str) -> Member | None:
    """The member of that name of a header or struct; None if it has none."""
    if isinstance(of, Header | Struct):
        return next((m for m in of.members if m.name == name), None)
    return None


def width_bits(of: Type) -> int:
    """Bits on the wire: a varbit counts as its greatest width, a stack as all of its elements."""
    match of:
        case Bits() | Varbit():
            return of.width
        case Bool():
            return 1
        case Header() | Struct():
            return sum(width_bits(m.type) for m in of.members)
        case Stack():
            return width_bits(of.element) * of.size


def bounds(of: Bits) -> tuple[int, int]:
    """Smallest and greatest value."""
    if of.signed:
        return -(1 << (of.width - 1)), (1 << (of.width - 1)) - 1
    return 0, (1 << of.width) - 1


def wrapped(of: Bits, value: int) -> int:
    """The value of the type that is equal to `value` modulo two to the width."""
    value &= (1 << of.width) - 1
    if of.signed and value >> (of.width - 1):
        value -= 1 << of.width
    return value
