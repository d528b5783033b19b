"""Parsers: states, transitions, select expressions, value sets.

Source: P4_16 specification v1.2.5, "Packet parsing".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_codes,
    checker_inference,
    checker_keysets,
    checker_operators,
    checker_statements,
    checker_types,
    types,
)
from p4kube_core.compiler.frontend.checker_context import Context, Place
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.frontend.types import Type

BUILT_IN_STATES = ("accept", "reject")


def states(ctx: Context, node: ast.ParserDeclaration) -> None:
    """Check the states of a parser; its parameters and locals are in the present scope."""
    ctx.states = {}
    for state in node.states:
        _declare(ctx, state)
    if "start" not in ctx.states:
        message = f"parser {node.name!r} wants a state 'start', found none"
        hint = ctx.suggestion("start", ctx.states)
        ctx.error(checker_codes.STATE, message, node.name_span, hint)
    for state in node.states:
        with ctx.body(Place.STATE, None):
            checker_statements.statements(ctx, state.statements)
            if state.transition is not None:
                _transition(ctx, state.transition)
    ctx.states = {}


def _declare(ctx: Context, state: ast.State) -> None:
    if state.name in BUILT_IN_STATES:
        message = f"state {state.name!r} is built in and may not be declared"
        ctx.error(checker_codes.STATE, message, state.name_span)
    elif state.name in ctx.states:
        ctx.error(
            checker_codes.DUPLICATE, f"state {state.name!r} is declared already", state.name_span
        )
    else:
        ctx.states[state.name] = state
        ctx.checked.declaration_types[state] = types.STATE


def _transition(ctx: Context, node: ast.Transition) -> None:
    match node.target:
        case ast.Goto() as goto:
            _refer(ctx, goto, goto.state, goto.span)
        case ast.Select() as select:
            _select(ctx, select)


def _refer(ctx: Context, node: ast.Goto | ast.SelectCase, name: str, span: Span) -> None:
    state = ctx.states.get(name)
    if state is not None:
        ctx.checked.uses[node] = state
    elif name not in BUILT_IN_STATES:
        hint = ctx.suggestion(name, [*ctx.states, *BUILT_IN_STATES])
        found = ", found something else" if ctx.scope.find(name) else ""
        ctx.error(checker_codes.STATE, f"no state {name!r} in this parser{found}", span, hint)


def _select(ctx: Context, node: ast.Select) -> None:
    wanted = tuple(_selector(ctx, s) for s in node.selectors)
    what = "a case of the select"
    all_taken = False
    for case in node.cases:
        if all_taken:
            message = "a case after one that takes everything is never reached"
            ctx.warn(checker_codes.UNREACHABLE_CASE, message, case.span)
        keysets = checker_keysets.spread(ctx, case.keyset, wanted, what)
        for keyset, of in zip(keysets or (), wanted, strict=False):
            if keyset is not case.keyset or len(wanted) == 1:
                checker_keysets.check(ctx, keyset, of, what)
                checker_keysets.require_plain(ctx, keyset, what)
        if isinstance(case.keyset, ast.DontCare | ast.DefaultKey):
            all_taken = True
        _refer(ctx, case, case.state, case.state_span)


def _selector(ctx: Context, node: ast.Expression) -> Type:
    found = ctx.type_of(node)
    if isinstance(found, types.Sequence):
        found = ctx.note(node, checker_inference.settled(found))
    if found is types.UNKNOWN or selectable(found):
        return found
    message = f"select wants numbers, booleans, enums or errors, found {found}"
    return ctx.fault(checker_codes.SELECT, message, node.span)


def selectable(of: Type) -> bool:
    match of:
        case types.Bit() | types.Int() | types.Enum() | types.SerialEnum() | types.TypeVar():
            return True
        case types.BOOL | types.ERROR | types.INTEGER:
            return True
        case types.NewType():
            return selectable(of.underlying)
        case types.Tuple() | types.Sequence():
            return all(map(selectable, of.elements))
        case _:
            return False


def value_set(ctx: Context, node: ast.ValueSetDeclaration) -> None:
    """Check a value set and make it visible."""
    element = checker_types.resolve(ctx, node.element)
    if not _set_element(element):
        message = f"a value set may not have elements of type {element}"
        element = ctx.fault(checker_codes.ILLEGAL_TYPE, message, node.element.span)
    found = ctx.type_of(node.size)
    if found is not types.UNKNOWN:
        if not checker_operators.is_number(found):
            message = f"the size of a value set wants a number, found {found}"
            ctx.error(checker_codes.WRONG_TYPE, message, node.size.span)
        elif not ctx.is_known(node.size):
            message = "the size of a value set wants a value that is known at compile time"
            ctx.error(checker_codes.NOT_CONSTANT, message, node.size.span)
    ctx.checked.declaration_types[node] = types.Set(element)
    ctx.declare(node.name, node, node.name_span)


def _set_element(of: Type) -> bool:
    if of is types.UNKNOWN or (selectable(of) and of is not types.INTEGER):
        return True
    return isinstance(of, types.Struct) and all(_set_element(f.type) for f in of.fields)
