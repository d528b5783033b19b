"""The result of checking: facts about the nodes of a program, keyed by node.

Nodes hash by identity. A fact about a generic declaration's body is said once and may mention type
variables; whoever instantiates it substitutes (`Call.type_arguments`, `type_algebra.substitute`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, final

from p4kube_core.compiler.frontend import ast, types

AnyDeclaration: TypeAlias = (
    ast.Declaration | ast.LocalDeclaration | ast.Parameter | ast.TypeParameter | ast.Field
    | ast.EnumMember | ast.State | ast.ExternMethod
)  # fmt: skip
"""Whatever a name can refer to."""


class CallKind(enum.StrEnum):
    """What a call does; which fields of `Call` are set follows from it."""

    ACTION = "action"
    FUNCTION = "function"
    EXTERN_FUNCTION = "extern function"
    EXTERN_METHOD = "extern method"
    ABSTRACT_METHOD = "abstract method"  # of an extern, implemented in its instance's initialiser
    TABLE_APPLY = "table apply"
    CONTROL_APPLY = "control apply"  # on an instance, or direct (receiver None)
    PARSER_APPLY = "parser apply"
    BUILT_IN = "built-in"  # see `Call.method`
    CONSTRUCTOR = "constructor"  # of an extern, parser, control or package


@final
@dataclass(frozen=True, slots=True)
class EnumValue:
    type: types.Enum | types.SerialEnum
    member: str


@final
@dataclass(frozen=True, slots=True)
class ErrorValue:
    member: str


@final
@dataclass(frozen=True, slots=True)
class MatchKindValue:
    member: str


@final
@dataclass(frozen=True, slots=True)
class InvalidValue:
    """An invalid header or header union."""


@final
@dataclass(frozen=True, slots=True)
class RecordValue:
    """A struct or header by field, in the order of its type's fields once it has one."""

    fields: tuple[tuple[str, Value], ...]


Value: TypeAlias = (
    bool | int | str | EnumValue | ErrorValue | MatchKindValue | InvalidValue | RecordValue
    | tuple["Value", ...]
)  # fmt: skip
"""A compile-time value. bit<> values are not negative, int<> values are signed, within their width.

A tuple is the value of a list, tuple or stack. bool is a subclass of int: test for it first.
"""


@final
@dataclass(frozen=True, slots=True)
class Binding:
    """One parameter with what is passed for it, in the order of the callee's parameters."""

    parameter: types.Parameter  # its type with the call's type arguments put in
    argument: ast.Expression | None  # None: `_`, an omitted optional one, or set by control plane
    is_default: bool = False  # `argument` is the parameter's own default, from the declaration
    by_control_plane: bool = False  # an action's parameter that table entries supply


@final
@dataclass(frozen=True, slots=True)
class Call:
    """A resolved call, of a Call, DirectApplication or Instantiation node."""

    kind: CallKind
    # None for what is built in. For an extern's constructor the constructor itself, for a parser,
    # control or package its declaration: `result` tells the type that is made.
    callee: AnyDeclaration | None
    receiver: ast.Expression | None  # object that a method is called on
    method: str  # name of the method, function, action or type; "apply" for the three applies
    type_arguments: tuple[types.Type, ...]  # of callee's own type parameters, inferred ones too
    bindings: tuple[Binding, ...]
    result: types.Type
    receiver_type: types.Type | None = None  # with its type arguments

    def argument(self, parameter: str) -> ast.Expression | None:
        """What is passed for the parameter of that name; None if nothing is.

        Raises:
            KeyError: the callee has no such parameter.
        """
        for binding in self.bindings:
            if binding.parameter.name == parameter:
                return binding.argument
        raise KeyError(parameter)


@final
@dataclass(frozen=True, slots=True)
class Key:
    node: ast.TableKey
    expression: ast.Expression
    type: types.Type
    match_kind: str
    name: str  # @name, or as the specification derives it from the expression


