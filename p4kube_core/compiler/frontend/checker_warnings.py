"""Warnings for what is legal and surely wrong: unreachable states, tables never applied."""

from __future__ import annotations

from collections.abc import Iterator

from p4kube_core.compiler.frontend import ast, checker_codes
from p4kube_core.compiler.frontend.checker_context import Context


def parser(ctx: Context, node: ast.ParserDeclaration) -> None:
    """Warn of states that no path from `start` leads to; refuse a parser that never ends."""
    by_name = {s.name: s for s in node.states}
    reached: set[str] = set()
    waiting = ["start"]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        if name in by_name:
            waiting.extend(_successors(by_name[name]))
    if "start" in by_name and reached <= by_name.keys():
        message = f"no path in parser {node.name!r} leads to 'accept' or 'reject'"
        ctx.error(checker_codes.STATE, message, node.name_span)
    for state in node.states:
        if state.name not in reached and "start" in by_name:
            message = f"no path from 'start' leads to state {state.name!r}"
            ctx.warn(checker_codes.UNREACHABLE_STATE, message, state.name_span)


def _successors(state: ast.State) -> Iterator[str]:
    if state.transition is None:
        yield "reject"
        return
    match state.transition.target:
        case ast.Goto() as goto:
            yield goto.state
        case ast.Select() as select:
            for case in select.cases:
                yield case.state
            yield "reject"  # where no case matches


def control(ctx: Context, node: ast.ControlDeclaration) -> None:
    """Warn of tables that the control never applies."""
    for local in node.locals:
        if isinstance(local, ast.TableDeclaration) and local not in ctx.applied:
            message = f"table {local.name!r} is never applied"
            ctx.warn(checker_codes.TABLE_NOT_APPLIED, message, local.name_span)
