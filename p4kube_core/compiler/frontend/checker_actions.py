"""Actions as tables use them: in the list of actions, as default action and in entries.

Source: P4_16 specification v1.2.5, "Tables", sections "Actions" and "Default action".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_arguments,
    checker_codes,
    checker_values,
    types,
)
from p4kube_core.compiler.frontend.checked import ActionUse, Binding
from p4kube_core.compiler.frontend.checker_context import Context
from p4kube_core.compiler.frontend.types import Direction, Parameter

Arguments = tuple[ast.Argument, ...]


def split(node: ast.Expression) -> tuple[ast.NameExpression | None, Arguments]:
    """The name and the arguments of a reference to an action; no name if it is something else."""
    arguments: Arguments = ()
    if isinstance(node, ast.Call):
        arguments, node = node.arguments, node.function
    return (node if isinstance(node, ast.NameExpression) else None), arguments


def find(ctx: Context, node: ast.Expression) -> ast.ActionDeclaration | None:
    """The action that a reference names; None after a report."""
    name, _ = split(node)
    if name is None:
        ctx.error(checker_codes.ACTION_LIST, "wanted the name of an action", node.span)
        return None
    found = (ctx.top if name.absolute else ctx.scope).find(name.name)
    if found is None:
        hint = ctx.suggestion(name.name, ctx.scope.visible())
        ctx.error(checker_codes.UNKNOWN_NAME, f"no action {name.name!r} here", name.span, hint)
        return None
    action = found[0]
    if not isinstance(action, ast.ActionDeclaration):
        message = f"wanted an action, found {name.name!r}, which is none"
        ctx.error(checker_codes.ACTION_LIST, message, name.span)
        return None
    ctx.checked.uses[name] = action
    ctx.note(name, ctx.checked.declaration_types.get(action, types.UNKNOWN))
    return action


def listed(ctx: Context, node: ast.ActionReference) -> ActionUse | None:
    """An element of a table's actions: its data-plane parameters bound, the others not."""
    action = find(ctx, node.expression)
    if action is None:
        return None
    parameters = ctx.checked.parameters_of(action)
    data = tuple(p for p in parameters if p.direction is not Direction.NONE)
    _, arguments = split(node.expression)
    ctx.in_action_arguments = True
    bindings = _bind(ctx, action, data, arguments, node.expression)
    ctx.in_action_arguments = False
    if bindings is None:
        return None
    rest = tuple(
        Binding(p, None, by_control_plane=True) for p in parameters if p.direction is Direction.NONE
    )
    return ActionUse(node.expression, action, bindings + rest, node.annotations)


def _bind(
    ctx: Context,
    action: ast.ActionDeclaration,
    parameters: tuple[Parameter, ...],
    arguments: Arguments,
    node: ast.Expression,
) -> tuple[Binding, ...] | None:
    checker_arguments.check_all(ctx, arguments)
    problem = checker_arguments.fitting(parameters, arguments)
    if problem is not None:
        message = f"action {action.name!r}: {problem}"
        ctx.error(checker_codes.ACTION_LIST, message, node.span, _hint(parameters))
        return None
    bindings = []
    for p, argument in checker_arguments.pair(parameters, arguments):
        value = p.default if argument is None else argument.value
        if argument is not None and value is not None:
            what = f"parameter {p.name!r} of action {action.name!r}"
            checker_arguments.check_argument(ctx, value, p, what)
            if p.direction is Direction.NONE:
                checker_arguments.require_known(ctx, value, what)
        elif argument is not None:
            message = f"action {action.name!r}: `_` may not stand for {p.name!r}"
            ctx.error(checker_codes.ACTION_LIST, message, argument.span)
        bindings.append(Binding(p, value, is_default=argument is None and value is not None))
    return tuple(bindings)


def _hint(parameters: tuple[Parameter, ...]) -> str:
    wanted = ", ".join(map(str, parameters)) or "none"
    return f"parameters to be bound here: {wanted}"


def complete(
    ctx: Context, node: ast.Expression, uses: list[ActionUse], what: str
) -> ActionUse | None:
    """A default action or an entry's action, all parameters bound; None after a report.

    Arguments for parameters with a direction must be those in the list of actions; they may be
    left out altogether.
    """
    action = find(ctx, node)
    if action is None:
        return None
    use = next((u for u in uses if u.action is action), None)
    if use is None:
        known = [u.action.name for u in uses]
        hint = f"the table's actions are {', '.join(known) or 'none'}"
        message = f"{what} wants an action of the table, found {action.name!r}"
        ctx.error(checker_codes.ACTION_LIST, message, node.span, hint)
        return None
    return _completed(ctx, node, use)


def _completed(ctx: Context, node: ast.Expression, use: ActionUse) -> ActionUse | None:
    _, arguments = split(node)
    parameters = ctx.checked.parameters_of(use.action)
    own = tuple(p for p in parameters if p.direction is Direction.NONE)
    bound = [b for b in use.bindings if not b.by_control_plane]
    if bound and len(arguments) != len(own):
        whole = _bind(ctx, use.action, parameters, arguments, node)
        if whole is None:
            return None
        for given, listed_binding in zip(whole, bound, strict=False):
            _check_same(ctx, given, listed_binding)
        return ActionUse(node, use.action, whole, use.annotations)
    rest = _bind(ctx, use.action, own, arguments, node)
    if rest is None:
        return None
    return ActionUse(node, use.action, tuple(bound) + rest, use.annotations)


def _check_same(ctx: Context, given: Binding, listed_binding: Binding) -> None:
    one, other = given.argument, listed_binding.argument
    if one is None or other is None or same(ctx, one, other):
        return
    message = (
        f"argument for {given.parameter.name!r} wants to be the one in the list of actions,"
        f" {other.span.text!r}, found {one.span.text!r}"
    )
    ctx.error(checker_codes.ACTION_LIST, message, one.span)


def same(ctx: Context, one: ast.Expression, other: ast.Expression) -> bool:
    """Whether two expressions are written alike and mean the same."""
    value = checker_values.converted(ctx.checked, one)
    if value is not None:
        return value == checker_values.converted(ctx.checked, other)
    if type(one) is not type(other):
        return False
    match one, other:
        case ast.NameExpression(), ast.NameExpression():
            return ctx.checked.uses.get(one) is ctx.checked.uses.get(other)
        case ast.Member(), ast.Member():
            return one.member == other.member and same(ctx, one.base, other.base)
        case ast.Index(), ast.Index():
            return same(ctx, one.base, other.base) and same(ctx, one.index, other.index)
        case ast.StructExpression(), ast.StructExpression():
            values = {f.name: f.value for f in other.fields}
            return len(values) == len(one.fields) and all(
                f.name in values and same(ctx, f.value, values[f.name]) for f in one.fields
            )
        case _:
            return " ".join(one.span.text.split()) == " ".join(other.span.text.split())
