"""Syntax of declarations other than parsers, controls and tables."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, final

from p4kube_core.compiler.frontend.ast.node import node
from p4kube_core.compiler.frontend.source import Span

if TYPE_CHECKING:
    from p4kube_core.compiler.frontend.ast.annotations import Annotation
    from p4kube_core.compiler.frontend.ast.expressions import Argument, Expression
    from p4kube_core.compiler.frontend.ast.statements import Block
    from p4kube_core.compiler.frontend.ast.types import Type
    from p4kube_core.compiler.frontend.ast.unions import Declaration


class Direction(StrEnum):
    NONE = ""
    IN = "in"
    OUT = "out"
    INOUT = "inout"


@final
@node
class TypeParameter:
    span: Span
    name: str


@final
@node
class Parameter:
    span: Span
    annotations: tuple[Annotation, ...]
    direction: Direction
    type: Type
    name: str
    name_span: Span
    default: Expression | None


@final
@node
class ConstantDeclaration:
    span: Span
    annotations: tuple[Annotation, ...]
    type: Type
    name: str
    name_span: Span
    value: Expression


@final
@node
class VariableDeclaration:
    span: Span
    annotations: tuple[Annotation, ...]
    type: Type
    name: str
    name_span: Span
    value: Expression | None


@final
@node
class Instantiation:
    """Type(arguments) name; or with a block that implements the abstract methods of an extern.

    `Type(arguments) name[size]`, an array of instances, has a StackType.
    """

    span: Span
    annotations: tuple[Annotation, ...]
    type: Type
    arguments: tuple[Argument, ...]
    name: str
    name_span: Span
    # Functions and further instantiations; None without a block.
    initializer: tuple[FunctionDeclaration | Instantiation, ...] | None


@final
@node
class FunctionDeclaration:
    span: Span
    annotations: tuple[Annotation, ...]
    return_type: Type
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    parameters: tuple[Parameter, ...]
    body: Block


@final
@node
class ActionDeclaration:
    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    parameters: tuple[Parameter, ...]
    body: Block


@final
@node
class ExternFunction:
    """extern return_type name<type_parameters>(parameters);"""

    span: Span
    annotations: tuple[Annotation, ...]
    return_type: Type
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    parameters: tuple[Parameter, ...]


@final
@node
class ExternMethod:
    """A method of an extern object; a constructor has the object's name and no return type."""

    span: Span
    annotations: tuple[Annotation, ...]
    return_type: Type | None
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    parameters: tuple[Parameter, ...]
    is_abstract: bool

    @property
    def is_constructor(self) -> bool:
        return self.return_type is None


@final
@node
class ExternObject:
    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    methods: tuple[ExternMethod, ...]  # constructors among them


@final
@node
class Field:
    """A field of a struct, header or header union."""

    span: Span
    annotations: tuple[Annotation, ...]
    type: Type
    name: str
    name_span: Span


@final
@node
class StructDeclaration:
    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    fields: tuple[Field, ...]


@final
@node
class HeaderDeclaration:
    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    fields: tuple[Field, ...]


@final
@node
class HeaderUnionDeclaration:
    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    fields: tuple[Field, ...]


@final
@node
class EnumMember:
    """`value` is given in serialisable enums only."""

    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    value: Expression | None


@final
@node
class EnumDeclaration:
    """enum name {...}; with an underlying type a serialisable enum."""

    span: Span
    annotations: tuple[Annotation, ...]
    underlying: Type | None
    name: str
    name_span: Span
    members: tuple[EnumMember, ...]


@final
@node
class ErrorDeclaration:
    """error {...}: adds members to the one type `error`."""

    span: Span
    annotations: tuple[Annotation, ...]
    members: tuple[EnumMember, ...]


@final
@node
class MatchKindDeclaration:
    """match_kind {...}: adds members to the one type `match_kind`."""

    span: Span
    annotations: tuple[Annotation, ...]
    members: tuple[EnumMember, ...]


@final
@node
class TypedefDeclaration:
    """typedef type name: another name for the same type."""

    span: Span
    annotations: tuple[Annotation, ...]
    type: Type
    name: str
    name_span: Span


@final
@node
class NewTypeDeclaration:
    """type type name: a new type with the same values."""

    span: Span
    annotations: tuple[Annotation, ...]
    type: Type
    name: str
    name_span: Span


@final
@node
class PackageType:
    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    parameters: tuple[Parameter, ...]


@final
@node
class Program:
    """All declarations of a program, those of included files among them, in order."""

    span: Span
    declarations: tuple[Declaration, ...]
