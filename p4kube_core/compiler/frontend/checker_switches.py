"""Switch statements, on the action that a table ran or on a value.

Source: P4_16 specification v1.2.5, "Switch statement".
"""

from __future__ import annotations

from collections.abc import Callable

from p4kube_core.compiler.frontend import (
    ast,
    checker_arguments,
    checker_codes,
    checker_conversions,
    checker_values,
    types,
)
from p4kube_core.compiler.frontend.checked import Value
from p4kube_core.compiler.frontend.checker_context import Context, Place
from p4kube_core.compiler.frontend.types import Type


def check(
    ctx: Context, node: ast.Switch, statement_block: Callable[[Context, ast.Block], None]
) -> None:
    selector = node.selector
    match selector:
        case ast.Member(base=ast.Call(), member="action_run"):
            ctx.action_run_of.add(selector)
            if ctx.place is not Place.APPLY:
                message = f"a switch on action_run may not stand in {ctx.place}"
                ctx.error(checker_codes.MISPLACED, message, node.span)
    found = ctx.type_of(selector)
    if isinstance(found, types.ActionRun):
        _check_actions(ctx, node, found)
    else:
        _check_values(ctx, node, found)
    _check_default(ctx, node)
    for case in node.cases:
        if case.body is not None:
            statement_block(ctx, case.body)


def _check_default(ctx: Context, node: ast.Switch) -> None:
    for case in node.cases[:-1]:
        if isinstance(case.label, ast.DefaultKey):
            message = "`default` wants to be the last label of a switch"
            ctx.error(checker_codes.SWITCH, message, case.label.span)


def _check_actions(ctx: Context, node: ast.Switch, found: types.ActionRun) -> None:
    table = ctx.checked.tables.get(found.table.declaration)
    names = [] if table is None else [use.action.name for use in table.actions]
    seen: set[str] = set()
    for case in node.cases:
        label = case.label
        if isinstance(label, ast.DefaultKey):
            continue
        if not isinstance(label, ast.NameExpression):
            message = f"a label wants the name of an action of {found.table}"
            ctx.error(checker_codes.SWITCH, message, label.span)
        elif label.name not in names:
            hint = ctx.suggestion(label.name, names)
            message = f"{label.name!r} is no action of {found.table}"
            if table is not None:
                ctx.error(checker_codes.SWITCH, message, label.span, hint)
        else:
            _check_action(ctx, label, found, seen)


def _check_action(
    ctx: Context, label: ast.NameExpression, found: types.ActionRun, seen: set[str]
) -> None:
    if label.name in seen:
        message = f"label {label.name!r} stands twice in the switch"
        ctx.error(checker_codes.SWITCH, message, label.span)
    seen.add(label.name)
    table = ctx.checked.tables[found.table.declaration]
    use = table.action(label.name)
    named = (ctx.top if label.absolute else ctx.scope).find(label.name)
    if use is None or named is None:
        return
    if named[0] is not use.action:
        message = f"{label.name!r} here is another action than that of {found.table}"
        ctx.error(checker_codes.SWITCH, message, label.span)
    ctx.checked.uses[label] = use.action
    ctx.note(label, ctx.checked.declaration_types[use.action])


def _check_values(ctx: Context, node: ast.Switch, found: Type) -> None:
    switchable = types.Bit | types.Int | types.Enum | types.SerialEnum
    if (
        found is not types.UNKNOWN
        and found is not types.ERROR
        and not isinstance(found, switchable)
    ):
        message = f"a switch wants a number, enum, error or action_run, found {found}"
        ctx.error(checker_codes.SWITCH, message, node.selector.span)
        found = types.UNKNOWN
    seen: set[Value] = set()
    for case in node.cases:
        if not isinstance(case.label, ast.DefaultKey):
            _check_value(ctx, case.label, found, seen)


def _check_value(ctx: Context, label: ast.Expression, found: Type, seen: set[Value]) -> None:
    what = "a label of the switch"
    if not checker_conversions.require(ctx, label, found, what):
        return
    checker_arguments.require_known(ctx, label, what)
    value = checker_values.converted(ctx.checked, label)
    if value is None:
        return
    if value in seen:
        ctx.error(checker_codes.SWITCH, "the same label stands twice in the switch", label.span)
    seen.add(value)
