"""For statements.

Source: P4_16 specification v1.2.5, "For statement".
"""

from __future__ import annotations

from collections.abc import Callable

from p4kube_core.compiler.frontend import (
    ast,
    checker_codes,
    checker_conversions,
    checker_operators,
    checker_types,
    types,
)
from p4kube_core.compiler.frontend.checker_context import Context
from p4kube_core.compiler.frontend.types import Type

Statement = Callable[[Context, ast.Statement], None]


def check(ctx: Context, node: ast.For | ast.ForIn, statement: Statement) -> None:
    with ctx.nested():
        if isinstance(node, ast.For):
            for s in node.initializers:
                statement(ctx, s)
            checker_conversions.require(ctx, node.condition, types.BOOL, "the condition of for")
            for s in node.updates:
                statement(ctx, s)
        else:
            _for_in(ctx, node)
        ctx.loops += 1
        with ctx.nested():
            statement(ctx, node.body)
        ctx.loops -= 1


def _for_in(ctx: Context, node: ast.ForIn) -> None:
    variable = node.variable
    wanted = checker_types.resolve(ctx, variable.type)
    if wanted is types.INTEGER:
        message = "the variable of for wants a type of fixed width, found int"
        wanted = ctx.fault(checker_codes.LOOP, message, variable.type.span)
    element = _elements(ctx, node.collection, wanted)
    ctx.checked.declaration_types[variable] = wanted
    ctx.declare(variable.name, variable, variable.name_span)
    ctx.read_only.add(variable)
    if element != wanted and types.UNKNOWN not in (element, wanted):
        message = f"the variable of for wants type {element}, found {wanted}"
        ctx.error(checker_codes.LOOP, message, variable.span)


def _elements(ctx: Context, node: ast.Expression, wanted: Type) -> Type:
    """Type of the elements of what a loop runs over, after implicit casts to `wanted`."""
    if isinstance(node, ast.Range):
        return _range(ctx, node, wanted)
    found = ctx.type_of(node)
    match found:
        case types.UNKNOWN:
            return found
        case types.Sequence():
            for element, of in zip(_parts(node), found.elements, strict=False):
                checker_conversions.coerce(ctx, element, of, wanted, "an element of the list")
            ctx.note(node, types.List(wanted))
            return wanted
        case types.List() | types.Stack():
            return found.element
        case _:
            message = f"for wants a range, a list or an array, found {found}"
            return ctx.fault(checker_codes.LOOP, message, node.span)


def _parts(node: ast.Expression) -> tuple[ast.Expression, ...]:
    return node.elements if isinstance(node, ast.ListExpression) else ()


def _range(ctx: Context, node: ast.Range, wanted: Type) -> Type:
    for end in (node.low, node.high):
        found = ctx.type_of(end)
        checker_operators.lowered(ctx, end, found)
        if not isinstance(wanted, types.Bit | types.Int) and wanted is not types.UNKNOWN:
            message = f"a range wants a variable of type bit<> or int<>, found {wanted}"
            return ctx.fault(checker_codes.LOOP, message, node.span)
        found = ctx.checked.converted_type(end)
        checker_conversions.coerce(ctx, end, found, wanted, "an end of the range")
    ctx.note(node, types.Set(wanted))
    return wanted
