"""Parses the key sets of select cases and table entries."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.parser import expressions
from p4kube_core.compiler.frontend.parser.cursor import Cursor, SyntaxFault


def keyset(c: Cursor) -> ast.Expression:
    """The key set of a select case or table entry."""
    if c.kind == "(":
        start, depth = c.index, c.depth
        try:
            tuple_ = _tuple_keyset(c)
        except SyntaxFault:
            tuple_ = None
        if tuple_ is not None:
            return tuple_
        c.back_to(start)
        c.depth = depth
    return simple_keyset(c)


def _tuple_keyset(c: Cursor) -> ast.Expression | None:
    """(k1, k2) followed by `:`; None if it is something else. One in parentheses is just itself."""
    c.enter()
    first = c.advance()
    elements = [simple_keyset(c)]
    while c.accept(","):
        if c.kind == ")":
            break
        elements.append(simple_keyset(c))
    c.expect(")", "the key sets")
    c.leave()
    if c.kind != ":":
        return None
    if len(elements) == 1:
        return elements[0]
    return ast.TupleKeyset(c.span_from(first), tuple(elements))


def simple_keyset(c: Cursor) -> ast.Expression:
    """`default`, `_`, an expression, a mask or a range."""
    if c.kind == "default":
        return ast.DefaultKey(c.advance().span)
    if c.kind == "_":
        return ast.DontCare(c.advance().span)
    return range_or_mask(c)


def range_or_mask(c: Cursor) -> ast.Expression:
    first = c.token
    low = expressions.bracketed(c)
    if c.kind == "&&&":
        c.advance()
        mask = expressions.bracketed(c)
        return ast.Mask(c.span_from(first), low, mask)
    if c.kind == "..":
        c.advance()
        high = expressions.bracketed(c)
        return ast.Range(c.span_from(first), low, high)
    return low
