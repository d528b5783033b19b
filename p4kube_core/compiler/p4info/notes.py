"""What a P4Info keeps of annotations: their text, documentation, @name and @id."""

from __future__ import annotations

from collections.abc import Container, Iterable
from types import MappingProxyType
from typing import Any, Final

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.p4info import folding
from p4kube_core.compiler.p4info.folding import Constants

# These have fields of their own in a P4Info.
_ELSEWHERE: Final = frozenset(["name", "id", "brief", "description"])
# Their bodies are expressions; all other bodies in parentheses are kept token by token.
_PARSED: Final = frozenset(
    [
        "alias", "controller_header", "deprecated", "field_list", "length", "match",
        "max_group_size", "max_member_weight", "noWarn", "p4runtime_translation", "priority",
        "selector_size_semantics",
    ]
)  # fmt: skip


def annotation(notes: Iterable[ast.Annotation], name: str) -> ast.Annotation | None:
    """The first annotation of that name."""
    return next((n for n in notes if n.name == name), None)


def text_of(notes: Iterable[ast.Annotation], name: str) -> str | None:
    """The string that an annotation holds; None without it, or if it holds none."""
    note = annotation(notes, name)
    value = folding.fold(note.expressions[0], {}) if note and note.expressions else None
    return value if isinstance(value, str) else None


def number_of(notes: Iterable[ast.Annotation], name: str, diagnostics: Diagnostics) -> int | None:
    """The number that an annotation holds; None without it. Anything else is an error."""
    note = annotation(notes, name)
    if note is None:
        return None
    if note.expressions and isinstance(note.expressions[0], ast.IntegerLiteral):
        value = note.expressions[0].value
        if 0 <= value < 1 << 32:
            return value
    message = f"@{name} wants a number of at most 32 bits"
    diagnostics.error("P4K0360", message, note.span)
    return None


def external_name(name: str, notes: Iterable[ast.Annotation]) -> str:
    """What the control plane calls it, perhaps with a leading dot: @name, else the name itself."""
    given = text_of(notes, "name")
    return name if given is None else given


def is_hidden(notes: Iterable[ast.Annotation]) -> bool:
    return annotation(notes, "hidden") is not None


def add_annotations(
    message: Any,
    notes: Iterable[ast.Annotation],
    but: Container[str] = (),
    constants: Constants = MappingProxyType({}),
) -> None:
    """Copy annotations into a message that has fields for them.

    Args:
        but: names of those to leave out.
        constants: what names in structured annotations stand for.
    """
    for note in notes:
        if note.structured:
            _add_structured(message.structured_annotations.add(), note, constants)
        elif note.name not in _ELSEWHERE and note.name not in but:
            message.annotations.append(spelt(note))


def _add_structured(message: Any, note: ast.Annotation, constants: Constants) -> None:
    message.name = note.name
    if note.pairs:
        for pair in note.pairs:
            added = message.kv_pair_list.kv_pairs.add(key=pair.name)
            _set_literal(added.value, pair.value, constants)
    else:
        message.expression_list.SetInParent()
        for value in note.expressions:
            _set_literal(message.expression_list.expressions.add(), value, constants)


def _set_literal(message: Any, node: ast.Expression, constants: Constants) -> None:
    match folding.fold(node, constants):
        case bool(value):
            message.bool_value = value
        case int(value):
            message.int64_value = (value + (1 << 63)) % (1 << 64) - (1 << 63)
        case str(value):
            message.string_value = value
        case None:
            message.string_value = node.span.text


def spelt(note: ast.Annotation) -> str:
    """An unstructured annotation as text, its tokens apart by one blank."""
    if note.tokens is None or not note.tokens:
        return f"@{note.name}"
    if note.name in _PARSED and note.expressions:
        return f"@{note.name}({', '.join(_literal_text(e) for e in note.expressions)})"
    return f"@{note.name}({' '.join(t.text for t in note.tokens)})"


def _literal_text(value: ast.Expression) -> str:
    if isinstance(value, ast.StringLiteral):
        return f'"{value.value}"'
    return value.span.text


def add_documentation(message: Any, notes: Iterable[ast.Annotation]) -> None:
    """Set `doc` from @brief and @description, if there are any."""
    for field in ("brief", "description"):
        text = text_of(notes, field)
        if text is not None:
            setattr(message.doc, field, text)


def wanted_id(notes: Iterable[ast.Annotation], diagnostics: Diagnostics) -> int | None:
    return number_of(notes, "id", diagnostics)
