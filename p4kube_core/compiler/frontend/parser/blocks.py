"""Parses parsers with their states, and controls."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast, syntax_codes
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.parser import (
    declarations,
    expressions,
    keysets,
    statements,
    tables,
    types,
)
from p4kube_core.compiler.frontend.parser.cursor import Cursor
from p4kube_core.compiler.frontend.parser.notes import leading_annotations

Annotations = tuple[ast.Annotation, ...]


def parser(c: Cursor, first: Token, notes: Annotations) -> ast.ParserType | ast.ParserDeclaration:
    c.advance()
    name = c.name("parser's name")
    c.declare(name.text, True)
    c.scopes.append({})
    generic = types.type_parameters(c)
    given = declarations.parameters(c)
    if c.kind not in ("{", "("):
        c.scopes.pop()
        c.semicolon("the parser type")
        return ast.ParserType(c.span_from(first), notes, name.text, name.span, generic, given)
    constructor = declarations.parameters(c) if c.kind == "(" else ()
    c.expect("{", "the parser's parameters")
    items = c.items(_parser_item, "}")
    c.expect("}", "the parser's states")
    c.scopes.pop()
    return ast.ParserDeclaration(
        c.span_from(first),
        notes,
        name.text,
        name.span,
        generic,
        given,
        constructor,
        tuple(i for i in items if not isinstance(i, ast.State)),
        tuple(i for i in items if isinstance(i, ast.State)),
    )


def _parser_item(c: Cursor) -> ast.LocalDeclaration | ast.State:
    first = c.token
    notes = leading_annotations(c)
    if c.kind == "state":
        return _state(c, first, notes)
    if c.kind == "const":
        return declarations.constant(c, first, notes)
    if c.kind == "value_set":
        return _value_set(c, first, notes)
    if not (types.begins_type(c) or c.kind in ("identifier", ".")):
        raise c.fault("state or declaration wanted")
    return declarations.variable_or_instance(c, first, notes)


def _state(c: Cursor, first: Token, notes: Annotations) -> ast.State:
    c.advance()
    name = c.name("state's name")
    c.expect("{", "the state's name")
    c.scopes.append({})
    inside: list[ast.Statement | ast.Transition] = c.items(_state_item, "}")
    c.scopes.pop()
    c.expect("}", "the state's statements")
    transition: ast.Transition | None = None
    plain: list[ast.Statement] = []
    for item in inside:
        if transition is not None:
            message = "nothing may follow the transition of a state"
            c.diagnostics.error(syntax_codes.AFTER_TRANSITION, message, item.span)
        elif isinstance(item, ast.Transition):
            transition = item
        else:
            plain.append(item)
    span = c.span_from(first)
    return ast.State(span, notes, name.text, name.span, tuple(plain), transition)


def _state_item(c: Cursor) -> ast.Statement | ast.Transition:
    if c.kind != "transition":
        return statements.statement(c)
    first = c.advance()
    target: ast.Goto | ast.Select
    if c.kind == "select":
        target = _select(c)
    else:
        state = c.name("state or select wanted after 'transition';")
        target = ast.Goto(state.span, state.text)
        c.semicolon("the state")
    return ast.Transition(c.span_from(first), target)


def _select(c: Cursor) -> ast.Select:
    first = c.advance()
    c.expect("(", "'select'")
    selectors: list[ast.Expression] = []
    while c.kind != ")":
        selectors.append(expressions.bracketed(c))
        if not c.accept(","):
            break
    c.expect(")", "the selected expressions")
    c.expect("{", "the selected expressions")
    cases = tuple(c.items(_select_case, "}"))
    c.expect("}", "the cases")
    return ast.Select(c.span_from(first), tuple(selectors), cases)


def _select_case(c: Cursor) -> ast.SelectCase:
    first = c.token
    keyset = keysets.keyset(c)
    c.expect(":", "the key set")
    state = c.name("state's name")
    c.semicolon("the state")
    return ast.SelectCase(c.span_from(first), keyset, state.text, state.span)


def _value_set(c: Cursor, first: Token, notes: Annotations) -> ast.ValueSetDeclaration:
    c.advance()
    c.expect("<", "'value_set'")
    element = types.type_argument(c)
    c.expect(">", "the element type")
    c.expect("(", "the element type")
    size = expressions.bracketed(c)
    c.expect(")", "the size")
    name = c.name("value set's name")
    c.declare(name.text, False)
    c.semicolon("the value set's name")
    return ast.ValueSetDeclaration(c.span_from(first), notes, element, size, name.text, name.span)


def control(
    c: Cursor, first: Token, notes: Annotations
) -> ast.ControlType | ast.ControlDeclaration:
    c.advance()
    name = c.name("control's name")
    c.declare(name.text, True)
    c.scopes.append({})
    generic = types.type_parameters(c)
    given = declarations.parameters(c)
    if c.kind not in ("{", "("):
        c.scopes.pop()
        c.semicolon("the control type")
        return ast.ControlType(c.span_from(first), notes, name.text, name.span, generic, given)
    constructor = declarations.parameters(c) if c.kind == "(" else ()
    c.expect("{", "the control's parameters")
    items = c.items(_control_item, "}")
    bodies = [i for i in items if isinstance(i, ast.Block)]
    if len(bodies) != 1:
        message = f"control {name.text!r} has no 'apply' block"
        if bodies:
            message = f"control {name.text!r} has {len(bodies)} 'apply' blocks"
        c.diagnostics.error(
            syntax_codes.APPLY_BLOCKS, message, bodies[1].span if bodies else name.span
        )
    body = bodies[0] if bodies else ast.Block(name.span, (), ())
    c.expect("}", "the control's 'apply' block")
    c.scopes.pop()
    return ast.ControlDeclaration(
        c.span_from(first),
        notes,
        name.text,
        name.span,
        generic,
        given,
        constructor,
        tuple(i for i in items if not isinstance(i, ast.Block)),
        body,
    )


def _control_item(c: Cursor) -> ast.LocalDeclaration | ast.Block:
    first = c.token
    notes = leading_annotations(c)
    match c.kind:
        case "apply" if c.peek() in ("{", "@"):
            c.advance()
            return statements.block(c, notes + leading_annotations(c))
        case "action":
            return declarations.action(c, first, notes)
        case "table":
            return tables.table(c, first, notes)
        case "const":
            return declarations.constant(c, first, notes)
    if not (types.begins_type(c) or c.kind in ("identifier", ".")):
        raise c.fault("action, table, declaration or 'apply' wanted")
    return declarations.variable_or_instance(c, first, notes)
