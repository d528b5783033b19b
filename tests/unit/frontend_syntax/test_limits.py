"""Text that nests or repeats beyond reason is refused, in time about linear in its length."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core.compiler.frontend import files, macros, parser
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.source import Source

DEPTH = 3000


def codes(text: str) -> set[str]:
    diagnostics = Diagnostics()
    parser.parse_program(Source("x.p4", text), (), {}, diagnostics)
    return {d.code for d in diagnostics.errors}


@pytest.mark.parametrize(
    "value",
    [
        "(" * DEPTH + "1" + ")" * DEPTH,
        "-" * DEPTH + "1",
        "{" * DEPTH + "}" * DEPTH,
        "(bit<8>)" * DEPTH + "1",
        "(x) " * DEPTH + "1",
        "a[" * DEPTH + "1" + "]" * DEPTH,
        "(a[" * DEPTH + "1" + "])" * DEPTH,
        "f(" * DEPTH + "1" + ")" * DEPTH,
        "1 ? " * DEPTH + "1" + " : 1" * DEPTH,
        "1 + " * DEPTH + "1",
        "a" + ".b" * DEPTH,
        "a" + "[1]" * DEPTH,
        "a<" * DEPTH + "1",
        "(a<" * DEPTH + "1" + ">)" * DEPTH,
        "f<bit<(" * DEPTH + "1" + ")>>(1)" * DEPTH,
    ],
)
def test_expressions(value: str) -> None:
    assert codes(f"const bit<8> x = {value};") & {"P4K0202", "P4K0201"}


@pytest.mark.parametrize(
    "statement",
    [
        "{" * DEPTH + "}" * DEPTH,
        "if (x) " * DEPTH + ";",
        "if (x) ; else " * DEPTH + ";",
        "for (bit<8> i in 1 .. 2) " * DEPTH + ";",
        "switch (x) { 1: {" * DEPTH + "} }" * DEPTH,
        "T<" * DEPTH + "bit" + ">" * DEPTH + " v;",
        "tuple<" * DEPTH + "bit" + ">" * DEPTH + " v;",
        "bit" + "[1]" * DEPTH + " v;",
    ],
)
def test_statements(statement: str) -> None:
    found = codes(f"control C() {{ apply {{ {statement} }} }} const bit<8> x = ;")
    # The fault behind it is still found: the parser got over the nesting.
    assert "P4K0201" in found


def test_deep_conditions() -> None:
    assert codes("#if " + "(" * DEPTH + "1\n#endif") == {"P4K0116"}
    assert codes("#if " + "!" * DEPTH + "1\n#endif") == {"P4K0116"}


def test_long_but_flat_programs_are_fine() -> None:
    constants = "".join(f"const bit<32> c{i} = {i} + 1;\n" for i in range(5000))
    assert codes(constants) == set()


def test_more_tokens_than_any_program_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(macros, "MAX_TOKENS", 1000)
    assert codes("( " * 2000) == {"P4K0114"}


def test_a_file_larger_than_any_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE_SIZE", 1000)
    (tmp_path / "big.p4").write_text(" " * 2000)
    diagnostics = Diagnostics()
    parser.parse_program(tmp_path / "big.p4", diagnostics=diagnostics)
    assert [d.code for d in diagnostics.errors] == ["P4K0118"]


@pytest.mark.parametrize("name", ["missing.p4", ""])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    diagnostics = Diagnostics()
    parser.parse_program(tmp_path / name, diagnostics=diagnostics)
    assert [d.code for d in diagnostics.errors] == ["P4K0118"]
