"""The bodies that the annotations with a meaning of their own must have."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from p4kube_core.compiler.frontend import ast, syntax_codes
from p4kube_core.compiler.frontend.diagnostics import Diagnostics

_TRANSLATION: Final = re.compile(r'"[^"]*" , (?:string|\w+|bit < \w+ >)')
_NUMBER: Final = re.compile(r"\d")


def _is_string(note: ast.Annotation) -> bool:
    if len(note.expressions) != 1:
        return False
    match note.expressions[0]:
        case ast.StringLiteral():
            return True
        case ast.Binary(operator=ast.BinaryOperator.CONCATENATE):
            return True
        case _:
            return False


def _is_number(note: ast.Annotation) -> bool:
    return len(note.expressions) == 1 and isinstance(note.expressions[0], ast.IntegerLiteral)


def _has_pairs(note: ast.Annotation) -> bool:
    return bool(note.pairs)


def _is_translation(note: ast.Annotation) -> bool:
    texts = [t.text for t in note.tokens or ()]
    if not _TRANSLATION.fullmatch(" ".join(texts)):
        return False
    return texts[2] == "string" or bool(_NUMBER.match(texts[2 if len(texts) == 3 else 4]))


# Source: P4_16 language specification 1.2.5, "Annotations"; P4Runtime specification 1.5.0,
# "P4Info".
_FORMS: Final[Mapping[str, tuple[str, Callable[[ast.Annotation], bool]]]] = {
    "name": ('@name("...")', _is_string),
    "id": ("@id(number)", _is_number),
    "brief": ('@brief("...")', _is_string),
    "description": ('@description("...")', _is_string),
    "controller_header": ('@controller_header("...")', _is_string),
    "max_group_size": ("@max_group_size(number)", _is_number),
    "pkginfo": ('@pkginfo(name = "...", version = "...")', _has_pairs),
    "p4runtime_translation": (
        '@p4runtime_translation("uri", bit<32>) or ("uri", string)',
        _is_translation,
    ),
}


def check(note: ast.Annotation, diagnostics: Diagnostics) -> None:
    """Report an annotation whose body is not of the form that its meaning needs."""
    form = _FORMS.get(note.name)
    if form is not None and not form[1](note):
        message = f"annotation @{note.name} wants the form {form[0]}"
        diagnostics.error(syntax_codes.ANNOTATION_FORM, message, note.span)
