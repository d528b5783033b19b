"""Parses annotations; bodies that are expressions are given parsed as well as in tokens."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast, lexer
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.parser import expressions, noteforms
from p4kube_core.compiler.frontend.parser.cursor import Cursor, SyntaxFault


def leading_annotations(c: Cursor) -> tuple[ast.Annotation, ...]:
    """All annotations that stand here, none or more."""
    if c.kind != "@":
        return ()
    found: list[ast.Annotation] = []
    while c.kind == "@":
        note = _annotation(c)
        noteforms.check(note, c.diagnostics)
        found.append(note)
    return tuple(found)


def _annotation(c: Cursor) -> ast.Annotation:
    first = c.advance()
    if not c.token.text.isidentifier():
        raise c.fault("annotation's name wanted after '@'")
    name = c.advance()
    if name.text == "pragma" and c.token.text.isidentifier() and not c.begins_line():
        return _pragma(c, first)
    if c.kind == "(":
        body = _balanced(c)
        tokens = tuple(ast.AnnotationToken(t.span, t.text) for t in body)
        elements, pairs = _as_expressions(c, body)
        span = c.span_from(first)
        return ast.Annotation(span, name.text, name.span, tokens, False, elements, pairs)
    if c.kind == "[":
        c.advance()
        elements, pairs = _structured(c, "]")
        c.expect("]", "the annotation's body")
        span = c.span_from(first)
        return ast.Annotation(span, name.text, name.span, None, True, elements, pairs)
    return ast.Annotation(c.span_from(first), name.text, name.span, None, False, (), ())


def _pragma(c: Cursor, first: Token) -> ast.Annotation:
    """@pragma name tokens, up to the end of the line."""
    name = c.advance()
    body: list[Token] = []
    while c.kind != lexer.END and not c.begins_line():
        body.append(c.advance())
    tokens = tuple(ast.AnnotationToken(t.span, t.text) for t in body)
    elements, pairs = _as_expressions(c, body)
    span = c.span_from(first)
    return ast.Annotation(span, name.text, name.span, tokens, False, elements, pairs)


def _balanced(c: Cursor) -> list[Token]:
    """The tokens up to the parenthesis that closes the one here; both are taken."""
    opening = c.advance()
    body: list[Token] = []
    depth = 1
    while True:
        if c.kind == lexer.END:
            raise SyntaxFault("')' wanted for this '(', found the end of file", opening.span)
        if c.kind == "(":
            depth += 1
        elif c.kind == ")":
            depth -= 1
            if depth == 0:
                c.advance()
                return body
        body.append(c.advance())


def _as_expressions(
    c: Cursor, body: list[Token]
) -> tuple[tuple[ast.Expression, ...], tuple[ast.NamedField, ...]]:
    """The body as expressions or pairs; nothing if it is neither, which is no fault."""
    if not body:
        return (), ()
    end = Token(lexer.END, "", body[-1].source, body[-1].end, body[-1].end)
    ignored = Diagnostics()
    inner = Cursor([*body, end], ignored)
    inner.scopes = c.scopes
    inner.depth = c.depth
    try:
        found = _structured(inner, lexer.END)
    except SyntaxFault:
        return (), ()
    return ((), ()) if inner.kind != lexer.END or ignored.has_errors else found


def _structured(
    c: Cursor, end: str
) -> tuple[tuple[ast.Expression, ...], tuple[ast.NamedField, ...]]:
    elements: list[ast.Expression] = []
    pairs: list[ast.NamedField] = []
    while c.kind != end:
        if c.at_name and c.peek() == "=":
            pairs.append(expressions.named_field(c))
        else:
            elements.append(expressions.bracketed(c))
        if elements and pairs:
            message = "an annotation holds either expressions or name = value pairs"
            raise SyntaxFault(message, c.tokens[c.index - 1].span)
        if not c.accept(","):
            break
    return tuple(elements), tuple(pairs)
