"""Parses declarations other than those of types, parsers, controls and tables."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.parser import expressions, statements, types
from p4kube_core.compiler.frontend.parser.cursor import Cursor
from p4kube_core.compiler.frontend.parser.notes import leading_annotations

Annotations = tuple[ast.Annotation, ...]


def constant(c: Cursor, first: Token, notes: Annotations) -> ast.ConstantDeclaration:
    c.expect("const", "the annotations")
    type_, name = _declarator(c, "constant's name")
    c.expect("=", "the constant's name")
    value = expressions.expression(c)
    c.semicolon("the constant's value")
    span = c.span_from(first)
    return ast.ConstantDeclaration(span, notes, type_, name.text, name.span, value)


def _declarator(c: Cursor, what: str) -> tuple[ast.Type, Token]:
    """A type and a name; sizes in brackets after the name make the type a stack."""
    first = c.token
    type_ = types.type_reference(c)
    name = c.name(what)
    c.declare(name.text, False)
    while c.kind == "[":
        type_ = types.stack_of(c, first, type_)
    return type_, name


def variable_or_instance(
    c: Cursor, first: Token, notes: Annotations
) -> ast.VariableDeclaration | ast.Instantiation:
    type_ = types.type_reference(c)
    if c.kind == "(":
        return instance(c, first, notes, type_)
    found = _variable(c, first, notes, type_)
    c.semicolon("the declaration")
    return found


def variable_without_semicolon(
    c: Cursor, first: Token, notes: Annotations
) -> ast.VariableDeclaration:
    return _variable(c, first, notes, types.type_reference(c))


def _variable(
    c: Cursor, first: Token, notes: Annotations, type_: ast.Type
) -> ast.VariableDeclaration:
    name = c.name("variable's name")
    c.declare(name.text, False)
    while c.kind == "[":
        type_ = types.stack_of(c, first, type_)
    value = expressions.expression(c) if c.accept("=") else None
    span = c.span_from(first)
    return ast.VariableDeclaration(span, notes, type_, name.text, name.span, value)


def instance(c: Cursor, first: Token, notes: Annotations, type_: ast.Type) -> ast.Instantiation:
    """What follows the type of an instantiation: (arguments) name, perhaps with a block."""
    given = expressions.arguments(c)
    name = c.name("instance's name")
    c.declare(name.text, False)
    while c.kind == "[":
        type_ = types.stack_of(c, first, type_)
    initializer = None
    if c.accept("="):
        c.expect("{", "'='")
        c.scopes.append({})
        initializer = tuple(c.items(_instance_member, "}"))
        c.scopes.pop()
        c.expect("}", "the instance's functions")
    c.semicolon("the instance's name")
    span = c.span_from(first)
    return ast.Instantiation(span, notes, type_, given, name.text, name.span, initializer)


def _instance_member(c: Cursor) -> ast.FunctionDeclaration | ast.Instantiation:
    first = c.token
    return function_or_instance(c, first, leading_annotations(c))


def function_or_instance(
    c: Cursor, first: Token, notes: Annotations
) -> ast.FunctionDeclaration | ast.Instantiation:
    c.scopes.append({})
    type_ = types.type_reference(c)
    if c.kind == "(":
        c.scopes.pop()
        return instance(c, first, notes, type_)
    name = c.name("name of a function or instance")
    generic = types.type_parameters(c)
    given = parameters(c)
    body = statements.block(c)
    c.scopes.pop()
    c.declare(name.text, False)
    span = c.span_from(first)
    return ast.FunctionDeclaration(span, notes, type_, name.text, name.span, generic, given, body)


def action(c: Cursor, first: Token, notes: Annotations) -> ast.ActionDeclaration:
    c.expect("action", "the annotations")
    name = c.name("action's name")
    c.declare(name.text, False)
    c.scopes.append({})
    given = parameters(c)
    body = statements.block(c)
    c.scopes.pop()
    return ast.ActionDeclaration(c.span_from(first), notes, name.text, name.span, given, body)


def parameters(c: Cursor) -> tuple[ast.Parameter, ...]:
    """Parameters in parentheses, none or more; declared in the innermost scope."""
    c.expect("(", repr(c.tokens[c.index - 1].text))
    found: list[ast.Parameter] = []
    while c.kind != ")":
        found.append(_parameter(c))
        if not c.accept(","):
            break
        if c.kind == ")":
            raise c.fault("parameter wanted after ','")
    c.expect(")", "the parameters")
    return tuple(found)


def _parameter(c: Cursor) -> ast.Parameter:
    first = c.token
    notes = leading_annotations(c)
    direction = ast.Direction.NONE
    if c.kind in ("in", "out", "inout"):
        direction = ast.Direction(c.advance().kind)
    type_, name = _declarator(c, "parameter's name")
    default = expressions.bracketed(c) if c.accept("=") else None
    span = c.span_from(first)
    return ast.Parameter(span, notes, direction, type_, name.text, name.span, default)
