"""The plug-in as it is released and with sanitizers, and places for sockets."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dataplane.cni import plugin


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.needs_root)


@pytest.fixture(scope="session", params=["release", "asan"])
def program(request: pytest.FixtureRequest) -> Path:
    """Every test runs on both builds."""
    target = "all" if request.param == "release" else "asan"
    with (plugin.SOURCES / "Makefile").open() as makefile:
        fcntl.flock(makefile, fcntl.LOCK_EX)  # tests in several processes build once
        subprocess.run(
            ["make", "-s", "-C", plugin.SOURCES, target], check=True, stdout=subprocess.DEVNULL
        )
    return plugin.SOURCES / f"build/{request.param}/p4kube-cni"


@pytest.fixture
def socket_path() -> Iterator[Path]:
    # Unix sockets have short paths, pytest's directories long ones.
    with tempfile.TemporaryDirectory(prefix="p4kcni-") as made:
        yield Path(made) / "cni.sock"
