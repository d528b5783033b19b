"""Parses tables."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast, syntax_codes
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.parser import expressions, keysets
from p4kube_core.compiler.frontend.parser.cursor import Cursor
from p4kube_core.compiler.frontend.parser.notes import leading_annotations

Annotations = tuple[ast.Annotation, ...]


def table(c: Cursor, first: Token, notes: Annotations) -> ast.TableDeclaration:
    c.advance()
    name = c.name("table's name")
    c.declare(name.text, False)
    c.expect("{", "the table's name")
    properties = tuple(c.items(_property, "}"))
    c.expect("}", "the table's properties")
    return ast.TableDeclaration(c.span_from(first), notes, name.text, name.span, properties)


def _property(c: Cursor) -> ast.TableProperty:
    first = c.token
    notes = leading_annotations(c)
    is_const = c.accept("const")
    name = c.name("table property's name")
    c.expect("=", f"{name.text!r}")
    if name.kind in ("key", "actions") and is_const:
        message = f"'const' has no meaning before {name.text!r}"
        c.diagnostics.error(syntax_codes.USELESS_CONST, message, first.span)
    if name.kind in ("key", "actions", "entries"):
        return _list_property(c, first, notes, name, is_const)
    value = expressions.expression(c)
    c.semicolon(f"the value of {name.text!r}")
    span = c.span_from(first)
    return ast.ValueProperty(span, notes, is_const, name.text, name.span, value)


def _list_property(
    c: Cursor, first: Token, notes: Annotations, name: Token, is_const: bool
) -> ast.TableProperty:
    c.expect("{", f"'{name.text} ='")
    if name.kind == "key":
        keys = tuple(c.items(_key, "}"))
        c.expect("}", "the keys")
        return ast.KeyProperty(c.span_from(first), notes, keys)
    if name.kind == "actions":
        actions = tuple(c.items(_action, "}"))
        c.expect("}", "the actions")
        return ast.ActionsProperty(c.span_from(first), notes, actions)
    entries = tuple(c.items(_entry, "}"))
    c.expect("}", "the entries")
    return ast.EntriesProperty(c.span_from(first), notes, is_const, entries)


def _key(c: Cursor) -> ast.TableKey:
    first = c.token
    expression = expressions.expression(c)
    c.expect(":", "the key's expression")
    kind = c.name("match kind")
    notes = leading_annotations(c)
    c.semicolon("the key")
    return ast.TableKey(c.span_from(first), notes, expression, kind.text, kind.span)


def _action(c: Cursor) -> ast.ActionReference:
    first = c.token
    notes = leading_annotations(c)
    expression = _reference(c)
    c.semicolon("the action")
    return ast.ActionReference(c.span_from(first), notes, expression)


def _reference(c: Cursor) -> ast.Expression:
    """The name of an action, perhaps with arguments."""
    first = c.token
    absolute = c.accept(".")
    name = c.name("action's name")
    named = ast.NameExpression(c.span_from(first), name.text, absolute)
    if c.kind != "(":
        return named
    given = expressions.arguments(c)
    return ast.Call(c.span_from(first), named, (), given)


def _entry(c: Cursor) -> ast.TableEntry:
    first = c.token
    before = leading_annotations(c)
    is_const = c.accept("const")
    priority = None
    if c.kind == "priority" and c.peek() == "=":
        c.advance()
        c.advance()
        priority = expressions.expression(c)
        c.expect(":", "the priority")
    keyset = keysets.keyset(c)
    c.expect(":", "the key set")
    action = _reference(c)
    notes = before + leading_annotations(c)
    c.semicolon("the entry")
    return ast.TableEntry(c.span_from(first), notes, is_const, priority, keyset, action)
