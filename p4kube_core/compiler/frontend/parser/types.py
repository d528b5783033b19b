"""Parses type references and type parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from p4kube_core.compiler.frontend import ast, lexer, syntax_codes
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.parser import expressions
from p4kube_core.compiler.frontend.parser.cursor import Cursor, SyntaxFault
from p4kube_core.compiler.frontend.source import Span

_SIMPLE: Final[Mapping[str, Callable[[Span], ast.Type]]] = {
    "bool": ast.BoolType,
    "string": ast.StringType,
    "error": ast.ErrorType,
    "void": ast.VoidType,
    "match_kind": ast.MatchKindType,
}
MAX_DIMENSIONS: Final = 16
# Keywords that begin a type wherever they stand. `list` does only before `<`; error.X is no type.
KEYWORDS: Final = frozenset(["bit", "int", "varbit", "tuple", *_SIMPLE])


def begins_type(c: Cursor) -> bool:
    """Does a type keyword stand here?"""
    if c.kind == "error":
        return c.peek() != "."
    return c.kind in KEYWORDS or (c.kind == "list" and c.peek() == "<")


def type_reference(c: Cursor) -> ast.Type:
    """Any type, stacks among them."""
    c.enter()
    first = c.token
    found = _unstacked(c, first)
    while c.kind == "[":
        found = stack_of(c, first, found)
    c.leave()
    return found


def stack_of(c: Cursor, first: Token, element: ast.Type) -> ast.Type:
    """The stack type that the brackets here make of the element type."""
    c.advance()
    size = expressions.bracketed(c)
    c.expect("]", "the size")
    if isinstance(element, ast.StackType) and _dimensions(element) >= MAX_DIMENSIONS:
        message = f"stack has more than {MAX_DIMENSIONS} dimensions"
        raise SyntaxFault(message, c.span_from(first), code=syntax_codes.TOO_DEEP)
    return ast.StackType(c.span_from(first), element, size)


def _dimensions(stack: ast.Type) -> int:
    count = 0
    while isinstance(stack, ast.StackType):
        count += 1
        stack = stack.element
    return count


def _unstacked(c: Cursor, first: Token) -> ast.Type:
    kind = c.kind
    if kind == lexer.IDENTIFIER or kind == ".":
        return named_type(c)
    simple = _SIMPLE.get(kind)
    if simple is not None:
        c.advance()
        return simple(first.span)
    if kind in ("bit", "int"):
        c.advance()
        width = _width(c) if c.kind == "<" else None
        made = ast.BitType if kind == "bit" else ast.IntType
        return made(c.span_from(first), width)
    if kind == "varbit":
        c.advance()
        if c.kind != "<":
            raise c.fault("'<' wanted after 'varbit'")
        most = _width(c)
        return ast.VarbitType(c.span_from(first), most)
    if kind == "tuple":
        c.advance()
        elements = type_arguments(c, "'tuple'")
        return ast.TupleType(c.span_from(first), elements)
    if kind == "list" and c.peek() == "<":
        c.advance()
        c.advance()
        element = type_argument(c)
        c.expect(">", "the element type")
        return ast.ListType(c.span_from(first), element)
    raise c.fault("type wanted")


def named_type(c: Cursor) -> ast.NamedType | ast.SpecializedType:
    first = c.token
    absolute = c.accept(".")
    if c.kind != lexer.IDENTIFIER:
        raise c.fault("type name wanted")
    name = c.advance()
    base = ast.NamedType(c.span_from(first), name.text, absolute)
    if c.kind != "<":
        return base
    arguments = type_arguments(c, f"{name.text!r}")
    return ast.SpecializedType(c.span_from(first), base, arguments)


def _width(c: Cursor) -> ast.Expression:
    c.advance()
    width = expressions.in_angles(c)
    c.expect(">", "the width")
    return width


def type_arguments(c: Cursor, after: str) -> tuple[ast.Type, ...]:
    """Types in angle brackets, none or more."""
    c.expect("<", after)
    arguments: list[ast.Type] = []
    if c.kind != ">":
        arguments.append(type_argument(c))
        while c.accept(","):
            arguments.append(type_argument(c))
    c.expect(">", "the type arguments")
    return tuple(arguments)


def type_argument(c: Cursor) -> ast.Type:
    if c.kind == "_":
        return ast.DontCareType(c.advance().span)
    return type_reference(c)


def type_parameters(c: Cursor) -> tuple[ast.TypeParameter, ...]:
    """Type parameters, if there are any; declared in the innermost scope."""
    if c.kind != "<":
        return ()
    c.advance()
    parameters: list[ast.TypeParameter] = []
    while True:
        name = c.name("type parameter's name")
        c.declare(name.text, True)
        parameters.append(ast.TypeParameter(name.span, name.text))
        if not c.accept(","):
            break
    c.expect(">", "the type parameters")
    return tuple(parameters)
