"""Syntax of statements, in controls, actions, functions and parser states."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, final

from p4kube_core.compiler.frontend.ast.node import node
from p4kube_core.compiler.frontend.source import Span

if TYPE_CHECKING:
    from p4kube_core.compiler.frontend.ast.annotations import Annotation
    from p4kube_core.compiler.frontend.ast.declarations import VariableDeclaration
    from p4kube_core.compiler.frontend.ast.expressions import Argument, Call, Expression
    from p4kube_core.compiler.frontend.ast.types import Type
    from p4kube_core.compiler.frontend.ast.unions import Statement


class AssignmentOperator(StrEnum):
    """`=`, or an operation with the target as its left operand."""

    ASSIGN = "="
    ADD = "+="
    SUBTRACT = "-="
    MULTIPLY = "*="
    DIVIDE = "/="
    MODULO = "%="
    SHIFT_LEFT = "<<="
    SHIFT_RIGHT = ">>="
    BIT_AND = "&="
    BIT_XOR = "^="
    BIT_OR = "|="
    ADD_SATURATING = "|+|="
    SUBTRACT_SATURATING = "|-|="


@final
@node
class Assignment:
    span: Span
    annotations: tuple[Annotation, ...]
    target: Expression
    operator: AssignmentOperator
    value: Expression


@final
@node
class CallStatement:
    """A call for its effects: of a method, a table's apply, a function, an action."""

    span: Span
    annotations: tuple[Annotation, ...]
    call: Call


@final
@node
class DirectApplication:
    """Type.apply(arguments): instantiates the control or parser type on the spot and applies it."""

    span: Span
    annotations: tuple[Annotation, ...]
    type: Type
    arguments: tuple[Argument, ...]


@final
@node
class Block:
    span: Span
    annotations: tuple[Annotation, ...]
    statements: tuple[Statement, ...]


@final
@node
class If:
    span: Span
    annotations: tuple[Annotation, ...]
    condition: Expression
    then: Statement
    otherwise: Statement | None


@final
@node
class SwitchCase:
    """label: body. Without a body it falls through to the next; DefaultKey labels `default`."""

    span: Span
    label: Expression
    body: Block | None


@final
@node
class Switch:
    """On table.apply().action_run the labels are action names, else constant expressions."""

    span: Span
    annotations: tuple[Annotation, ...]
    selector: Expression
    cases: tuple[SwitchCase, ...]


@final
@node
class Return:
    span: Span
    annotations: tuple[Annotation, ...]
    value: Expression | None


@final
@node
class Exit:
    span: Span
    annotations: tuple[Annotation, ...]


@final
@node
class Empty:
    span: Span
    annotations: tuple[Annotation, ...]


@final
@node
class Break:
    span: Span
    annotations: tuple[Annotation, ...]


@final
@node
class Continue:
    span: Span
    annotations: tuple[Annotation, ...]


@final
@node
class For:
    """for (initialisers; condition; updates) body; what it declares is local to the loop."""

    span: Span
    annotations: tuple[Annotation, ...]
    initializers: tuple[Statement, ...]
    condition: Expression
    updates: tuple[Statement, ...]
    body: Statement


@final
@node
class ForIn:
    """for (variable in collection) body; the collection is a Range, a list or a stack."""

    span: Span
    annotations: tuple[Annotation, ...]
    variable: VariableDeclaration
    collection: Expression
    body: Statement


@final
@node
class SelectCase:
    """keyset: state."""

    span: Span
    keyset: Expression
    state: str
    state_span: Span


@final
@node
class Select:
    span: Span
    selectors: tuple[Expression, ...]
    cases: tuple[SelectCase, ...]


@final
@node
class Goto:
    """A transition without conditions."""

    span: Span
    state: str


@final
@node
class Transition:
    """The last thing in a parser state; a state without one goes to `reject`."""

    span: Span
    target: Goto | Select
