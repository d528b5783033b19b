"""Binding arguments to parameters: by place or name, defaults, directions, inferred types.

Source: P4_16 specification v1.2.5, "Calling convention", "Method invocations and function calls".
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.frontend import (
    ast,
    checker_codes,
    checker_conversions,
    checker_inference,
    checker_lvalues,
    checker_types,
    type_algebra,
    types,
)
from p4kube_core.compiler.frontend.checked import AnyDeclaration, Binding, Call, CallKind
from p4kube_core.compiler.frontend.checker_context import Context, count
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.frontend.types import Direction, Parameter, Type, TypeVar


@final
@dataclass(frozen=True, slots=True)
class Signature:
    """Something that a call may mean."""

    kind: CallKind
    name: str
    declaration: AnyDeclaration | None
    type_parameters: tuple[TypeVar, ...]
    parameters: tuple[Parameter, ...]
    result: Type
    receiver: ast.Expression | None = None
    receiver_type: Type | None = None
    needs_known: bool = False  # constructors: every argument is known at compile time


def fitting(parameters: tuple[Parameter, ...], arguments: tuple[ast.Argument, ...]) -> str | None:
    """Why the number or the names of the arguments do not fit, None if they do."""
    named = [a for a in arguments if a.name is not None]
    if named and len(named) != len(arguments):
        return "either all arguments are named or none"
    if len(arguments) > len(parameters):
        return f"wanted {count(len(parameters), 'argument')}, found {len(arguments)}"
    if not named:
        missing = [p for p in parameters[len(arguments) :] if not _may_be_omitted(p)]
        if missing:
            return f"wanted an argument for {missing[0].name!r}, found none"
        return None
    names = [a.name for a in named]
    for name in names:
        if names.count(name) > 1:
            return f"argument {name!r} is given twice"
        if all(p.name != name for p in parameters):
            return f"there is no parameter {name!r}"
    for p in parameters:
        if p.name not in names and not _may_be_omitted(p):
            return f"wanted an argument for {p.name!r}, found none"
    return None


def _may_be_omitted(p: Parameter) -> bool:
    return p.optional or p.default is not None


def pair(
    parameters: tuple[Parameter, ...], arguments: tuple[ast.Argument, ...]
) -> list[tuple[Parameter, ast.Argument | None]]:
    """Each parameter with its argument; the arguments must be fitting."""
    if arguments and arguments[0].name is not None:
        by_name = {a.name: a for a in arguments}
        return [(p, by_name.get(p.name)) for p in parameters]
    padded = [*arguments, *[None] * (len(parameters) - len(arguments))]
    return list(zip(parameters, padded, strict=True))


def check_all(ctx: Context, arguments: tuple[ast.Argument, ...]) -> None:
    """Check the arguments of a call that cannot be resolved, for the faults in them."""
    for a in arguments:
        if a.value is not None:
            ctx.type_of(a.value)


def invoke(
    ctx: Context,
    signature: Signature,
    arguments: tuple[ast.Argument, ...],
    type_arguments: tuple[ast.Type, ...],
    span: Span,
) -> Call | None:
    """Check one call against its only signature; None after a report."""
    check_all(ctx, arguments)
    problem = fitting(signature.parameters, arguments)
    if problem is not None:
        message = f"{signature.name}: {problem}"
        ctx.error(checker_codes.ARGUMENTS, message, span, _as_declared(signature))
        return None
    pairs = pair(signature.parameters, arguments)
    by = _type_arguments(ctx, signature, pairs, type_arguments, span)
    if by is None:
        return None
    bindings = tuple(_bind(ctx, signature, p, a, by) for p, a in pairs)
    result = type_algebra.substitute(signature.result, by)
    problem = checker_types.problem_of(result) if by else None
    if problem is not None:
        ctx.error(checker_codes.ILLEGAL_TYPE, f"{signature.name}: {problem}", span)
    return Call(
        signature.kind,
        signature.declaration,
        signature.receiver,
        signature.name,
        tuple(by[v] for v in signature.type_parameters if v in by),
        bindings,
        result,
        signature.receiver_type,
    )


def _as_declared(signature: Signature) -> str:
    return f"it is declared as {signature.name}({', '.join(map(str, signature.parameters))})"


def _type_arguments(
    ctx: Context,
    signature: Signature,
    pairs: list[tuple[Parameter, ast.Argument | None]],
    written: tuple[ast.Type, ...],
    span: Span,
) -> dict[TypeVar, Type] | None:
    """What the type parameters stand for; None after a report."""
    variables = signature.type_parameters
    given = tuple(checker_types.resolve(ctx, t, void=True, dont_care=True) for t in written)
    if written and len(given) != len(variables):
        wanted = count(len(variables), "type argument")
        message = f"{signature.name} wants {wanted}, found {len(given)}"
        ctx.error(checker_codes.TYPE_ARGUMENTS, message, span)
        return None
    if not variables:
        return {}
    inference = checker_inference.Inference(variables)
    for variable, t in zip(variables, given, strict=False):
        if t is not types.DONT_CARE:
            inference.found[variable] = t
    for p, a in pairs:
        value = p.default if a is None else a.value
        if value is not None:
            inference.learn(inference.apply(p.type), ctx.type_of(value))
    return _settled(ctx, signature, inference, pairs, span)


def _settled(
    ctx: Context,
    signature: Signature,
    inference: checker_inference.Inference,
    pairs: list[tuple[Parameter, ast.Argument | None]],
    span: Span,
) -> dict[TypeVar, Type] | None:
    for variable in inference.missing():
        if any(p.optional and a is None for p, a in pairs):
            inference.found[variable] = types.DONT_CARE
            continue
        if isinstance(signature.result, types.Parser | types.Control):
            continue  # what the object is passed for tells
        message = f"{signature.name}: the type argument {variable} cannot be inferred"
        hint = f"write {signature.name}<...>(...)"
        ctx.error(checker_codes.TYPE_ARGUMENTS, message, span, hint)
        return None
    by = inference.result()
    for variable, found in by.items():
        if isinstance(found, types.Record | types.Sequence) or found in _NO_ARGUMENT:
            message = f"{signature.name}: type argument {variable} cannot be {found}"
            hint = "write its type before it: (T){...}"
            ctx.error(checker_codes.TYPE_ARGUMENTS, message, span, hint)
            return None
    return by


_NO_ARGUMENT = (types.DEFAULT, types.INVALID)


def _bind(
    ctx: Context,
    signature: Signature,
    p: Parameter,
    argument: ast.Argument | None,
    by: dict[TypeVar, Type],
) -> Binding:
    target = type_algebra.substitute(p.type, by)
    if by:
        _check_specialised(ctx, signature, p, target, argument)
    bound = dataclasses.replace(p, type=target) if by else p
    if argument is None:
        return Binding(bound, p.default, is_default=p.default is not None)
    what = f"parameter {p.name!r} of {signature.name}"
    if target is types.DONT_CARE:
        message = f"{what} has a type that cannot be inferred"
        ctx.error(checker_codes.TYPE_ARGUMENTS, message, argument.span)
    if argument.value is None:
        if p.direction is not Direction.OUT and not (p.optional and signature.needs_known):
            message = f"{what}: `_` may stand for an out argument only"
            ctx.error(checker_codes.ARGUMENTS, message, argument.span)
        return Binding(bound, None)
    check_argument(ctx, argument.value, bound, what)
    if signature.needs_known or _wants_known(signature, p):
        require_known(ctx, argument.value, what)
    return Binding(bound, argument.value)


def _wants_known(signature: Signature, p: Parameter) -> bool:
    """Whether values for the parameter exist at compile time only; methods of externs decide."""
    return p.type is types.INTEGER and signature.kind is not CallKind.EXTERN_METHOD


def _check_specialised(
    ctx: Context,
    signature: Signature,
    p: Parameter,
    target: Type,
    argument: ast.Argument | None,
) -> None:
    problem = checker_types.problem_of(target) or _illegal(signature, p, target)
    if problem is not None and argument is not None:
        message = f"parameter {p.name!r} of {signature.name}: {problem}"
        ctx.error(checker_codes.ILLEGAL_TYPE, message, argument.span)


def _illegal(signature: Signature, p: Parameter, target: Type) -> str | None:
    """Why a type may not be put in for the type parameter of a parameter, None if it may."""
    if signature.needs_known:
        return None
    match target:
        case types.INTEGER | types.STRING | types.Extern():
            if p.direction is not Direction.NONE or signature.kind is CallKind.FUNCTION:
                hint = ": give the number a width" if target is types.INTEGER else ""
                return f"its type cannot be {target}{hint}"
        case types.Parser() | types.Control() | types.Package() | types.Table() | types.Action():
            return f"its type cannot be {target}"
    return None


def check_argument(ctx: Context, value: ast.Expression, p: Parameter, what: str) -> None:
    """One argument against its parameter: type, and a place to write to where one is wanted."""
    if p.direction not in (Direction.OUT, Direction.INOUT):
        checker_conversions.require(ctx, value, p.type, what)
        return
    if not checker_lvalues.require(ctx, value, what):
        return
    found = ctx.type_of(value)
    if found != p.type and types.UNKNOWN not in (found, p.type):
        message = f"{what} wants exactly {p.type}, found {found}"
        ctx.error(checker_codes.WRONG_TYPE, message, value.span)


def require_known(ctx: Context, value: ast.Expression, what: str) -> None:
    if ctx.type_of(value) is not types.UNKNOWN and not ctx.is_known(value):
        message = f"{what} wants a value that is known at compile time"
        ctx.error(checker_codes.NOT_CONSTANT, message, value.span)
