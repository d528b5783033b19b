"""Parameter lists and type parameters of whatever can be called or constructed.

Source: P4_16 specification v1.2.5, "Calling convention: call by copy in/copy out", "Optional
parameters", "Restrictions on compile time and run time calls".
"""

from __future__ import annotations

import enum
from typing import final

from p4kube_core.compiler.frontend import (
    ast,
    checker_codes,
    checker_conversions,
    checker_types,
    types,
)
from p4kube_core.compiler.frontend.checked import AnyDeclaration
from p4kube_core.compiler.frontend.checker_context import Context, has_annotation
from p4kube_core.compiler.frontend.types import Direction, Type


@final
class Callee(enum.StrEnum):
    """What parameters belong to."""

    PARSER = "a parser"
    CONTROL = "a control"
    EXTERN = "an extern"
    EXTERN_CONSTRUCTOR = "the constructor of an extern"
    ACTION = "an action"
    FUNCTION = "a function"
    PACKAGE = "a package"
    CONSTRUCTOR = "a constructor"


def type_parameters(
    ctx: Context, parameters: tuple[ast.TypeParameter, ...], owner: str
) -> tuple[types.TypeVar, ...]:
    """Declare type parameters in the present scope."""
    variables = []
    for p in parameters:
        variable = types.TypeVar(p.name, owner)
        ctx.checked.declaration_types[p] = variable
        ctx.declare(p.name, p, p.span)
        variables.append(variable)
    return tuple(variables)


def resolve(
    ctx: Context, parameters: tuple[ast.Parameter, ...], callee: Callee
) -> tuple[types.Parameter, ...]:
    """The semantic parameters; reports what is illegal. Declares nothing."""
    names: set[str] = set()
    resolved = []
    for p in parameters:
        if p.name in names:
            message = f"parameter {p.name!r} is declared already"
            ctx.error(checker_codes.DUPLICATE, message, p.name_span)
        names.add(p.name)
        resolved.append(_parameter(ctx, p, callee))
    if callee is Callee.ACTION:
        _check_order(ctx, parameters)
    return tuple(resolved)


def _parameter(ctx: Context, p: ast.Parameter, callee: Callee) -> types.Parameter:
    found = checker_types.resolve(ctx, p.type)
    ctx.checked.declaration_types[p] = found
    problem = _problem(p, found, callee)
    if problem is not None:
        ctx.error(checker_codes.PARAMETER, f"parameter {p.name!r}: {problem}", p.span)
    optional = has_annotation(p.annotations, "optional")
    _check_optional(ctx, p, callee, optional)
    if p.default is not None:
        _default(ctx, p, p.default, found)
    return types.Parameter(p.name, p.direction, found, p.default, optional, p)


def _problem(p: ast.Parameter, found: Type, callee: Callee) -> str | None:
    """Why a parameter of this type and direction is not legal, None if it is."""
    constructed = callee in (Callee.CONSTRUCTOR, Callee.PACKAGE, Callee.EXTERN_CONSTRUCTOR)
    if constructed and p.direction is not Direction.NONE:
        return f"parameters of {callee} have no direction, found {p.direction}"
    match found:
        case types.INTEGER | types.STRING:
            if p.direction is not Direction.NONE:
                return f"of type {found} it may have no direction, found {p.direction}"
            if found is types.STRING and callee in (Callee.ACTION, Callee.FUNCTION):
                return f"{callee} may not take a {found}"
        case types.Extern():
            if p.direction is not Direction.NONE:
                return f"an extern may have no direction, found {p.direction}"
            if callee in (Callee.ACTION, Callee.FUNCTION):
                return f"{callee} may not take an extern"
        case types.List():
            if p.direction is not Direction.NONE:
                return f"a list may have no direction, found {p.direction}"
        case types.Package():
            if callee is not Callee.PACKAGE:
                return f"{callee} may not take a package"
        case types.Parser() | types.Control():
            if not constructed:
                return f"{callee} may not take a parser or control at run time"
            if callee is Callee.EXTERN_CONSTRUCTOR:
                return f"{callee} may not take a parser or control"
    return None


def _check_optional(ctx: Context, p: ast.Parameter, callee: Callee, optional: bool) -> None:
    if not optional:
        return
    if p.default is not None:
        message = f"parameter {p.name!r} is optional and may have no default value"
        ctx.error(checker_codes.PARAMETER, message, p.span)
    if callee in (Callee.ACTION, Callee.FUNCTION):
        message = f"parameter {p.name!r}: {callee} may not have optional parameters"
        ctx.error(checker_codes.PARAMETER, message, p.span)


def refuse_optional(ctx: Context, parameters: tuple[ast.Parameter, ...]) -> None:
    """Report optional parameters of what has a body."""
    for p in parameters:
        if has_annotation(p.annotations, "optional"):
            message = f"parameter {p.name!r}: only declarations without body may have optional ones"
            ctx.error(checker_codes.PARAMETER, message, p.span)


def _default(ctx: Context, p: ast.Parameter, default: ast.Expression, found: Type) -> None:
    if p.direction in (Direction.OUT, Direction.INOUT):
        message = f"parameter {p.name!r}: {p.direction} parameters may have no default value"
        ctx.error(checker_codes.PARAMETER, message, default.span)
        return
    given = ctx.type_of(default)
    if _mentions_variable(found):
        return
    checker_conversions.coerce(
        ctx, default, given, found, f"the default value of parameter {p.name!r}"
    )


def _mentions_variable(of: Type) -> bool:
    match of:
        case types.TypeVar():
            return True
        case types.Parser() | types.Control():
            return any(_mentions_variable(p.type) for p in of.parameters)
        case types.Struct() | types.Header() | types.Union() | types.Extern() | types.Package():
            return any(map(_mentions_variable, of.arguments))
        case types.Stack() | types.List():
            return _mentions_variable(of.element)
        case types.Tuple():
            return any(map(_mentions_variable, of.elements))
        case _:
            return False


def _check_order(ctx: Context, parameters: tuple[ast.Parameter, ...]) -> None:
    """An action's directionless parameters come last."""
    seen = False
    for p in parameters:
        if p.direction is Direction.NONE:
            seen = True
        elif seen:
            message = f"parameter {p.name!r}: parameters without direction come last in an action"
            ctx.error(checker_codes.PARAMETER, message, p.span)


def declare(ctx: Context, parameters: tuple[ast.Parameter, ...]) -> None:
    """Make parameters visible in the present scope; two of one name are reported elsewhere."""
    for p in parameters:
        if not any(other in parameters for other in ctx.scope.names.get(p.name, ())):
            ctx.declare(p.name, p, p.name_span)


def record(
    ctx: Context, declaration: AnyDeclaration, parameters: tuple[types.Parameter, ...]
) -> None:
    ctx.checked.parameters[declaration] = parameters
