"""P4 to C, as text: from the parser to the deparser. `pytest --update-golden` writes what comes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from p4kube_core.compiler import driver
from p4kube_core.compiler.backends.dpdk import program as programs
from tests.golden import reader

CASES = [
    case for path in sorted(Path(__file__).parent.glob("*.txt")) for case in reader.cases(path)
]

PRELUDE = "#include <core.p4>\n#include <v1model.p4>\n"


def functions(p4: str) -> str:
    """The C of a program without its structs and descriptors; the file is called test.p4."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "test.p4")
        path.write_text(PRELUDE + p4)
        c = programs.write(programs.make(driver.compile(path).program)).replace(
            str(path), "test.p4"
        )
    _, _, behind = c.partition("\n/* parser ")
    before, _, _ = behind.partition("\nP4K_INLINE void drop(")
    return f"/* parser {before}".rstrip()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_c(case: reader.Case, golden: Callable[..., None]) -> None:
    golden(case, functions(case.sections["in"]))
