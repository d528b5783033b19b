"""docs/conformance.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests/conformance/p4runtime"


def test_every_test_named_on_the_page_exists() -> None:
    named = 0
    for line in (ROOT / "docs/conformance.md").read_text().splitlines():
        path = None
        for test, word in re.findall(r"`(test_\w+)`|([\w/.]+)(?= `test_)", line):
            if word:
                path = ROOT / word if word.endswith(".py") else FOLDER / f"test_{word}.py"
                continue
            assert path is not None, line
            assert f"def {test}(" in path.read_text(), f"{path.name} has no {test}"
            named += 1
    assert named > 80
