"""Syntax of type references."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from p4kube_core.compiler.frontend.ast.node import node
from p4kube_core.compiler.frontend.source import Span

if TYPE_CHECKING:
    from p4kube_core.compiler.frontend.ast.expressions import Expression


@final
@node
class BitType:
    """bit<width>; a bare `bit` is bit<1> and has no width here."""

    span: Span
    width: Expression | None


@final
@node
class IntType:
    """int<width>; a bare `int` is of arbitrary precision and has no width."""

    span: Span
    width: Expression | None


@final
@node
class VarbitType:
    """varbit<width>; the width is the most bits it may hold."""

    span: Span
    width: Expression


@final
@node
class BoolType:
    span: Span


@final
@node
class StringType:
    span: Span


@final
@node
class ErrorType:
    span: Span


@final
@node
class VoidType:
    span: Span


@final
@node
class MatchKindType:
    span: Span


@final
@node
class DontCareType:
    """`_` as a type argument: to be inferred."""

    span: Span


@final
@node
class TupleType:
    span: Span
    elements: tuple[Type, ...]


@final
@node
class ListType:
    """list<element>, only for constructor and directionless extern parameters."""

    span: Span
    element: Type


@final
@node
class StackType:
    """element[size]."""

    span: Span
    element: Type
    size: Expression


@final
@node
class NamedType:
    """A type by name; `absolute` for .name, looked up at the top level."""

    span: Span
    name: str
    absolute: bool = False


@final
@node
class SpecializedType:
    """base<arguments>."""

    span: Span
    base: NamedType
    arguments: tuple[Type, ...]


Type = (
    BitType
    | IntType
    | VarbitType
    | BoolType
    | StringType
    | ErrorType
    | VoidType
    | MatchKindType
    | DontCareType
    | TupleType
    | ListType
    | StackType
    | NamedType
    | SpecializedType
)
