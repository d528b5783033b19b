"""What the declarations of a program stand for, in one instance of the block around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Union, final

from p4kube_core.compiler.frontend import ast, type_algebra
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.frontend.checked import AnyDeclaration
from p4kube_core.compiler.ir import expressions as ex

if TYPE_CHECKING:
    from p4kube_core.compiler.lowering.tables import LoweredTable


@final
@dataclass(slots=True)
class BlockInstance:
    """A control or parser that was instantiated; `scope` knows its constructor arguments."""

    declaration: ast.ControlDeclaration | ast.ParserDeclaration
    scope: Scope
    has_own_storage: bool  # parameters are variables, copied into and out of at each application
    is_elaborated: bool = False


@final
@dataclass(frozen=True, slots=True)
class ExternInstance:
    """An object of the architecture; `name` is what the control plane calls it."""

    type_name: str
    name: str
    declaration: object  # the node that made it


@final
@dataclass(frozen=True, slots=True)
class ActionInstance:
    declaration: ast.ActionDeclaration
    scope: Scope
    control_name: str


@final
@dataclass(slots=True)
class TableInstance:
    declaration: ast.TableDeclaration
    scope: Scope
    control_name: str
    lowered: LoweredTable | None = None  # once it was applied


@final
@dataclass(frozen=True, slots=True)
class Deferred:
    """A constant that is computed where it is used, in the scope that declares it."""

    value: ast.Expression
    scope: Scope


Instance = BlockInstance | ExternInstance | ActionInstance | TableInstance
Meaning = Union[ex.Expression, Instance, Deferred]  # noqa: UP007 - ex.Expression is a union already


@final
@dataclass(slots=True)
class Scope:
    """Meanings by declaration. The checker resolved the names, so nesting hides nothing."""

    parent: Scope | None
    prefix: str  # control-plane name of the instance around, empty at the top level
    substitution: Mapping[p4.TypeVar, p4.Type]
    is_shared: bool = False  # its code is inlined at more than one place
    meanings: dict[AnyDeclaration, Meaning] = field(default_factory=dict)
    instances: dict[ast.DirectApplication, BlockInstance] = field(default_factory=dict)

    def bind(self, declaration: AnyDeclaration, meaning: Meaning) -> None:
        self.meanings[declaration] = meaning

    def find(self, declaration: AnyDeclaration) -> Meaning | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.meanings.get(declaration)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def inner(self) -> Scope:
        """A scope for what is inlined once more: its locals are new, all else is the same."""
        return Scope(self, self.prefix, self.substitution, self.is_shared)

    def type(self, given: p4.Type) -> p4.Type:
        """The type with the type arguments of this instance put in."""
        return type_algebra.substitute(given, self.substitution)

    def full_name(self, local: str) -> str:
        """Control-plane name of what is declared here; a leading dot means the top level."""
        if local.startswith("."):
            return local[1:]
        return f"{self.prefix}.{local}" if self.prefix else local


def control_plane_name(declared: str, annotations: tuple[ast.Annotation, ...]) -> str:
    """What @name says, else the name declared."""
    for annotation in annotations:
        if annotation.name == "name" and annotation.expressions:
            first = annotation.expressions[0]
            if isinstance(first, ast.StringLiteral):
                return first.value
    return declared
