"""Values and instances that constructor parameters stand for, once it is known who constructs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final

from p4kube_core.compiler.frontend import ast, type_algebra, types
from p4kube_core.compiler.frontend.checked import Call, Checked, Value
from p4kube_core.compiler.p4info import folding


@final
@dataclass(frozen=True, slots=True)
class Bound:
    """An argument, with the surroundings in which it was written."""

    expression: ast.Expression
    scope: Scope


@final
@dataclass(frozen=True, slots=True)
class Scope:
    """What the constructor parameters and type parameters of one instance stand for."""

    values: Mapping[str, Bound] = field(default_factory=dict)
    variables: Mapping[types.TypeVar, types.Type] = field(default_factory=dict)

    def type(self, of: types.Type) -> types.Type:
        return type_algebra.substitute(of, self.variables)


TOP: Final = Scope()


def inner_scope(call: Call, scope: Scope) -> Scope:
    """The scope inside what a constructor call makes."""
    values = {
        b.parameter.name: Bound(b.argument, scope) for b in call.bindings if b.argument is not None
    }
    of = call.result
    variables: Mapping[types.TypeVar, types.Type] = {}
    if isinstance(of, types.Control | types.Parser):
        variables = {
            variable: scope.type(argument)
            for variable, argument in zip(of.type_parameters, of.arguments, strict=False)
        }
    return Scope(values, variables)


def bound(checked: Checked, node: ast.Expression, scope: Scope) -> Bound:
    """Follow a name that is a constructor parameter to what was passed for it."""
    while isinstance(node, ast.NameExpression) and node.name in scope.values:
        if not isinstance(checked.use(node), ast.Parameter):
            break
        found = scope.values[node.name]
        node, scope = found.expression, found.scope
    return Bound(node, scope)


def value_of(checked: Checked, node: ast.Expression, scope: Scope) -> Value | None:
    """The compile-time value of an expression; None if it has none."""
    found = bound(checked, node, scope)
    constant = checked.constant_of(found.expression)
    if constant is not None:
        return constant
    match found.expression:
        case ast.Cast(operand=operand):
            return value_of(checked, operand, found.scope)
        case ast.Binary(operator=operator, left=left, right=right):
            a = value_of(checked, left, found.scope)
            b = value_of(checked, right, found.scope)
            if isinstance(a, int) and isinstance(b, int):
                return folding.combine(operator, a, b)
    return None
