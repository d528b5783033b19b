"""Instantiations, with the implementations of abstract methods, and `main`.

Source: P4_16 specification v1.2.5, "Instantiations", "Instantiating objects with abstract methods".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_arguments,
    checker_calls,
    checker_codes,
    checker_functions,
    checker_types,
    type_algebra,
    types,
)
from p4kube_core.compiler.frontend.checker_context import Context, Place, has_annotation
from p4kube_core.compiler.frontend.types import Type

_ALLOWED: dict[Place, tuple[type, ...]] = {
    Place.TOP: (types.Extern, types.Package),
    Place.PARSER: (types.Extern, types.Parser),
    Place.CONTROL: (types.Extern, types.Control),
    Place.METHOD: (types.Extern,),
}


def instantiation(ctx: Context, node: ast.Instantiation) -> None:
    """Check an instantiation and make its name visible."""
    written = node.type.element if isinstance(node.type, ast.StackType) else node.type
    of = checker_types.resolve(ctx, written, generic=True)
    result = _constructed(ctx, node, of)
    if isinstance(node.type, ast.StackType):
        result = _array(ctx, node.type, result)
    ctx.checked.declaration_types[node] = result
    if node.initializer is not None:
        _initializer(ctx, node, node.initializer, result)
    elif isinstance(result, types.Extern):
        _check_implemented(ctx, node, result, set())
    ctx.declare(node.name, node, node.name_span)
    if node.name == "main" and ctx.place is Place.TOP:
        _main(ctx, node, result)


def _array(ctx: Context, node: ast.StackType, element: Type) -> Type:
    """An array of extern instances, all constructed alike."""
    size = checker_types.constant_integer(ctx, node.size, "the size of an array")
    if element is types.UNKNOWN or size is None:
        return types.UNKNOWN
    if not isinstance(element, types.Extern):
        message = f"only externs can be instantiated in an array, found {element}"
        return ctx.fault(checker_codes.MISPLACED, message, node.span)
    ctx.checked.type_nodes[node] = types.Stack(element, size)
    return types.Stack(element, size)


def _constructed(ctx: Context, node: ast.Instantiation, of: Type) -> Type:
    if of is types.UNKNOWN:
        checker_arguments.check_all(ctx, node.arguments)
        return of
    if not isinstance(of, _ALLOWED.get(ctx.place, ())):
        checker_arguments.check_all(ctx, node.arguments)
        message = f"an object of type {of} may not be instantiated here: this is {ctx.place}"
        return ctx.fault(checker_codes.MISPLACED, message, node.span)
    made = checker_calls.construct(ctx, of, node.arguments, (), node.span)
    if made is None:
        return types.UNKNOWN
    ctx.checked.calls[node] = made
    checker_calls.warn_if_deprecated(ctx, made, node.span)
    return made.result


def _main(ctx: Context, node: ast.Instantiation, result: Type) -> None:
    if isinstance(result, types.Package):
        ctx.checked.main = node
    elif result is not types.UNKNOWN:
        message = f"`main` wants to be a package, found {result}"
        ctx.error(checker_codes.MAIN, message, node.span)


def _initializer(
    ctx: Context,
    node: ast.Instantiation,
    members: tuple[ast.FunctionDeclaration | ast.Instantiation, ...],
    result: Type,
) -> None:
    if result is not types.UNKNOWN and not isinstance(result, types.Extern):
        message = f"only an extern takes an initialiser, found {result}"
        ctx.error(checker_codes.ABSTRACT, message, node.span)
    old, ctx.this = ctx.this, result
    implemented: set[ast.ExternMethod] = set()
    with ctx.nested(Place.METHOD):
        for member in members:
            if isinstance(member, ast.Instantiation):
                instantiation(ctx, member)
            else:
                checker_functions.function(ctx, member, Place.METHOD)
                if isinstance(result, types.Extern):
                    _implementation(ctx, member, result, implemented)
    ctx.this = old
    if isinstance(result, types.Extern):
        _check_implemented(ctx, node, result, implemented)


def _abstract_methods(of: types.Extern) -> list[ast.ExternMethod]:
    return [m for m in of.declaration.methods if m.is_abstract]


def _can_implement(method: ast.ExternMethod, member: ast.FunctionDeclaration) -> bool:
    """Whether the number of parameters fits; optional ones at the end may be left out."""
    required = [p for p in method.parameters if not has_annotation(p.annotations, "optional")]
    return len(required) <= len(member.parameters) <= len(method.parameters)


def _implementation(
    ctx: Context,
    member: ast.FunctionDeclaration,
    of: types.Extern,
    implemented: set[ast.ExternMethod],
) -> None:
    """A method of an initialiser against the abstract method that it implements."""
    given = ctx.checked.declaration_types.get(member)
    candidates = [
        m for m in _abstract_methods(of) if m.name == member.name and _can_implement(m, member)
    ]
    if not candidates:
        message = f"{of} has no abstract method {member.name!r} with these parameters"
        ctx.error(checker_codes.ABSTRACT, message, member.name_span)
        return
    implemented.add(candidates[0])
    wanted = _specialised(ctx, candidates[0], of)
    if isinstance(given, types.Function) and wanted is not None:
        _check_signature(ctx, member, given, wanted)


def _specialised(ctx: Context, method: ast.ExternMethod, of: types.Extern) -> types.Function | None:
    own = ctx.checked.declaration_types.get(of.declaration)
    variables = checker_types.type_parameters_of(own) if own is not None else ()
    by = dict(zip(variables, of.arguments, strict=False))
    declared = ctx.checked.declaration_types.get(method)
    if declared is None:
        return None
    result = type_algebra.substitute(declared, by)
    return result if isinstance(result, types.Function) else None


def _check_signature(
    ctx: Context, member: ast.FunctionDeclaration, given: types.Function, wanted: types.Function
) -> None:
    same = given.result == wanted.result and all(
        (g.direction, g.type) == (w.direction, w.type)
        for g, w in zip(given.parameters, wanted.parameters, strict=False)
    )
    known = types.UNKNOWN not in (given.result, *(p.type for p in given.parameters))
    if not same and known and not wanted.type_parameters:
        message = f"method {member.name!r} wants to be {wanted}, found {given}"
        ctx.error(checker_codes.ABSTRACT, message, member.name_span)


def _check_implemented(
    ctx: Context,
    node: ast.Instantiation,
    of: types.Extern,
    implemented: set[ast.ExternMethod],
) -> None:
    for method in _abstract_methods(of):
        if method not in implemented and not has_annotation(method.annotations, "optional"):
            message = f"{node.name!r} wants an implementation of {method.name!r}, found none"
            ctx.error(checker_codes.ABSTRACT, message, node.span)
