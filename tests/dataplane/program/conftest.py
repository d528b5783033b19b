"""The tests of the language and of functions run for every target."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dataplane.program import targets

_FOR_ALL = (
    "test_language", "test_statements", "test_state", "test_rate_limiter", "test_telemetry",
)  # fmt: skip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition(".")[2] in _FOR_ALL:
        kernel = pytest.param("ebpf", marks=pytest.mark.needs_root)
        alone = metafunc.definition.get_closest_marker("dpdk_alone") is not None
        wanted = ["dpdk"] if alone else ["dpdk", kernel]
        metafunc.parametrize("target", wanted, indirect=True)


@pytest.fixture(autouse=True)
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """The target that `targets.load` loads for meanwhile."""
    targets.current = getattr(request, "param", "dpdk")
    yield targets.current
    targets.current = "dpdk"
