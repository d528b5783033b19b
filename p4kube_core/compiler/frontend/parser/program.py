"""Parses whole programs: from a file or text to a syntax tree and diagnostics."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from p4kube_core.compiler.frontend import ast, files, lexer, preprocessor, syntax_codes
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.parser import (
    blocks,
    declarations,
    typedeclarations,
    types,
)
from p4kube_core.compiler.frontend.parser.cursor import Cursor
from p4kube_core.compiler.frontend.parser.notes import leading_annotations
from p4kube_core.compiler.frontend.source import Source, Span

# Enough for ten calls at each level of the deepest tree (cursor.MAX_DEPTH, cursor.MAX_HEIGHT).
_RECURSION_LIMIT: Final = 10_000
_MOST_STRAYS: Final = 10  # a binary file is not worth a line for each of its bytes


def parse_program(
    program: Path | Source,
    include_dirs: Iterable[Path] = (),
    defines: Mapping[str, str] | None = None,
    diagnostics: Diagnostics | None = None,
    confined: bool = False,
) -> ast.Program:
    """Read a program and all that it includes.

    Args:
        program: a file, or a text with a name for messages.
        include_dirs: where #include looks, before our own architecture files.
        defines: macro names and their replacement texts, as -D gives them.
        diagnostics: collects all that is wrong; the tree then lacks what did not parse.
            Without it, errors are raised.
        confined: read nothing but the program's folder, the include folders and our own files;
            for programs whose authors may not see all that this process may.
    Raises:
        errors.ProgramError: there are errors and `diagnostics` was not given.
    """
    found = Diagnostics() if diagnostics is None else diagnostics
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))
    if isinstance(program, Source):
        source, path = program, None
    else:
        text = files.read_text(program)
        source, path = Source(str(program), "" if isinstance(text, OSError) else text), program
        if isinstance(text, OSError):
            found.error(
                syntax_codes.NO_FILE, f"cannot read {str(program)!r}: {text.strerror or text}", None
            )
    tokens = preprocessor.preprocess(source, path, include_dirs, defines or {}, found, confined)
    tree = parse_tokens(source, tokens, found)
    if diagnostics is None:
        found.raise_if_any()
    return tree


def parse_tokens(source: Source, tokens: list[Token], diagnostics: Diagnostics) -> ast.Program:
    """The syntax tree of preprocessed tokens, of which the last is an end token."""
    if any(t.kind == lexer.OTHER for t in tokens):
        tokens = _without_strays(tokens, diagnostics)
    c = Cursor(tokens, diagnostics)
    inner: list[ast.Declaration] = []
    listed: list[ast.Declaration] = []

    def item(c: Cursor) -> None:
        found = _declaration(c, inner)
        listed.extend(inner)
        inner.clear()
        if found is not None:
            listed.append(found)

    c.items(item, "end of file")
    return ast.Program(Span(source, 0, len(source.text)), tuple(listed))


def _without_strays(tokens: list[Token], diagnostics: Diagnostics) -> list[Token]:
    """Report and drop what is no token of P4, but for the bodies of annotations."""
    kept: list[Token] = []
    strays = 0
    depth = 0  # of parentheses in an annotation's body; 0 outside
    for i, token in enumerate(tokens):
        if token.kind == "(" and (depth or (i > 1 and tokens[i - 2].kind == "@")):
            depth += 1
        elif token.kind == ")" and depth:
            depth -= 1
        if token.kind == lexer.OTHER and not depth:
            strays += 1
            if strays > _MOST_STRAYS:
                message = f"this is no P4 program: over {_MOST_STRAYS} such characters"
                diagnostics.error(syntax_codes.STRAY_CHARACTER, message, token.span)
                return tokens[-1:]
            lexer.stray_character(token, diagnostics)
        else:
            kept.append(token)
    return kept


def _declaration(c: Cursor, inner: list[ast.Declaration]) -> ast.Declaration | None:
    first = c.token
    notes = leading_annotations(c)
    match c.kind:
        case ";":
            c.advance()
            return None
        case "const":
            return declarations.constant(c, first, notes)
        case "extern":
            return typedeclarations.extern(c, first, notes)
        case "action":
            return declarations.action(c, first, notes)
        case "parser":
            return blocks.parser(c, first, notes)
        case "control":
            return blocks.control(c, first, notes)
        case "struct" | "header" | "header_union":
            return typedeclarations.fielded(c, first, notes)
        case "enum":
            return typedeclarations.enum(c, first, notes)
        case "typedef" | "type":
            return typedeclarations.typedef(c, first, notes, inner.append)
        case "package":
            return typedeclarations.package(c, first, notes)
        case "match_kind" if c.peek() == "{":
            return typedeclarations.match_kind(c, first, notes)
        case "error" if c.peek() == "{":
            return typedeclarations.error(c, first, notes)
    if not (types.begins_type(c) or c.kind in ("identifier", ".")):
        raise c.fault("declaration wanted")
    return declarations.function_or_instance(c, first, notes)