@final
@dataclass(frozen=True, slots=True)
class ActionUse:
    """An action named in a table: in its list, as default action or in an entry."""

    node: ast.Expression  # name or call
    action: ast.ActionDeclaration
    bindings: tuple[Binding, ...]  # data-plane arguments bound; the rest `by_control_plane`
    annotations: tuple[ast.Annotation, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Entry:
    node: ast.TableEntry
    keysets: tuple[ast.Expression, ...]  # one per key; one `_` for all keys stands for each of them
    action: ActionUse
    priority: int | None  # written or by order; None where entries of the table have none
    is_const: bool


@final
@dataclass(frozen=True, slots=True)
class Table:
    declaration: ast.TableDeclaration
    type: types.Table
    keys: tuple[Key, ...]
    actions: tuple[ActionUse, ...]
    default_action: ActionUse | None  # None: NoAction, which is then not in `actions`
    default_is_const: bool
    entries: tuple[Entry, ...]
    entries_are_const: bool  # `const entries`, or none can be added
    size: int | None  # entries, None where the program says none
    properties: Mapping[str, ast.ValueProperty]  # all others, by name

    def action(self, name: str) -> ActionUse | None:
        return next((use for use in self.actions if use.action.name == name), None)


@final
@dataclass(slots=True)
class Checked:
    """What the checker knows of a program: all, unless the diagnostics hold an error."""

    program: ast.Program
    expression_types: dict[ast.Expression, types.Type] = field(default_factory=dict)
    casts: dict[ast.Expression, types.Type] = field(default_factory=dict)
    type_nodes: dict[ast.Type, types.Type] = field(default_factory=dict)
    declaration_types: dict[AnyDeclaration, types.Type] = field(default_factory=dict)
    uses: dict[object, AnyDeclaration] = field(default_factory=dict)
    constants: dict[ast.Expression, Value] = field(default_factory=dict)
    known: set[ast.Expression] = field(default_factory=set)
    calls: dict[object, Call] = field(default_factory=dict)
    tables: dict[ast.TableDeclaration, Table] = field(default_factory=dict)
    parameters: dict[AnyDeclaration, tuple[types.Parameter, ...]] = field(default_factory=dict)
    serial_values: dict[str, dict[str, int]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    match_kinds: dict[str, int] = field(default_factory=dict)
    main: ast.Instantiation | None = None

    def type_of(self, node: ast.Expression) -> types.Type:
        """Type of an expression before any implicit cast; a brace expression has its final one."""
        return self.expression_types[node]

    def converted_type(self, node: ast.Expression) -> types.Type:
        """Type of an expression after the implicit cast of its place, if there is one."""
        return self.casts.get(node) or self.expression_types[node]

    def cast_of(self, node: ast.Expression) -> types.Type | None:
        """The type to which an expression is cast implicitly, None if it is not."""
        return self.casts.get(node)

    def resolved_type(self, node: ast.Type) -> types.Type:
        """The semantic type of a written one."""
        return self.type_nodes[node]

    def declared_type(self, node: AnyDeclaration) -> types.Type:
        """Type of a variable, constant, parameter, instance or field; or the type declared."""
        return self.declaration_types[node]

    def use(self, node: object) -> AnyDeclaration | None:
        """What a name, type name, member, select case or Goto refers to; None for the built in."""
        return self.uses.get(node)

    def constant_of(self, node: ast.Expression) -> Value | None:
        """Compile-time value of an expression before its implicit cast, None if it has none."""
        return self.constants.get(node)

    def is_known(self, node: ast.Expression) -> bool:
        """Known at compile time, perhaps only once the constructor around it is called."""
        return node in self.constants or node in self.known

    def call(self, node: ast.Call | ast.DirectApplication | ast.Instantiation) -> Call:
        return self.calls[node]

    def parameters_of(self, node: AnyDeclaration) -> tuple[types.Parameter, ...]:
        """Run-time parameters of an action, function, method, control or parser."""
        return self.parameters.get(node, ())

    def enum_number(self, value: EnumValue | ErrorValue) -> int:
        """The underlying value of a serialisable enum's member, else its place in the declaration.

        Errors are numbered in order of declaration over the whole program, so NoError is 0.
        """
        if isinstance(value, ErrorValue):
            return self.errors[value.member]
        if isinstance(value.type, types.SerialEnum):
            return self.serial_values[value.type.name][value.member]
        return value.type.members.index(value.member)

    def main_call(self) -> Call | None:
        """The constructor call of the package `main`; its bindings are the blocks."""
        return self.calls.get(self.main) if self.main is not None else None
