"""Checks a text and hands out what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from p4kube_core.compiler.frontend import checker, parser, source
from p4kube_core.compiler.frontend.ast import walk
from p4kube_core.compiler.frontend.checked import Checked
from p4kube_core.compiler.frontend.diagnostics import Diagnostics

T = TypeVar("T")


def check(text: str) -> tuple[Checked, Diagnostics]:
    diagnostics = Diagnostics()
    tree = parser.parse_program(source.Source("in.p4", text), (), {}, diagnostics)
    return checker.check(tree, diagnostics), diagnostics


def legal(text: str) -> Checked:
    checked, diagnostics = check(text)
    assert [str(e) for e in diagnostics.errors] == []
    return checked


def own(checked: Checked) -> Iterator[Any]:
    """Every node that the text itself wrote, not what it included."""
    for node in walk.walk(checked.program):
        if node.span.source.name == "in.p4":
            yield node


def written(checked: Checked, text: str, kind: type[T]) -> T:
    """The first node of a kind whose source is this text."""
    for node in own(checked):
        if isinstance(node, kind) and node.span.text == text:  # type: ignore[attr-defined]
            return node
    raise AssertionError(f"no {kind.__name__} {text!r}")
