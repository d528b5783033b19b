"""Syntax of annotations, kept in full whether or not anything reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from p4kube_core.compiler.frontend.ast.node import node
from p4kube_core.compiler.frontend.source import Span

if TYPE_CHECKING:
    from p4kube_core.compiler.frontend.ast.expressions import Expression, NamedField


@final
@node
class AnnotationToken:
    span: Span
    text: str  # as written, string literals with their quotes


@final
@node
class Annotation:
    """@name, @name(tokens), @name[expressions] or @name[key = value, ...].

    The body in parentheses is any tokens; where these happen to be a list of expressions or of
    name = value pairs, they are given parsed as well.
    """

    span: Span
    name: str
    name_span: Span
    tokens: tuple[AnnotationToken, ...] | None  # the body in parentheses, None without one
    structured: bool  # with brackets
    expressions: tuple[Expression, ...]
    pairs: tuple[NamedField, ...]
