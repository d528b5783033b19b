"""What the checker says of faulty programs: each code at least once."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core.compiler.frontend import checker, checker_codes, parser, source
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from tests.golden import reader
from tests.golden.conftest import Golden

FOLDER = Path(__file__).parent
CASES = [c for f in sorted(FOLDER.glob("*.txt")) for c in reader.cases(f)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_type_diagnostics(case: reader.Case, golden: Golden) -> None:
    diagnostics = Diagnostics()
    text = source.Source("in.p4", case.sections["in"])
    checker.check(parser.parse_program(text, (), {}, diagnostics), diagnostics)
    golden(case, diagnostics.render())


def test_every_code_has_a_case() -> None:
    said = "".join(case.sections.get("out", "") for case in CASES)
    assert [code for code in checker_codes.TITLES if f"[{code}]" not in said] == []
