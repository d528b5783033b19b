"""What the lexer, the preprocessor and the parser say of faulty text."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core.compiler.frontend import parser, source
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from tests.golden import reader
from tests.golden.conftest import Golden

CASES = [c for f in sorted(Path(__file__).parent.glob("*.txt")) for c in reader.cases(f)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_syntax_diagnostics(case: reader.Case, golden: Golden) -> None:
    diagnostics = Diagnostics()
    parser.parse_program(source.Source("in.p4", case.sections["in"]), (), {}, diagnostics)
    golden(case, diagnostics.render())
