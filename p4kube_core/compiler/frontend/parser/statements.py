"""Parses statements and the declarations that may stand among them.

Source: P4_16 language specification 1.2.5, "Statements" and "P4 grammar".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from p4kube_core.compiler.frontend import ast, lexer
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.parser import declarations, expressions, keysets, types
from p4kube_core.compiler.frontend.parser.cursor import Cursor, SyntaxFault
from p4kube_core.compiler.frontend.parser.notes import leading_annotations

Annotations = tuple[ast.Annotation, ...]
_ASSIGNMENTS: Final[Mapping[str, ast.AssignmentOperator]] = {
    str(o): o for o in ast.AssignmentOperator if o != ast.AssignmentOperator.SHIFT_RIGHT
}


def statement(c: Cursor) -> ast.Statement:
    """A statement, or a declaration of a variable, constant or instance."""
    c.enter()
    first = c.token
    notes = leading_annotations(c)
    parse = _BY_KEYWORD.get(c.kind)
    if parse is not None:
        found = parse(c, first, notes)
    elif declares(c):
        found = declarations.variable_or_instance(c, first, notes)
    else:
        found = _assignment_or_call(c, first, notes)
        c.semicolon("the statement")
    c.leave()
    return found


def block(c: Cursor, notes: Annotations = (), first: Token | None = None) -> ast.Block:
    """Statements in braces, with a scope of their own."""
    first = first or c.token
    c.scopes.append({})
    found = block_in_scope(c, notes, first)
    c.scopes.pop()
    return found


def block_in_scope(c: Cursor, notes: Annotations, first: Token) -> ast.Block:
    c.expect("{", "this" if c.index == 0 else repr(c.tokens[c.index - 1].text))
    inside = c.items(statement, "}")
    c.expect("}", "the statements")
    return ast.Block(c.span_from(first), notes, tuple(inside))


def declares(c: Cursor) -> bool:
    """Does a declaration of a variable or instance stand here, not an assignment or call?"""
    if types.begins_type(c):
        return True
    absolute = 1 if c.kind == "." else 0
    if c.peek(absolute) != lexer.IDENTIFIER:
        return False
    after = c.peek(absolute + 1)
    if after == lexer.IDENTIFIER or after in lexer.CONTEXTUAL:
        return True
    if after in ("<", "[", "("):
        known = c.is_type(c.tokens[c.index + absolute].text)
        if known is None or (known and after == "<"):
            return _name_follows_type(c) if after != "[" else False
        return known
    return False


def _name_follows_type(c: Cursor) -> bool:
    """Look ahead over Type<...>(...) for a name, which makes it a declaration."""
    index = c.index
    kinds = c.kinds
    depth = 0
    while True:
        kind = kinds[index]
        if kind in ("<", "(", "["):
            depth += 1
        elif kind in (">", ")", "]"):
            depth -= 1
            if depth == 0 and kinds[index + 1] not in ("(", "["):
                after = kinds[index + 1]
                return after == lexer.IDENTIFIER or after in lexer.CONTEXTUAL
        elif kind in (";", "{", "}", lexer.END):
            return False
        index += 1


def _assignment_or_call(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    """An assignment or call without its semicolon."""
    target = _target(c)
    operator = _ASSIGNMENTS.get(c.kind)
    if operator is not None:
        c.advance()
    elif c.kind == ">" and c.peek() == ">=" and c.tokens[c.index + 1].start == c.token.end:
        c.advance()
        c.advance()
        operator = ast.AssignmentOperator.SHIFT_RIGHT
    if operator is not None:
        value = expressions.expression(c)
        return ast.Assignment(c.span_from(first), notes, target, operator, value)
    if not isinstance(target, ast.Call):
        if c.kind in ("++", "--"):
            raise c.fault("assignment or call wanted", "P4 has no ++ statement: write x = x + 1")
        raise c.fault("assignment or call wanted")
    applied = _applied_type(c, target)
    if applied is not None:
        span = c.span_from(first)
        return ast.DirectApplication(span, notes, applied, target.arguments)
    return ast.CallStatement(c.span_from(first), notes, target)


def _target(c: Cursor) -> ast.Expression:
    """What is assigned to or called: an l-value, or a call of one."""
    if c.at_name or c.kind in (".", "this", "("):
        return expressions.unary(c)
    raise c.fault("statement wanted")


def _applied_type(c: Cursor, call: ast.Call) -> ast.Type | None:
    """The type in Type.apply(...), None if it is the apply of an instance or table."""
    function = call.function
    if not isinstance(function, ast.Member) or function.member != "apply" or call.type_arguments:
        return None
    base = function.base
    if isinstance(base, ast.TypeExpression):
        return base.type
    if isinstance(base, ast.NameExpression) and c.is_type(base.name):
        return ast.NamedType(base.span, base.name, base.absolute)
    return None


def _block(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    return block(c, notes, first)


def _if(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    c.advance()
    c.expect("(", "'if'")
    condition = expressions.bracketed(c)
    c.expect(")", "the condition")
    then = statement(c)
    otherwise = None
    if c.accept("else"):
        otherwise = statement(c)
    return ast.If(c.span_from(first), notes, condition, then, otherwise)


def _switch(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    c.advance()
    c.expect("(", "'switch'")
    selector = expressions.bracketed(c)
    c.expect(")", "the expression")
    c.expect("{", "the expression")
    cases = c.items(_case, "}")
    c.expect("}", "the cases")
    return ast.Switch(c.span_from(first), notes, selector, tuple(cases))


def _case(c: Cursor) -> ast.SwitchCase:
    first = c.token
    is_default = c.kind == "default"
    label = ast.DefaultKey(c.advance().span) if is_default else expressions.expression(c)
    c.expect(":", "the label")
    body = block(c) if c.kind == "{" else None
    return ast.SwitchCase(c.span_from(first), label, body)


def _return(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    c.advance()
    value = None if c.kind in (";", "}") else expressions.expression(c)
    c.semicolon("'return'")
    return ast.Return(c.span_from(first), notes, value)


def _exit(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    c.advance()
    c.semicolon("'exit'")
    return ast.Exit(c.span_from(first), notes)


def _break(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    c.advance()
    c.semicolon("'break'")
    return ast.Break(c.span_from(first), notes)


def _continue(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    c.advance()
    c.semicolon("'continue'")
    return ast.Continue(c.span_from(first), notes)


def _empty(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    c.advance()
    return ast.Empty(c.span_from(first), notes)


def _constant(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    return declarations.constant(c, first, notes)


def _for(c: Cursor, first: Token, notes: Annotations) -> ast.Statement:
    c.advance()
    c.expect("(", "'for'")
    c.scopes.append({})
    variable = _loop_variable(c)
    if variable is not None:
        c.expect("in", "the loop's variable")
        collection = keysets.range_or_mask(c)
        c.expect(")", "the collection")
        body = statement(c)
        c.scopes.pop()
        return ast.ForIn(c.span_from(first), notes, variable, collection, body)
    if c.at_name and c.peek() == "in":
        hint = "the variable is declared here: for (bit<8> i in 1 .. 4)"
        raise c.fault("type of the loop's variable wanted", hint)
    initializers = _loop_statements(c, ";", _loop_initializer)
    c.expect(";", "the loop's first part")
    condition = expressions.bracketed(c)
    c.expect(";", "the loop's condition")
    updates = _loop_statements(c, ")", _loop_update)
    c.expect(")", "the loop's updates")
    body = statement(c)
    c.scopes.pop()
    return ast.For(c.span_from(first), notes, initializers, condition, updates, body)


def _loop_variable(c: Cursor) -> ast.VariableDeclaration | None:
    """The variable of `for (x in ...)`; None, and nothing taken, for the other kind of loop."""
    start, depth = c.index, c.depth
    first = c.token
    try:
        notes = leading_annotations(c)
        type_ = types.type_reference(c)
        if c.at_name and c.peek() == "in":
            name = c.advance()
            c.declare(name.text, False)
            span = c.span_from(first)
            return ast.VariableDeclaration(span, notes, type_, name.text, name.span, None)
    except SyntaxFault:
        c.depth = depth
    c.back_to(start)
    return None


def _loop_statements(
    c: Cursor, end: str, parse: Callable[[Cursor], ast.Statement]
) -> tuple[ast.Statement, ...]:
    found: list[ast.Statement] = []
    if c.kind != end:
        found.append(parse(c))
        while c.accept(","):
            found.append(parse(c))
    return tuple(found)


def _loop_initializer(c: Cursor) -> ast.Statement:
    first = c.token
    notes = leading_annotations(c)
    if declares(c):
        return declarations.variable_without_semicolon(c, first, notes)
    return _assignment_or_call(c, first, notes)


def _loop_update(c: Cursor) -> ast.Statement:
    return _assignment_or_call(c, c.token, ())


_BY_KEYWORD: Final[Mapping[str, Callable[[Cursor, Token, Annotations], ast.Statement]]] = {
    "{": _block,
    "if": _if,
    "switch": _switch,
    "return": _return,
    "exit": _exit,
    "break": _break,
    "continue": _continue,
    ";": _empty,
    "const": _constant,
    "for": _for,
}
