"""Top-level declarations: dispatch, and the types among them.

Source: P4_16 specification v1.2.5, "P4 data types".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_annotations,
    checker_blocks,
    checker_codes,
    checker_conversions,
    checker_functions,
    checker_instances,
    checker_parameters,
    checker_parsers,
    checker_statements,
    checker_types,
    checker_values,
    types,
)
from p4kube_core.compiler.frontend.checked import EnumValue
from p4kube_core.compiler.frontend.checker_context import Context
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.frontend.types import Type

Fields = ast.StructDeclaration | ast.HeaderDeclaration | ast.HeaderUnionDeclaration


def declaration(ctx: Context, node: ast.Declaration) -> None:
    """Check a top-level declaration and make it visible."""
    match node:
        case ast.StructDeclaration() | ast.HeaderDeclaration() | ast.HeaderUnionDeclaration():
            fields(ctx, node)
        case ast.ParserDeclaration() | ast.ControlDeclaration():
            checker_blocks.block(ctx, node)
        case ast.ParserType() | ast.ControlType():
            checker_blocks.block_type(ctx, node)
        case ast.PackageType():
            checker_blocks.package_type(ctx, node)
        case ast.ExternObject():
            checker_functions.extern_object(ctx, node)
        case ast.ExternFunction():
            checker_functions.extern_function(ctx, node)
        case ast.FunctionDeclaration():
            checker_functions.function(ctx, node)
        case ast.ActionDeclaration():
            checker_functions.action(ctx, node)
        case ast.Instantiation():
            checker_instances.instantiation(ctx, node)
        case ast.ConstantDeclaration():
            checker_statements.constant(ctx, node)
        case ast.ValueSetDeclaration():
            checker_parsers.value_set(ctx, node)
        case _:
            _type_declaration(ctx, node)


def _type_declaration(ctx: Context, node: ast.Declaration) -> None:
    match node:
        case ast.EnumDeclaration():
            enumeration(ctx, node)
        case ast.ErrorDeclaration():
            _errors(ctx, node)
        case ast.MatchKindDeclaration():
            _match_kinds(ctx, node)
        case ast.TypedefDeclaration():
            found = checker_types.resolve(ctx, node.type)
            if found is types.MATCH_KIND or found is types.STRING:
                message = f"typedef may not stand for {found}"
                found = ctx.fault(checker_codes.ILLEGAL_TYPE, message, node.type.span)
            ctx.checked.declaration_types[node] = found
            ctx.declare(node.name, node, node.name_span)
        case ast.NewTypeDeclaration():
            _new_type(ctx, node)


def fields(ctx: Context, node: Fields) -> None:
    """Check a struct, header or header union and make it visible."""
    ctx.declare(node.name, node, node.name_span)
    ctx.unfinished.add(node)
    with ctx.nested():
        variables = checker_parameters.type_parameters(ctx, node.type_parameters, node.name)
        resolved = tuple(_field(ctx, f) for f in node.fields)
    ctx.unfinished.discard(node)
    _check_names(ctx, [(f.name, f.name_span) for f in node.fields], "field")
    of: types.Aggregate
    match node:
        case ast.StructDeclaration():
            of = types.Struct(node.name, variables, resolved, node)
        case ast.HeaderDeclaration():
            of = types.Header(node.name, variables, resolved, node)
        case ast.HeaderUnionDeclaration():
            of = types.Union(node.name, variables, resolved, node)
    problem = checker_types.size_problem(of)
    if problem is not None:
        ctx.error(checker_codes.TOO_DEEP, problem, node.name_span)
        ctx.checked.declaration_types[node] = types.UNKNOWN
        return
    _check_fields(ctx, node, of)
    ctx.checked.declaration_types[node] = of


def _field(ctx: Context, node: ast.Field) -> types.Field:
    checker_annotations.check(ctx, node.annotations)
    found = checker_types.resolve(ctx, node.type)
    ctx.checked.declaration_types[node] = found
    return types.Field(node.name, found, node)


def _check_names(ctx: Context, names: list[tuple[str, Span]], what: str) -> None:
    seen: set[str] = set()
    for name, span in names:
        if name in seen:
            ctx.error(checker_codes.DUPLICATE, f"{what} {name!r} is declared already", span)
        seen.add(name)


def _check_fields(ctx: Context, node: Fields, of: types.Aggregate) -> None:
    for f, written in zip(of.fields, node.fields, strict=True):
        problem = checker_types.field_problem(of, f)
        if problem is not None:
            ctx.error(checker_codes.ILLEGAL_TYPE, problem, written.span)


def enumeration(ctx: Context, node: ast.EnumDeclaration) -> None:
    """Check an enum and make it visible."""
    ctx.declare(node.name, node, node.name_span)
    names = tuple(dict.fromkeys(m.name for m in node.members))
    _check_names(ctx, [(m.name, m.span) for m in node.members], "member")
    of: Type
    if node.underlying is None:
        of = types.Enum(node.name, names, node)
    else:
        underlying = checker_types.resolve(ctx, node.underlying)
        if isinstance(underlying, types.Bit | types.Int):
            of = types.SerialEnum(node.name, underlying, names, node)
        else:
            of = types.UNKNOWN
            if underlying is not types.UNKNOWN:
                message = f"an enum wants to be made of bit<> or int<>, found {underlying}"
                ctx.error(checker_codes.ILLEGAL_TYPE, message, node.underlying.span)
        with ctx.nested():
            _member_values(ctx, node, of, underlying)
    ctx.checked.declaration_types[node] = of
    for m in node.members:
        ctx.checked.declaration_types[m] = of


def _member_values(ctx: Context, node: ast.EnumDeclaration, of: Type, underlying: Type) -> None:
    """Values of members; each may refer to those before it by their bare names."""
    numbers = ctx.checked.serial_values.setdefault(node.name, {})
    for m in node.members:
        if m.value is None:
            message = f"member {m.name!r} of an enum with a type wants a value, found none"
            ctx.error(checker_codes.NOT_CONSTANT, message, m.span)
            continue
        what = f"the value of member {m.name!r}"
        if not checker_conversions.require(ctx, m.value, underlying, what):
            continue
        value = checker_values.converted(ctx.checked, m.value)
        if isinstance(value, int):
            numbers[m.name] = value
            ctx.checked.declaration_types[m] = of
            if isinstance(of, types.SerialEnum):
                ctx.values[m] = EnumValue(of, m.name)
                ctx.scope.declare(m.name, m)
        elif underlying is not types.UNKNOWN:
            message = f"{what} wants to be known at compile time"
            ctx.error(checker_codes.NOT_CONSTANT, message, m.value.span)


def _errors(ctx: Context, node: ast.ErrorDeclaration) -> None:
    for m in node.members:
        if m.name in ctx.error_members:
            message = f"error {m.name!r} is declared already"
            ctx.error(checker_codes.DUPLICATE, message, m.span)
            continue
        ctx.error_members[m.name] = m
        ctx.checked.errors[m.name] = len(ctx.checked.errors)
        ctx.checked.declaration_types[m] = types.ERROR


def _match_kinds(ctx: Context, node: ast.MatchKindDeclaration) -> None:
    for m in node.members:
        ctx.checked.match_kinds.setdefault(m.name, len(ctx.checked.match_kinds))
        ctx.checked.declaration_types[m] = types.MATCH_KIND
        ctx.declare(m.name, m, m.span)


def _new_type(ctx: Context, node: ast.NewTypeDeclaration) -> None:
    found = checker_types.resolve(ctx, node.type)
    of: Type = types.NewType(node.name, found, node)
    legal = isinstance(found, types.Bit | types.Int | types.NewType) or found is types.BOOL
    if not legal:
        of = types.UNKNOWN
        if found is not types.UNKNOWN:
            message = f"`type` wants bit<>, int<>, bool or a type made of them, found {found}"
            ctx.error(checker_codes.ILLEGAL_TYPE, message, node.type.span)
    ctx.checked.declaration_types[node] = of
    ctx.declare(node.name, node, node.name_span)
