"""Syntax of parsers, controls and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from p4kube_core.compiler.frontend.ast.node import node
from p4kube_core.compiler.frontend.source import Span

if TYPE_CHECKING:
    from p4kube_core.compiler.frontend.ast.annotations import Annotation
    from p4kube_core.compiler.frontend.ast.declarations import Parameter, TypeParameter
    from p4kube_core.compiler.frontend.ast.expressions import Expression
    from p4kube_core.compiler.frontend.ast.statements import Block, Transition
    from p4kube_core.compiler.frontend.ast.types import Type
    from p4kube_core.compiler.frontend.ast.unions import LocalDeclaration, Statement


@final
@node
class ParserType:
    """parser name<type_parameters>(parameters);"""

    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    parameters: tuple[Parameter, ...]


@final
@node
class State:
    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    statements: tuple[Statement, ...]
    transition: Transition | None


@final
@node
class ValueSetDeclaration:
    """value_set<element>(size) name; entries are added at run time."""

    span: Span
    annotations: tuple[Annotation, ...]
    element: Type
    size: Expression
    name: str
    name_span: Span


@final
@node
class ParserDeclaration:
    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    parameters: tuple[Parameter, ...]
    constructor_parameters: tuple[Parameter, ...]
    locals: tuple[LocalDeclaration, ...]
    states: tuple[State, ...]


@final
@node
class ControlType:
    """control name<type_parameters>(parameters);"""

    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    parameters: tuple[Parameter, ...]


@final
@node
class ControlDeclaration:
    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    type_parameters: tuple[TypeParameter, ...]
    parameters: tuple[Parameter, ...]
    constructor_parameters: tuple[Parameter, ...]
    locals: tuple[LocalDeclaration, ...]
    body: Block


@final
@node
class TableKey:
    """expression: match_kind."""

    span: Span
    annotations: tuple[Annotation, ...]
    expression: Expression
    match_kind: str
    match_kind_span: Span


@final
@node
class ActionReference:
    """An entry of a table's actions; its expression is a name, or a call that binds arguments."""

    span: Span
    annotations: tuple[Annotation, ...]
    expression: Expression


@final
@node
class TableEntry:
    """[const] [priority = p :] keyset : action(arguments)."""

    span: Span
    annotations: tuple[Annotation, ...]
    is_const: bool
    priority: Expression | None
    keyset: Expression  # TupleKeyset where there are several keys
    action: Expression  # a name, or a call


@final
@node
class KeyProperty:
    span: Span
    annotations: tuple[Annotation, ...]
    keys: tuple[TableKey, ...]


@final
@node
class ActionsProperty:
    span: Span
    annotations: tuple[Annotation, ...]
    actions: tuple[ActionReference, ...]


@final
@node
class EntriesProperty:
    span: Span
    annotations: tuple[Annotation, ...]
    is_const: bool
    entries: tuple[TableEntry, ...]


@final
@node
class ValueProperty:
    """Any other property: default_action, size, implementation, counters, ... by its name."""

    span: Span
    annotations: tuple[Annotation, ...]
    is_const: bool
    name: str
    name_span: Span
    value: Expression


TableProperty = KeyProperty | ActionsProperty | EntriesProperty | ValueProperty


@final
@node
class TableDeclaration:
    span: Span
    annotations: tuple[Annotation, ...]
    name: str
    name_span: Span
    properties: tuple[TableProperty, ...]  # in the order written; a repeated one is still here

    @property
    def keys(self) -> tuple[TableKey, ...]:
        return tuple(k for p in self.properties if isinstance(p, KeyProperty) for k in p.keys)

    @property
    def actions(self) -> tuple[ActionReference, ...]:
        return tuple(
            a for p in self.properties if isinstance(p, ActionsProperty) for a in p.actions
        )

    @property
    def entries(self) -> EntriesProperty | None:
        return next((p for p in self.properties if isinstance(p, EntriesProperty)), None)

    def property_named(self, name: str) -> ValueProperty | None:
        """The first property of that name, None if there is none."""
        for p in self.properties:
            if isinstance(p, ValueProperty) and p.name == name:
                return p
        return None
