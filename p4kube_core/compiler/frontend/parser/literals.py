"""Parses integer literals."""

from __future__ import annotations

from typing import Final

from p4kube_core.compiler.frontend import ast, lexer, syntax_codes
from p4kube_core.compiler.frontend.parser.cursor import Cursor

MAX_WIDTH: Final = 1 << 16  # bits; wider values than this are mistakes


def integer(c: Cursor) -> ast.IntegerLiteral:
    """An integer literal. One that is malformed is reported and read as 0."""
    token = c.advance()
    span = token.span
    try:
        value, width, signed, base = lexer.integer_parts(token.text)
    except ValueError as e:
        c.diagnostics.error(syntax_codes.BAD_NUMBER, f"{token.text[:40]!r} is no number: {e}", span)
        return ast.IntegerLiteral(span, 0, None, False, 10)
    after = c.token
    if after.start == token.end and after.kind == lexer.IDENTIFIER and after.source is token.source:
        wrong = token.text + after.text
        hint = "widths are written before the value: 8w255, 16s0xFF"
        c.diagnostics.error(syntax_codes.BAD_NUMBER, f"{wrong!r} is no number", span, hint)
        c.advance()
    if width is not None and width > MAX_WIDTH:
        message = f"width of {width} bits; the most is {MAX_WIDTH}"
        c.diagnostics.error(syntax_codes.WIDE_NUMBER, message, span)
        return ast.IntegerLiteral(span, value, None, False, base)
    return ast.IntegerLiteral(span, value, width, signed, base)
