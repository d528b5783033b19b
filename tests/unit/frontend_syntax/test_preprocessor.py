"""Directives and macros, and where what they make is said to stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core.compiler.frontend import macros, parser, preprocessor
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.source import Source


def preprocessed(
    text: str, diagnostics: Diagnostics | None = None, defines: dict[str, str] | None = None
) -> list[Token]:
    found = diagnostics or Diagnostics()
    tokens = preprocessor.preprocess(Source("x.p4", text), None, (), defines or {}, found)
    if diagnostics is None:
        assert found.render() == ""
    return tokens[:-1]


def joined(text: str, **defines: str) -> str:
    return " ".join(t.text for t in preprocessed(text, None, defines))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("#define A 1\nA B", "1 B"),
        ("#define A B\n#define B A\nA", "A"),
        ("#define A A + 1\nA", "A + 1"),
        ("#define F(x) x * x\nF(1 + 2) F", "1 + 2 * 1 + 2 F"),
        ("#define F(x) F(x + 1)\nF(F(1))", "F ( F ( 1 + 1 ) + 1 )"),
        ("#define F() 7\nF() F ( )", "7 7"),
        ("#define F(x, y) y x\nF((1, 2), 3)", "3 ( 1 , 2 )"),
        ("#define F(x) x\n#define G F\nG(1)", "1"),
        ("#define F(x,\\\n y) x \\\n y\nF(1,\n2)", "1 2"),
        ('#define S(x) #x\nS(a + "b" c)', '"a + \\"b\\" c"'),
        ("#define S(x) #x\n#define A 1\nS(A)", '"A"'),
        ("#define P(x, y) x##y\nP(ab, 12) P(,z) P(z,) P(,)", "ab12 z z"),
        ("#define P(x, y) x##y\n#define AB 1\nP(A, B)", "1"),
        ("#define V(f, ...) f(__VA_ARGS__)\nV(g, 1, 2) V(g)", "g ( 1 , 2 ) g ( )"),
        ("#define A 1\n#undef A\nA", "A"),
        ("#define bit int\nbit", "int"),
        ('#define A 1\n"A"', '"A"'),
        ("__LINE__\n__LINE__ __FILE__", '1 2 "x.p4"'),
        ("#pragma anything goes `'\n1", "1"),
        ("#\n1", "1"),
    ],
)
def test_macros(text: str, wanted: str) -> None:
    assert joined(text) == wanted


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("1", True),
        ("0", False),
        ("X", False),
        ("A == 3", True),
        ("defined A && !defined(B)", True),
        ("1 + 2 * 3 == 7", True),
        ("(1 << 4 >> 2) == 4", True),
        ("010 == 8 && 0x10 == 16 && 10UL == 10", True),
        ("-7 / 2 == -3 && -7 % 2 == -1", True),
        ("1 ? 0 : 1", False),
        ("1 || 1 / 0", True),
        ("~0 == -1", True),
        ("A >= 3 && A <= 3 && !(A < 3) && !(A > 3) && A != 4", True),
        ("(6 & 3) == 2 && (6 | 1) == 7 && (6 ^ 3) == 5", True),
    ],
)
def test_conditions(condition: str, value: bool) -> None:
    text = f"#if {condition}\nyes\n#else\nno\n#endif"
    assert joined(text, A="3") == ("yes" if value else "no")


def test_only_the_first_true_branch_is_read() -> None:
    text = "#if 0\na\n#elif 1\nb\n#elif 1/0\nc\n#else\nd\n#endif"
    assert joined(text) == "b"


def test_what_is_skipped_may_be_anything() -> None:
    text = "#if 0\n ` ' # ## \n#if 1\n#else\n#endif\n#unknown\n#include <no>\n#endif\n1"
    assert joined(text) == "1"


def test_defines_from_the_command_line() -> None:
    assert joined("N F(2)", N="5", **{"F(x)": "x + 1"}) == "5 2 + 1"


def test_includes_are_found_beside_the_file_then_in_folders(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "main.p4").write_text('#include "sub/a.p4"\n#include <b.p4>\nconst bit<8> C = B;')
    (tmp_path / "sub/a.p4").write_text('#include "c.p4"\n')
    (tmp_path / "sub/c.p4").write_text("const bit<8> A = 1;\n")
    (tmp_path / "other/b.p4").write_text("#pragma once\n#include <b.p4>\nconst bit<8> B = A;\n")
    tree = parser.parse_program(tmp_path / "main.p4", [tmp_path / "other"])
    assert [Path(d.span.file).name for d in tree.declarations] == ["c.p4", "b.p4", "main.p4"]
    assert [d.span.line for d in tree.declarations] == [1, 3, 3]


@pytest.mark.parametrize("named", ['"../secret"', '"{}/secret"', '"link"', "<../secret>"])
def test_a_confined_program_reads_nothing_from_elsewhere(tmp_path: Path, named: str) -> None:
    (tmp_path / "secret").write_text("const bit<8> SECRET = 1;")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path / "secret")
    main = tmp_path / "in/main.p4"
    main.write_text(f"#include {named.format(tmp_path)}\n#include <core.p4>\n")
    parser.parse_program(main, [main.parent])
    diagnostics = Diagnostics()
    parser.parse_program(main, [main.parent], diagnostics=diagnostics, confined=True)
    assert [d.code for d in diagnostics.errors] == ["P4K0118"]


@pytest.mark.parametrize("name", ["core", "v1model", "psa", "pna", "bmv2/psa", "dpdk/psa"])
def test_architectures_are_found_and_parse(name: str) -> None:
    parser.parse_program(Source("x.p4", f"#include <{name}.p4>\n#include <{name}.p4>\n"))


def test_a_file_that_includes_itself_ends_in_a_diagnostic(tmp_path: Path) -> None:
    path = tmp_path / "a.p4"
    path.write_text('#include "a.p4"\n')
    diagnostics = Diagnostics()
    parser.parse_program(path, diagnostics=diagnostics)
    assert [d.code for d in diagnostics.errors] == ["P4K0119"]


def test_macros_that_explode_end_in_a_diagnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(macros, "MAX_TOKENS", 20_000)
    text = "#define A0 x x x x\n"
    text += "".join(f"#define A{i + 1} A{i} A{i} A{i} A{i}\n" for i in range(30))
    diagnostics = Diagnostics()
    preprocessed(text + "A30", diagnostics)
    assert [d.code for d in diagnostics.errors] == ["P4K0114"]
