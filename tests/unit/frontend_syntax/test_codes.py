"""Each lexical and syntax code has a golden case, or a test of its own."""

from __future__ import annotations

from pathlib import Path

from p4kube_core.compiler.frontend import syntax_codes

GOLDEN = Path(__file__).parents[2] / "golden/syntax"
TESTED_ELSEWHERE = {
    syntax_codes.TOO_LARGE,  # test_preprocessor
    syntax_codes.INCLUDE_DEPTH,  # test_preprocessor
    syntax_codes.TOO_DEEP,  # test_limits
}


def test_each_code_has_a_case() -> None:
    shown = "".join(f.read_text() for f in GOLDEN.glob("*.txt"))
    missing = {c for c in syntax_codes.TITLES if f"[{c}]" not in shown} - TESTED_ELSEWHERE
    assert missing == set()
