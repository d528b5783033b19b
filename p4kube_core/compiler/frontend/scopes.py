"""Nested scopes of names; a name is visible from its declaration on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import AnyDeclaration

_FUNCTIONS = (ast.FunctionDeclaration, ast.ExternFunction)
_BLOCKS = (ast.ParserDeclaration, ast.ControlDeclaration, ast.PackageType)


def _overloads(one: AnyDeclaration, other: AnyDeclaration) -> bool:
    """Functions overload each other; parsers, controls and packages those of their own sort."""
    if isinstance(one, _FUNCTIONS):
        return isinstance(other, _FUNCTIONS)
    return isinstance(one, _BLOCKS) and type(one) is type(other)


@final
class Scope:
    """Names of one block; functions of one name stand side by side as overloads."""

    __slots__ = ("names", "parent")

    def __init__(self, parent: Scope | None = None) -> None:
        self.parent = parent
        self.names: dict[str, list[AnyDeclaration]] = {}

    def find(self, name: str) -> list[AnyDeclaration] | None:
        """The declarations of the name in the innermost scope that has it, None if none has."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def find_finished(
        self, name: str, unfinished: set[AnyDeclaration]
    ) -> list[AnyDeclaration] | None:
        """Like `find`, but past declarations that are still being read, unless only they are left.

        So an action may call a function of its own name that stands further out.
        """
        first = self.find(name)
        if first is None or not unfinished:
            return first
        scope: Scope | None = self
        while scope is not None:
            finished = [d for d in scope.names.get(name, ()) if d not in unfinished]
            if finished:
                return finished
            scope = scope.parent
        return first

    def declare(self, name: str, declaration: AnyDeclaration) -> AnyDeclaration | None:
        """Add a name, or give the earlier declaration that stands in its way."""
        held = self.names.get(name)
        if held is None:
            self.names[name] = [declaration]
            return None
        if _overloads(declaration, held[0]):
            held.append(declaration)
            return None
        return held[0]

    def visible(self) -> Iterator[str]:
        """Every name that can be seen from here, for suggestions."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.names
            scope = scope.parent
