"""Golden tests: text in, text out. `pytest tests/golden --update-golden` writes what comes out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.golden import reader

Golden = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what comes out as wanted")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """golden(case, actual): the case's section `out` is this text; or it becomes so."""
    update = request.config.getoption("--update-golden", default=False)

    def check(case: reader.Case, actual: str, section: str = "out") -> None:
        if update:
            reader.rewrite(case, section, actual)
        else:
            assert actual.rstrip("\n") == case.sections.get(section, "")

    return check
