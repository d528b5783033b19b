"""The syntax trees of every construct of the language, one line each where they are short."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from p4kube_core.compiler.frontend import parser, source
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from tests.golden import reader
from tests.golden.conftest import Golden

FOLDER = Path(__file__).parent / "trees"
CASES = [c for f in sorted(FOLDER.glob("*.txt")) for c in reader.cases(f)]
WIDTH = 96


def shown(value: Any, indent: int = 0) -> str:
    """A node as Name(field=value, ...), without places and without what is empty."""
    if dataclasses.is_dataclass(value):
        pairs = [
            f"{f.name}=" + shown(getattr(value, f.name), indent + 2)
            for f in dataclasses.fields(value)
            if "span" not in f.name and not _is_empty(getattr(value, f.name))
        ]
        return _bracketed(type(value).__name__ + "(", pairs, ")", indent)
    if isinstance(value, tuple):
        return _bracketed("[", [shown(v, indent + 2) for v in value], "]", indent)
    return str(value) if not isinstance(value, str) else repr(str(value))


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value == ()


def _bracketed(start: str, parts: list[str], end: str, indent: int) -> str:
    line = start + ", ".join(parts) + end
    if len(line) + indent <= WIDTH and "\n" not in line:
        return line
    inner = " " * (indent + 2)
    return start + "\n" + "".join(f"{inner}{p}\n" for p in parts) + " " * indent + end


@pytest.mark.parametrize("case", CASES, ids=str)
def test_trees(case: reader.Case, golden: Golden) -> None:
    diagnostics = Diagnostics()
    tree = parser.parse_program(source.Source("in.p4", case.sections["in"]), (), {}, diagnostics)
    assert diagnostics.render() == ""
    golden(case, "\n".join(shown(d) for d in tree.declarations))
