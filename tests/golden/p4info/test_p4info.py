"""What the control plane sees of a program, down to ids, order and annotations."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core.compiler import p4info
from p4kube_core.compiler.frontend import checker, parser, source
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from tests.golden import reader
from tests.golden.conftest import Golden

CASES = [c for f in sorted(Path(__file__).parent.glob("*.txt")) for c in reader.cases(f)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_p4info(case: reader.Case, golden: Golden) -> None:
    diagnostics = Diagnostics()
    text = "\n".join(t for name, t in case.sections.items() if name != "out")
    tree = parser.parse_program(source.Source("in.p4", text), (), {}, diagnostics)
    checked = checker.check(tree, diagnostics)
    assert [str(d) for d in diagnostics.errors] == []
    architecture = "psa" if "<psa.p4>" in text else "v1model"
    message = p4info.build(checked, architecture, diagnostics)
    if diagnostics.has_errors:
        golden(case, diagnostics.render())
    else:
        golden(case, p4info.text(message))
