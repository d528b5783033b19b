"""What all parts of the checker share: facts found so far, scope, place, and reporting."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import final

from p4kube_core.compiler.frontend import ast, checker_codes, diagnostics, types
from p4kube_core.compiler.frontend.checked import AnyDeclaration, Checked, Value
from p4kube_core.compiler.frontend.scopes import Scope
from p4kube_core.compiler.frontend.source import Span

MAX_DEPTH = 120  # nested expressions or statements; deeper ones are refused


@final
class Place(enum.StrEnum):
    """Where in a program the checker is; decides what may be called and instantiated."""

    TOP = "the top level"
    PARSER = "a parser, outside of its states"
    STATE = "a parser state"
    CONTROL = "a control, outside of its apply block"
    APPLY = "a control's apply block"
    ACTION = "an action"
    FUNCTION = "a function"
    METHOD = "a method of an instance"
    TABLE = "a table"


@final
@dataclass(slots=True)
class Context:
    """State of one run."""

    checked: Checked
    diagnostics: diagnostics.Diagnostics
    expression: Callable[[Context, ast.Expression], types.Type]  # checks any expression
    top: Scope
    scope: Scope
    place: Place = Place.TOP
    result: types.Type | None = None  # what `return` wants; None where no value may be returned
    loops: int = 0  # for statements around this place
    depth: int = 0
    in_action_arguments: bool = False
    in_default: bool = False  # in the default value of a constructor parameter
    states: dict[str, ast.State] = field(default_factory=dict)  # of the parser being checked
    this: types.Type | None = None  # in an instance's initialiser
    values: dict[AnyDeclaration, Value] = field(default_factory=dict)  # of constants
    known: set[AnyDeclaration] = field(default_factory=set)  # parameters known at compile time
    unfinished: set[AnyDeclaration] = field(default_factory=set)  # declarations being checked
    read_only: set[AnyDeclaration] = field(default_factory=set)  # variables of for-in loops
    applied: set[AnyDeclaration] = field(default_factory=set)  # tables
    error_members: dict[str, ast.EnumMember] = field(default_factory=dict)
    action_run_of: set[ast.Expression] = field(default_factory=set)  # legal action_run uses

    def error(self, code: str, message: str, span: Span | None, hint: str | None = None) -> None:
        self.diagnostics.error(code, message, span, hint)

    def warn(self, code: str, message: str, span: Span | None, hint: str | None = None) -> None:
        self.diagnostics.warn(code, message, span, hint)

    def fault(
        self, code: str, message: str, span: Span | None, hint: str | None = None
    ) -> types.Type:
        """Report an error; the type that silences what would follow from it."""
        self.diagnostics.error(code, message, span, hint)
        return types.UNKNOWN

    def suggestion(self, name: str, known: Iterable[str]) -> str | None:
        """A hint for an unknown name; none once there are more errors than are told."""
        if self.diagnostics.error_count >= diagnostics.MAX_ERRORS:
            return None
        return diagnostics.did_you_mean(name, known)

    def note(self, node: ast.Expression, found: types.Type) -> types.Type:
        self.checked.expression_types[node] = found
        return found

    def type_of(self, node: ast.Expression) -> types.Type:
        """Check an expression unless that is done already; its type before implicit casts."""
        found = self.checked.expression_types.get(node)
        return self.expression(self, node) if found is None else found

    def constant(self, node: ast.Expression) -> Value | None:
        return self.checked.constants.get(node)

    def is_known(self, node: ast.Expression) -> bool:
        return node in self.checked.constants or node in self.checked.known

    def declare(self, name: str, declaration: AnyDeclaration, span: Span) -> None:
        earlier = self.scope.declare(name, declaration)
        if earlier is not None and earlier is not declaration:
            hint = f"the first is at {place_of(earlier)}"
            self.error(checker_codes.DUPLICATE, f"{name!r} is declared already", span, hint)

    @contextlib.contextmanager
    def nested(self, place: Place | None = None) -> Iterator[None]:
        """A scope within the present one, and perhaps another place."""
        scope, old_place = self.scope, self.place
        self.scope = Scope(scope)
        if place is not None:
            self.place = place
        try:
            yield
        finally:
            self.scope, self.place = scope, old_place

    @contextlib.contextmanager
    def at(self, place: Place) -> Iterator[None]:
        old, self.place = self.place, place
        try:
            yield
        finally:
            self.place = old

    @contextlib.contextmanager
    def body(self, place: Place, result: types.Type | None) -> Iterator[None]:
        """The body of something that is called: its own scope, place, result and loops."""
        old_result, old_loops = self.result, self.loops
        self.result, self.loops = result, 0
        with self.nested(place):
            yield
        self.result, self.loops = old_result, old_loops


def place_of(declaration: AnyDeclaration) -> str:
    return str(getattr(declaration, "name_span", declaration.span))


def has_annotation(annotations: tuple[ast.Annotation, ...], name: str) -> bool:
    return any(a.name == name for a in annotations)


def count(number: int, noun: str) -> str:
    """`1 field`, `2 fields`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
