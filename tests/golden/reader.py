"""Reads and rewrites golden files: cases of `=== title`, each with `--- name` sections.

A case's last section is what the code under test should make of the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_CASE = re.compile(r"^=== (.*)\n", re.MULTILINE)
_SECTION = re.compile(r"^--- (.*)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    path: Path
    title: str
    sections: dict[str, str]

    def __str__(self) -> str:
        return f"{self.path.stem}: {self.title}"


def cases(path: Path) -> list[Case]:
    _, *parts = _CASE.split(path.read_text())
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [Case(path, title, _sections(body)) for title, body in pairs]


def _sections(body: str) -> dict[str, str]:
    _, *parts = _SECTION.split(body)
    return {name: text.rstrip("\n") for name, text in zip(parts[::2], parts[1::2], strict=True)}


def rewrite(case: Case, section: str, text: str) -> None:
    """Put the text in the place of one section of one case in its file."""
    written = []
    for other in cases(case.path):
        sections = dict(other.sections)
        if other.title == case.title:
            sections[section] = text.rstrip("\n")
        lines = [f"=== {other.title}"]
        for name, content in sections.items():
            lines += [f"--- {name}", *([content] if content else [])]
        written.append("\n".join(lines) + "\n")
    case.path.write_text("\n".join(written))
