"""Parses declarations of types: structs, headers, enums, typedefs, externs, packages, errors."""

from __future__ import annotations

from collections.abc import Callable

from p4kube_core.compiler.frontend import ast, lexer
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.parser import declarations, expressions, types
from p4kube_core.compiler.frontend.parser.cursor import Cursor
from p4kube_core.compiler.frontend.parser.notes import leading_annotations

Annotations = tuple[ast.Annotation, ...]
_FieldedType = type[ast.StructDeclaration | ast.HeaderDeclaration | ast.HeaderUnionDeclaration]
_NamedDeclaration = (
    ast.StructDeclaration | ast.HeaderDeclaration | ast.HeaderUnionDeclaration | ast.EnumDeclaration
)
FIELDED: dict[str, _FieldedType] = {
    "struct": ast.StructDeclaration,
    "header": ast.HeaderDeclaration,
    "header_union": ast.HeaderUnionDeclaration,
}


def fielded(
    c: Cursor, first: Token, notes: Annotations
) -> ast.StructDeclaration | ast.HeaderDeclaration | ast.HeaderUnionDeclaration:
    """A struct, header or header union."""
    keyword = c.advance()
    name = c.name(f"{keyword.text}'s name")
    c.declare(name.text, True)
    c.scopes.append({})
    generic = types.type_parameters(c)
    c.expect("{", f"the {keyword.text}'s name")
    fields = tuple(c.items(_field, "}"))
    c.expect("}", "the fields")
    c.scopes.pop()
    made = FIELDED[keyword.kind]
    return made(c.span_from(first), notes, name.text, name.span, generic, fields)


def _field(c: Cursor) -> ast.Field:
    first = c.token
    notes = leading_annotations(c)
    type_ = types.type_reference(c)
    name = c.name("field's name")
    while c.kind == "[":
        type_ = types.stack_of(c, first, type_)
    c.semicolon("the field")
    return ast.Field(c.span_from(first), notes, type_, name.text, name.span)


def enum(c: Cursor, first: Token, notes: Annotations) -> ast.EnumDeclaration:
    c.advance()
    underlying = None
    if c.kind != lexer.IDENTIFIER or c.peek() not in ("{", "="):
        underlying = types.type_reference(c)
    name = c.name("enum's name")
    c.declare(name.text, True)
    c.expect("{", "the enum's name")
    members = _members(c, "enum member's name")
    c.expect("}", "the enum's members")
    return ast.EnumDeclaration(c.span_from(first), notes, underlying, name.text, name.span, members)


def _members(c: Cursor, what: str) -> tuple[ast.EnumMember, ...]:
    found: list[ast.EnumMember] = []
    while c.kind != "}":
        first = c.token
        notes = leading_annotations(c)
        name = c.name(what)
        value = expressions.bracketed(c) if c.accept("=") else None
        found.append(ast.EnumMember(c.span_from(first), notes, name.text, value))
        if not c.accept(","):
            break
    return tuple(found)


def error(c: Cursor, first: Token, notes: Annotations) -> ast.ErrorDeclaration:
    c.advance()
    c.expect("{", "'error'")
    members = _members(c, "error's name")
    c.expect("}", "the errors")
    return ast.ErrorDeclaration(c.span_from(first), notes, members)


def match_kind(c: Cursor, first: Token, notes: Annotations) -> ast.MatchKindDeclaration:
    c.advance()
    c.expect("{", "'match_kind'")
    members = _members(c, "match kind's name")
    c.expect("}", "the match kinds")
    return ast.MatchKindDeclaration(c.span_from(first), notes, members)


def typedef(
    c: Cursor, first: Token, notes: Annotations, emit: Callable[[ast.Declaration], None]
) -> ast.TypedefDeclaration | ast.NewTypeDeclaration:
    """Typedef or type.

    Args:
        emit: takes the declaration of a type that is declared within the typedef.
    """
    keyword = c.advance()
    inner: _NamedDeclaration | None = None
    if c.kind in FIELDED:
        inner = fielded(c, c.token, ())
    elif c.kind == "enum":
        inner = enum(c, c.token, ())
    type_: ast.Type
    if inner is not None:
        emit(inner)
        type_ = ast.NamedType(inner.name_span, inner.name)
    else:
        type_ = types.type_reference(c)
    name = c.name("new type's name")
    while c.kind == "[":
        type_ = types.stack_of(c, first, type_)
    c.declare(name.text, True)
    c.semicolon("the new type's name")
    made = ast.TypedefDeclaration if keyword.kind == "typedef" else ast.NewTypeDeclaration
    return made(c.span_from(first), notes, type_, name.text, name.span)


def package(c: Cursor, first: Token, notes: Annotations) -> ast.PackageType:
    c.advance()
    name = c.name("package's name")
    c.declare(name.text, True)
    c.scopes.append({})
    generic = types.type_parameters(c)
    given = declarations.parameters(c)
    c.scopes.pop()
    c.semicolon("the package")
    return ast.PackageType(c.span_from(first), notes, name.text, name.span, generic, given)


def extern(
    c: Cursor, first: Token, notes: Annotations
) -> ast.ExternObject | ast.ExternFunction | None:
    """An extern object or function; None for a mere announcement of one, `extern name;`."""
    c.advance()
    is_object = c.kind == lexer.IDENTIFIER and c.peek() in ("{", "<", ";")
    if is_object and c.peek() == "<":
        is_object = _object_follows(c)
    if not is_object:
        return _extern_function(c, first, notes)
    name = c.advance()
    c.declare(name.text, True)
    if c.accept(";"):
        return None
    c.scopes.append({})
    generic = types.type_parameters(c)
    c.expect("{", "the extern's name")
    methods = tuple(c.items(lambda c: _method(c, name.text), "}"))
    c.expect("}", "the methods")
    c.scopes.pop()
    return ast.ExternObject(c.span_from(first), notes, name.text, name.span, generic, methods)


def _object_follows(c: Cursor) -> bool:
    """Is it name<parameters> {, rather than a function that returns a specialised type?"""
    index = c.index + 1
    while c.kinds[index] in ("<", ",", lexer.IDENTIFIER):
        index += 1
    return c.kinds[index] == ">" and c.kinds[index + 1] == "{"


def _extern_function(c: Cursor, first: Token, notes: Annotations) -> ast.ExternFunction:
    c.scopes.append({})
    return_type = types.type_reference(c)
    name = c.name("extern function's name")
    generic = types.type_parameters(c)
    given = declarations.parameters(c)
    c.scopes.pop()
    c.declare(name.text, False)
    c.semicolon("the extern function")
    span = c.span_from(first)
    return ast.ExternFunction(span, notes, return_type, name.text, name.span, generic, given)


def _method(c: Cursor, object_name: str) -> ast.ExternMethod:
    first = c.token
    notes = leading_annotations(c)
    is_abstract = c.accept("abstract")
    c.scopes.append({})
    return_type = None
    if not (c.kind == lexer.IDENTIFIER and c.token.text == object_name and c.peek() == "("):
        return_type = types.type_reference(c)
    name = c.name("method's name")
    generic = types.type_parameters(c)
    given = declarations.parameters(c)
    c.scopes.pop()
    c.semicolon("the method")
    return ast.ExternMethod(
        c.span_from(first), notes, return_type, name.text, name.span, generic, given, is_abstract
    )
