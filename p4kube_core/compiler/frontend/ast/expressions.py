"""Syntax of expressions, and of the key sets of select and table entries."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, final

from p4kube_core.compiler.frontend.ast.node import node
from p4kube_core.compiler.frontend.source import Span

if TYPE_CHECKING:
    from p4kube_core.compiler.frontend.ast.types import Type


class UnaryOperator(StrEnum):
    NEGATE = "-"
    PLUS = "+"
    COMPLEMENT = "~"
    NOT = "!"


class BinaryOperator(StrEnum):
    MULTIPLY = "*"
    DIVIDE = "/"
    MODULO = "%"
    ADD = "+"
    SUBTRACT = "-"
    ADD_SATURATING = "|+|"
    SUBTRACT_SATURATING = "|-|"
    CONCATENATE = "++"
    SHIFT_LEFT = "<<"
    SHIFT_RIGHT = ">>"
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    EQUAL = "=="
    NOT_EQUAL = "!="
    BIT_AND = "&"
    BIT_XOR = "^"
    BIT_OR = "|"
    AND = "&&"
    OR = "||"


@final
@node
class IntegerLiteral:
    """42, 8w0xFF, 4s7. A minus sign before it is a Unary of its own."""

    span: Span
    value: int  # as written; not yet checked to fit the width
    width: int | None  # bits; None for an int of arbitrary precision
    signed: bool  # only where width is given
    base: int  # 2, 8, 10 or 16, for printing


@final
@node
class StringLiteral:
    span: Span
    value: str  # between the quotes, as written: what escapes mean is left to who reads it


@final
@node
class BooleanLiteral:
    span: Span
    value: bool


@final
@node
class NameExpression:
    """A name; `absolute` for .name, looked up at the top level. It may turn out to name a type."""

    span: Span
    name: str
    absolute: bool = False


@final
@node
class TypeExpression:
    """A type where an expression stands: error.NoMatch, H<bit<8>>.apply(), tuple<...>."""

    span: Span
    type: Type


@final
@node
class This:
    """`this`, in the initialiser block of an instantiation."""

    span: Span


@final
@node
class Member:
    """base.member: a field, a method, a member of an enum, an error, a parser-state-less name."""

    span: Span
    base: Expression
    member: str
    member_span: Span


@final
@node
class Index:
    """base[index]: a header of a stack or an element of a tuple."""

    span: Span
    base: Expression
    index: Expression


@final
@node
class Slice:
    """base[high:low], both bits included."""

    span: Span
    base: Expression
    high: Expression
    low: Expression


@final
@node
class PlusSlice:
    """base[low+:width]: `width` bits from bit `low` upwards; `low` may vary at run time."""

    span: Span
    base: Expression
    low: Expression
    width: Expression


@final
@node
class Argument:
    """One argument. `value` is None for the don't-care `_` of an out parameter."""

    span: Span
    name: str | None
    name_span: Span | None
    value: Expression | None


@final
@node
class Call:
    """function<T>(arguments): a function, method or action call, or a constructor's invocation."""

    span: Span
    function: Expression
    type_arguments: tuple[Type, ...]
    arguments: tuple[Argument, ...]


@final
@node
class Cast:
    """(type) operand; (T) { ... } is a Cast of a ListExpression or StructExpression."""

    span: Span
    type: Type
    operand: Expression


@final
@node
class Unary:
    span: Span
    operator: UnaryOperator
    operand: Expression


@final
@node
class Binary:
    span: Span
    operator: BinaryOperator
    left: Expression
    right: Expression


@final
@node
class Conditional:
    """condition ? then : otherwise."""

    span: Span
    condition: Expression
    then: Expression
    otherwise: Expression


@final
@node
class ListExpression:
    """{a, b} or {a, b, ...}; the dots stand for default values of the fields that are left."""

    span: Span
    elements: tuple[Expression, ...]
    has_default: bool


@final
@node
class NamedField:
    """name = value, in a structure initialiser or an annotation."""

    span: Span
    name: str
    name_span: Span
    value: Expression


@final
@node
class StructExpression:
    """{a = x, b = y} or {a = x, ...}."""

    span: Span
    fields: tuple[NamedField, ...]
    has_default: bool


@final
@node
class InvalidHeader:
    """{#}: an invalid header or header union."""

    span: Span


@final
@node
class DefaultInitializer:
    """`...` alone: the default value of whatever type is wanted."""

    span: Span


@final
@node
class DontCare:
    """`_` as a key set: anything matches."""

    span: Span


@final
@node
class DefaultKey:
    """`default` as a key set or switch label."""

    span: Span


@final
@node
class Mask:
    """value &&& mask."""

    span: Span
    value: Expression
    mask: Expression


@final
@node
class Range:
    """low .. high, both included."""

    span: Span
    low: Expression
    high: Expression


@final
@node
class TupleKeyset:
    """(k1, k2, ...): one key set for each selector or table key. Never of one element."""

    span: Span
    elements: tuple[Expression, ...]


Expression = (
    IntegerLiteral
    | StringLiteral
    | BooleanLiteral
    | NameExpression
    | TypeExpression
    | This
    | Member
    | Index
    | Slice
    | PlusSlice
    | Call
    | Cast
    | Unary
    | Binary
    | Conditional
    | ListExpression
    | StructExpression
    | InvalidHeader
    | DefaultInitializer
    | DontCare
    | DefaultKey
    | Mask
    | Range
    | TupleKeyset
)
