"""Functions, actions, extern functions and extern objects with their methods.

Source: P4_16 specification v1.2.5, "Function declarations", "Actions", "Extern types".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_annotations,
    checker_codes,
    checker_parameters,
    checker_statements,
    checker_types,
    types,
)
from p4kube_core.compiler.frontend.checker_context import Context, Place
from p4kube_core.compiler.frontend.checker_parameters import Callee
from p4kube_core.compiler.frontend.types import Direction, Type


def function(ctx: Context, node: ast.FunctionDeclaration, place: Place = Place.FUNCTION) -> None:
    """Check a function with a body and make it visible."""
    ctx.declare(node.name, node, node.name_span)
    owner = _owner(node)
    with ctx.nested():
        variables = checker_parameters.type_parameters(ctx, node.type_parameters, owner)
        callee = Callee.FUNCTION if place is Place.FUNCTION else Callee.EXTERN
        parameters = checker_parameters.resolve(ctx, node.parameters, callee)
        result = _result(ctx, node.return_type)
        of = types.Function(node.name, variables, parameters, result, node)
        ctx.checked.declaration_types[node] = of
        ctx.checked.parameters[node] = parameters
        ctx.unfinished.add(node)
        with ctx.body(place, result):
            checker_parameters.declare(ctx, node.parameters)
            ctx.known.update(p for p in node.parameters if p.direction is Direction.NONE)
            checker_statements.block(ctx, node.body)
        ctx.unfinished.discard(node)
    if result not in (types.VOID, types.UNKNOWN) and not checker_statements.returns(node.body):
        message = f"function {node.name!r} wants to return a value on every path"
        ctx.error(checker_codes.FLOW, message, node.name_span)


def _owner(node: ast.FunctionDeclaration | ast.ExternFunction | ast.ExternMethod) -> str:
    """Tells apart the type parameters of overloads; the same in every run."""
    return f"{node.name}@{node.name_span.source.name}:{node.name_span.start}"


def _result(ctx: Context, node: ast.Type) -> Type:
    result = checker_types.resolve(ctx, node, void=True)
    illegal = isinstance(result, types.Parser | types.Control | types.Package)
    if illegal or result in (types.INTEGER, types.STRING):
        message = f"a function or method may not give {result}"
        return ctx.fault(checker_codes.ILLEGAL_TYPE, message, node.span)
    return result


def action(ctx: Context, node: ast.ActionDeclaration) -> None:
    """Check an action and make it visible."""
    checker_annotations.check(ctx, node.annotations)
    parameters = checker_parameters.resolve(ctx, node.parameters, Callee.ACTION)
    of = types.Action(node.name, parameters, node)
    ctx.checked.declaration_types[node] = of
    ctx.checked.parameters[node] = parameters
    for p in parameters:
        if not _action_type(p.type) and p.direction is Direction.NONE:
            message = f"parameter {p.name!r}: a control plane cannot give a {p.type}"
            ctx.error(checker_codes.PARAMETER, message, p.declaration.span)
    ctx.declare(node.name, node, node.name_span)
    ctx.unfinished.add(node)
    with ctx.body(Place.ACTION, None):
        checker_parameters.declare(ctx, node.parameters)
        checker_statements.block(ctx, node.body)
    ctx.unfinished.discard(node)


def _action_type(of: Type) -> bool:
    """Types of values that a control plane can give."""
    return not isinstance(of, types.Tuple | types.List) and of not in (
        types.INTEGER,
        types.STRING,
    )


def extern_function(ctx: Context, node: ast.ExternFunction) -> None:
    """Check an extern function and make it visible."""
    with ctx.nested():
        variables = checker_parameters.type_parameters(ctx, node.type_parameters, _owner(node))
        parameters = checker_parameters.resolve(ctx, node.parameters, Callee.EXTERN)
        result = _result(ctx, node.return_type)
    of = types.Function(node.name, variables, parameters, result, node)
    ctx.checked.declaration_types[node] = of
    ctx.checked.parameters[node] = parameters
    ctx.declare(node.name, node, node.name_span)


def extern_object(ctx: Context, node: ast.ExternObject) -> None:
    """Check an extern object and make it visible, to its own methods as well."""
    ctx.declare(node.name, node, node.name_span)
    ctx.unfinished.add(node)
    with ctx.nested():
        variables = checker_parameters.type_parameters(ctx, node.type_parameters, node.name)
        ctx.checked.declaration_types[node] = types.Extern(node.name, variables, node)
        for method in node.methods:
            _method(ctx, node, method)
        _check_overloads(ctx, node)
    ctx.unfinished.discard(node)


def _check_overloads(ctx: Context, node: ast.ExternObject) -> None:
    """Two methods of one name differ in their parameters."""
    seen: set[tuple[object, ...]] = set()
    for method in node.methods:
        parameters = ctx.checked.parameters_of(method)
        form = (method.name, *((p.name, p.direction, p.type) for p in parameters))
        if form in seen:
            message = f"method {method.name!r} with these parameters is declared already"
            ctx.error(checker_codes.DUPLICATE, message, method.name_span)
        seen.add(form)


def _method(ctx: Context, owner: ast.ExternObject, node: ast.ExternMethod) -> None:
    if node.is_constructor != (node.name == owner.name):
        if node.is_constructor:
            message = f"a constructor wants the name of its extern, {owner.name!r}, or a type"
        else:
            message = f"a constructor of {owner.name!r} may have no return type"
        ctx.error(checker_codes.ABSTRACT, message, node.name_span)
    with ctx.nested():
        variables = checker_parameters.type_parameters(ctx, node.type_parameters, _owner(node))
        callee = Callee.EXTERN_CONSTRUCTOR if node.is_constructor else Callee.EXTERN
        parameters = checker_parameters.resolve(ctx, node.parameters, callee)
        result: Type = ctx.checked.declaration_types[owner]
        if node.return_type is not None:
            result = _result(ctx, node.return_type)
    ctx.checked.parameters[node] = parameters
    ctx.checked.declaration_types[node] = types.Function(
        node.name, variables, parameters, result, node
    )
