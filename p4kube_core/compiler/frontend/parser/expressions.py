"""Parses expressions and argument lists.

Source: P4_16 language specification 1.2.5, "Expressions" and "P4 grammar".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from p4kube_core.compiler.frontend import ast, lexer
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.parser import literals, types
from p4kube_core.compiler.frontend.parser.cursor import Cursor, SyntaxFault
from p4kube_core.compiler.frontend.source import Span

# Loosest first. Unlike in C, the bitwise operators bind tighter than the comparisons.
_LEVELS: Final = (
    "||",
    "&&",
    "== !=",
    "< > <= >=",
    "|",
    "^",
    "&",
    "<< >>",
    "++ + - |+| |-|",
    "* / %",
)
_PRECEDENCE: Final[Mapping[str, int]] = {
    operator: level for level, operators in enumerate(_LEVELS, 1) for operator in operators.split()
}
_SHIFT: Final = _PRECEDENCE[">>"]
_BINARY: Final[Mapping[str, ast.BinaryOperator]] = {str(o): o for o in ast.BinaryOperator}
_UNARY: Final[Mapping[str, ast.UnaryOperator]] = {str(o): o for o in ast.UnaryOperator}
# After `(name)` one of these makes it a cast, if nothing is known of the name.
_BEGINS_OPERAND: Final = frozenset(
    [lexer.IDENTIFIER, lexer.INTEGER, lexer.STRING, "(", "{", "true", "false", "~", "!", "error"]
)
_CALLABLE = (ast.NameExpression, ast.Member, ast.TypeExpression, ast.Call)


def expression(c: Cursor) -> ast.Expression:
    c.enter()
    found = _conditional(c)
    c.leave()
    return found


def bracketed(c: Cursor) -> ast.Expression:
    """An expression between brackets of any kind but angles: `>` is an operator in it."""
    outside = c.in_angles
    c.in_angles = False
    found = expression(c)
    c.in_angles = outside
    return found


def in_angles(c: Cursor) -> ast.Expression:
    """An expression between < and >: a `>` that is not in brackets of its own ends it."""
    outside = c.in_angles
    c.in_angles = True
    found = expression(c)
    c.in_angles = outside
    return found


def _conditional(c: Cursor) -> ast.Expression:
    first = c.token
    condition = _binary(c, 1)
    if c.kind != "?":
        return condition
    height = c.height
    c.advance()
    then = bracketed(c)
    height = max(height, c.height)
    c.expect(":", "the first choice of '?'")
    otherwise = expression(c)
    c.height = c.grow(max(height, c.height))
    return ast.Conditional(c.span_from(first), condition, then, otherwise)


def _operator(c: Cursor) -> tuple[str, int]:
    """The binary operator here and the tokens that it takes; an empty one if there is none."""
    kind = c.kind
    if kind != ">":
        return (kind, 1) if kind in _PRECEDENCE else ("", 0)
    after = c.tokens[c.index + 1]
    if c.in_angles:
        return "", 0
    if after.start == c.token.end and after.source is c.token.source:
        if after.kind == ">":
            return ">>", 2
        if after.kind == ">=":
            return "", 0  # >>=
    return ">", 1


def _binary(c: Cursor, lowest: int) -> ast.Expression:
    first = c.token
    left = unary(c)
    height = c.height
    while True:
        operator, length = _operator(c)
        precedence = _PRECEDENCE.get(operator, 0)
        if precedence < lowest or not length:
            break
        for _ in range(length):
            c.advance()
        right = _binary(c, precedence + 1)
        height = c.grow(max(height, c.height))
        left = ast.Binary(c.span_from(first), _BINARY[operator], left, right)
    c.height = height
    return left


def unary(c: Cursor) -> ast.Expression:
    """An expression without binary operators around it."""
    operator = _UNARY.get(c.kind)
    if operator is not None:
        c.enter()
        first = c.advance()
        operand = unary(c)
        c.leave()
        c.height = c.grow(c.height)
        return ast.Unary(c.span_from(first), operator, operand)
    if c.kind == "(":
        return _cast_or_parenthesis(c)
    return postfix(c, _primary(c))


def _cast_or_parenthesis(c: Cursor) -> ast.Expression:
    first = c.token
    cast_to = _cast_type(c)
    if cast_to is not None:
        c.enter()
        operand = unary(c)
        c.leave()
        c.height = c.grow(c.height)
        return ast.Cast(c.span_from(first), cast_to, operand)
    c.advance()
    inner = bracketed(c)
    c.expect(")", "the expression")
    return postfix(c, inner, first)


def _cast_type(c: Cursor) -> ast.Type | None:
    """The type in the parentheses here, taken with them; None, and nothing taken, if it is none."""
    start = c.index
    if start in c.no_cast:
        return None
    depth, outside = c.depth, c.in_angles
    c.advance()
    certain = types.begins_type(c)
    if not certain and c.kind not in (lexer.IDENTIFIER, "."):
        c.back_to(start)
        return None
    try:
        named = c.token if c.kind == lexer.IDENTIFIER else c.tokens[c.index + 1]
        known = True if certain else c.is_type(named.text)
        if known is not False:
            c.in_angles = False
            found = types.type_reference(c)
            c.in_angles = outside
            if c.kind == ")":
                c.advance()
                if known or c.kind in _BEGINS_OPERAND:
                    return found
            elif certain:
                raise c.fault("')' wanted after the type of a cast")
    except SyntaxFault:
        if certain:
            raise
        c.depth, c.in_angles = depth, outside
    c.no_cast.add(start)
    c.back_to(start)
    return None


def _primary(c: Cursor) -> ast.Expression:
    c.height = 1
    kind = c.kind
    if kind == lexer.IDENTIFIER or kind in lexer.CONTEXTUAL:
        name = c.advance()
        return ast.NameExpression(name.span, name.text)
    if kind == lexer.INTEGER:
        return literals.integer(c)
    if kind == lexer.STRING:
        token = c.advance()
        return ast.StringLiteral(token.span, token.text[1:-1])
    if kind in ("true", "false"):
        return ast.BooleanLiteral(c.advance().span, kind == "true")
    if kind == "{":
        return _braces(c)
    if kind == ".":
        first = c.advance()
        name = c.name("name after '.'")
        return ast.NameExpression(c.span_from(first), name.text, True)
    if kind == "this":
        return ast.This(c.advance().span)
    if kind == "...":
        return ast.DefaultInitializer(c.advance().span)
    if kind in types.KEYWORDS:
        first = c.token
        found = types.type_reference(c)
        if c.kind != ".":
            hint = "a type here needs parentheses: (type) value" if c.kind != ";" else None
            raise SyntaxFault("expression wanted, found a type", c.span_from(first), hint)
        return ast.TypeExpression(c.span_from(first), found)
    raise c.fault("expression wanted")


def _braces(c: Cursor) -> ast.Expression:
    """{a, b}, {a = x}, {#}, each perhaps with `...` at its end."""
    first = c.advance()
    if c.kind == "#" and c.peek() == "}":
        c.advance()
        c.advance()
        if c.tokens[c.index - 1].end != first.start + len("{#}"):
            raise SyntaxFault("'{#}' wanted without blanks in it", c.span_from(first))
        return ast.InvalidHeader(c.span_from(first))
    if c.peek() == "=" and c.at_name:
        return _structure(c, first)
    elements: list[ast.Expression] = []
    has_default = False
    height = 1
    while c.kind != "}":
        if c.kind == "..." and c.peek() in ("}", ","):
            c.advance()
            has_default = True
            c.accept(",")
            break
        elements.append(bracketed(c))
        height = max(height, c.height)
        if not c.accept(","):
            break
    c.expect("}", "the list")
    c.height = c.grow(height)
    return ast.ListExpression(c.span_from(first), tuple(elements), has_default)


def _structure(c: Cursor, first: Token) -> ast.Expression:
    fields: list[ast.NamedField] = []
    has_default = False
    height = 1
    while c.kind != "}":
        if c.accept("..."):
            has_default = True
            c.accept(",")
            break
        fields.append(named_field(c))
        height = max(height, c.height)
        if not c.accept(","):
            break
    c.expect("}", "the fields")
    c.height = c.grow(height)
    return ast.StructExpression(c.span_from(first), tuple(fields), has_default)


def named_field(c: Cursor) -> ast.NamedField:
    """Name = value."""
    name = c.name("field name")
    c.expect("=", "the field name")
    value = bracketed(c)
    return ast.NamedField(c.span_from(name), name.text, name.span, value)


def postfix(c: Cursor, base: ast.Expression, first: Token | None = None) -> ast.Expression:
    """Take the members, indices, slices and calls that follow the given expression.

    Args:
        first: where it begins, if that is not where its span begins.
    """
    start = first.start if first is not None else base.span.start
    height = c.height
    while True:
        kind = c.kind
        if kind == ".":
            c.advance()
            name = c.name("member name after '.'")
            base = ast.Member(_extended(c, base, start), base, name.text, name.span)
        elif kind == "[":
            base = _index(c, base, start)
            height = max(height, c.height)
        elif kind == "(" and isinstance(base, _CALLABLE):
            given = arguments(c)
            height = max(height, c.height)
            base = ast.Call(_extended(c, base, start), base, (), given)
        elif kind == "<" and isinstance(base, _CALLABLE) and c.index not in c.no_call:
            generic = _generic(c, base, start)
            if generic is None:
                break
            height = max(height, c.height)
            base = generic
        else:
            break
        height = c.grow(height)
    c.height = height
    return base


def _extended(c: Cursor, base: ast.Expression, start: int) -> Span:
    last = c.tokens[c.index - 1]
    if last.source is base.span.source and last.end > start:
        return Span(last.source, start, last.end)
    return base.span


def _index(c: Cursor, base: ast.Expression, start: int) -> ast.Expression:
    c.advance()
    index = bracketed(c)
    height = c.height
    if c.kind in (":", "+:"):
        upwards = c.advance().kind == "+:"
        other = bracketed(c)
        c.height = max(height, c.height)
        c.expect("]", "the slice")
        span = _extended(c, base, start)
        if upwards:
            return ast.PlusSlice(span, base, index, other)
        return ast.Slice(span, base, index, other)
    c.expect("]", "the index")
    return ast.Index(_extended(c, base, start), base, index)


def _generic(c: Cursor, base: ast.Expression, start: int) -> ast.Expression | None:
    """base<types>(arguments) or Type<types>.member; None, and nothing taken, if `<` is `less`."""
    index, depth, outside, height = c.index, c.depth, c.in_angles, c.height
    is_type_name = isinstance(base, ast.NameExpression) and c.is_type(base.name) is True
    try:
        given = types.type_arguments(c, "the name")
        callable_ = c.kind == "(" and not any(_is_value(c, g) for g in given)
        if callable_ or (is_type_name and c.kind == "."):
            if c.kind == "(":
                passed = arguments(c)
                return ast.Call(_extended(c, base, start), base, given, passed)
            assert isinstance(base, ast.NameExpression)
            named = ast.NamedType(base.span, base.name, base.absolute)
            span = _extended(c, base, start)
            return ast.TypeExpression(span, ast.SpecializedType(span, named, given))
    except SyntaxFault:
        if is_type_name:
            raise
    c.depth, c.in_angles, c.height = depth, outside, height
    c.no_call.add(index)
    c.back_to(index)
    return None


def _is_value(c: Cursor, given: ast.Type) -> bool:
    return isinstance(given, ast.NamedType) and c.is_type(given.name) is False


def arguments(c: Cursor) -> tuple[ast.Argument, ...]:
    """Arguments in parentheses, none or more."""
    c.expect("(", "the name")
    found: list[ast.Argument] = []
    height = 1
    while c.kind != ")":
        found.append(_argument(c))
        height = max(height, c.height)
        if not c.accept(","):
            break
        if c.kind == ")":
            raise c.fault("argument wanted after ','")
    c.expect(")", "the arguments")
    c.height = height
    return tuple(found)


def _argument(c: Cursor) -> ast.Argument:
    first = c.token
    name: str | None = None
    if c.at_name and c.peek() == "=":
        name = c.advance().text
        c.advance()
    if c.kind == "_":
        c.advance()
        value = None
    else:
        value = bracketed(c)
    name_span = first.span if name is not None else None
    return ast.Argument(c.span_from(first), name, name_span, value)
