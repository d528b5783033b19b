"""Annotations whose form the language fixes: structured ones, @deprecated, @match.

Forms that syntax alone decides are the parser's.

Source: P4_16 specification v1.2.5, "Annotations".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast, checker_codes, types
from p4kube_core.compiler.frontend.checker_context import Context

_VALUES = (types.INTEGER, types.STRING, types.BOOL, types.UNKNOWN)


def check(ctx: Context, annotations: tuple[ast.Annotation, ...]) -> None:
    """Report what is wrong with the annotations of one declaration."""
    structured: set[str] = set()
    for a in annotations:
        if a.structured:
            if a.name in structured or any(
                o is not a and o.name == a.name and not o.structured for o in annotations
            ):
                message = f"structured annotation @{a.name} stands twice"
                ctx.error(checker_codes.ANNOTATION, message, a.span)
            structured.add(a.name)
            _structured(ctx, a)
        elif a.name == "deprecated":
            _string(ctx, a)
        elif a.name == "match":
            _match(ctx, a)


def _structured(ctx: Context, node: ast.Annotation) -> None:
    names: set[str] = set()
    for p in node.pairs:
        if p.name in names:
            message = f"@{node.name} has {p.name!r} twice"
            ctx.error(checker_codes.ANNOTATION, message, p.name_span)
        names.add(p.name)
    for value in (*node.expressions, *(p.value for p in node.pairs)):
        found = ctx.type_of(value)
        legal = found in _VALUES or isinstance(found, types.Bit | types.Int)
        if not legal or (found is not types.UNKNOWN and not ctx.is_known(value)):
            message = f"@{node.name} wants numbers, strings and booleans, found {found}"
            ctx.error(checker_codes.ANNOTATION, message, value.span)


def _string(ctx: Context, node: ast.Annotation) -> None:
    """The body is one string, or strings joined by ++."""
    texts = [t.text for t in node.tokens or ()]
    odd, even = texts[0::2], texts[1::2]
    if not texts or not all(t.startswith('"') for t in odd) or not all(t == "++" for t in even):
        message = f"@{node.name} wants a string"
        ctx.error(checker_codes.ANNOTATION, message, node.span)


def _match(ctx: Context, node: ast.Annotation) -> None:
    texts = [t.text for t in node.tokens or ()]
    if len(texts) != 1 or texts[0] not in ctx.checked.match_kinds:
        message = f"@match wants a match kind, found {' '.join(texts)!r}"
        ctx.error(checker_codes.ANNOTATION, message, node.span)
