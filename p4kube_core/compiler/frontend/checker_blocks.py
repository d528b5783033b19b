"""Parsers and controls: their types, and those with a body.

Source: P4_16 specification v1.2.5, "Packet parsing", "Control blocks", "Parameterization".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_codes,
    checker_functions,
    checker_instances,
    checker_parameters,
    checker_parsers,
    checker_statements,
    checker_tables,
    checker_validity,
    checker_warnings,
    types,
)
from p4kube_core.compiler.frontend.checker_context import Context, Place
from p4kube_core.compiler.frontend.checker_parameters import Callee
from p4kube_core.compiler.frontend.types import Type

Block = ast.ParserDeclaration | ast.ControlDeclaration


def block_type(ctx: Context, node: ast.ParserType | ast.ControlType) -> None:
    """Check a parser type or control type and make it visible."""
    parser = isinstance(node, ast.ParserType)
    with ctx.nested():
        variables = checker_parameters.type_parameters(ctx, node.type_parameters, node.name)
        callee = Callee.PARSER if parser else Callee.CONTROL
        parameters = checker_parameters.resolve(ctx, node.parameters, callee)
    make = types.Parser if parser else types.Control
    of = make(node.name, variables, variables, parameters, (), False, node)
    ctx.checked.declaration_types[node] = of
    ctx.checked.parameters[node] = parameters
    ctx.declare(node.name, node, node.name_span)


def package_type(ctx: Context, node: ast.PackageType) -> None:
    """Check a package type and make it visible."""
    with ctx.nested():
        variables = checker_parameters.type_parameters(ctx, node.type_parameters, node.name)
        ctx.in_default = True
        parameters = checker_parameters.resolve(ctx, node.parameters, Callee.PACKAGE)
        ctx.in_default = False
    of = types.Package(node.name, variables, variables, parameters, node)
    ctx.checked.declaration_types[node] = of
    ctx.checked.parameters[node] = parameters
    ctx.declare(node.name, node, node.name_span)


def block(ctx: Context, node: Block) -> None:
    """Check a parser or control with its body and make it visible."""
    parser = isinstance(node, ast.ParserDeclaration)
    callee = Callee.PARSER if parser else Callee.CONTROL
    ctx.declare(node.name, node, node.name_span)
    ctx.unfinished.add(node)
    with ctx.nested():
        variables = checker_parameters.type_parameters(ctx, node.type_parameters, node.name)
        parameters = checker_parameters.resolve(ctx, node.parameters, callee)
        checker_parameters.refuse_optional(ctx, node.constructor_parameters)
        ctx.in_default = True
        constructor = checker_parameters.resolve(
            ctx, node.constructor_parameters, Callee.CONSTRUCTOR
        )
        ctx.in_default = False
        _check_constructor(ctx, constructor, parser)
        ctx.checked.parameters[node] = parameters
        ctx.known.update(node.constructor_parameters)
        checker_parameters.declare(ctx, node.parameters)
        checker_parameters.declare(ctx, node.constructor_parameters)
        _body(ctx, node)
    ctx.unfinished.discard(node)
    make = types.Parser if parser else types.Control
    of = make(node.name, variables, variables, parameters, constructor, True, node)
    ctx.checked.declaration_types[node] = of


def _check_constructor(
    ctx: Context, constructor: tuple[types.Parameter, ...], parser: bool
) -> None:
    """Parsers take no controls, and the other way round; and types, not those with a body."""
    other: type[Type] = types.Control if parser else types.Parser
    for p in constructor:
        is_object = isinstance(p.type, types.Parser | types.Control) and p.type.is_object
        if is_object or isinstance(p.type, (other, types.Package)):
            message = f"constructor parameter {p.name!r} may not be of type {p.type}"
            ctx.error(checker_codes.PARAMETER, message, p.declaration.span)


def _body(ctx: Context, node: Block) -> None:
    if isinstance(node, ast.ParserDeclaration):
        with ctx.at(Place.PARSER), ctx.nested():
            for local in node.locals:
                _local(ctx, local)
            checker_parsers.states(ctx, node)
        checker_warnings.parser(ctx, node)
    else:
        with ctx.nested(Place.CONTROL):
            for local in node.locals:
                _local(ctx, local)
            with ctx.body(Place.APPLY, None):
                checker_statements.statements(ctx, node.body.statements)
        checker_warnings.control(ctx, node)
    checker_validity.warn(ctx, node)


def _local(ctx: Context, node: ast.LocalDeclaration) -> None:
    match node:
        case ast.ConstantDeclaration():
            checker_statements.constant(ctx, node)
        case ast.VariableDeclaration():
            checker_statements.variable(ctx, node)
        case ast.Instantiation():
            checker_instances.instantiation(ctx, node)
        case ast.ActionDeclaration():
            checker_functions.action(ctx, node)
        case ast.TableDeclaration():
            checker_tables.table(ctx, node)
        case ast.ValueSetDeclaration():
            checker_parsers.value_set(ctx, node)
