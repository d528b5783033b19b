"""Processes, programs and hosts for the tests of p4kube-bpf."""

from __future__ import annotations

import fcntl
import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import process

PROGRAMS = pathlib.Path(__file__).parent / "programs"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if pathlib.Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.needs_root)
            item.add_marker(pytest.mark.xdist_group(f"bpf-{item.path.stem}"))


@pytest.fixture(scope="session", params=["release", "asan"])
def variant(request: pytest.FixtureRequest) -> str:
    """Every test runs on both builds."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    target = "all" if request.param == "release" else "asan"
    with (process.EBPF / "Makefile").open() as makefile:
        fcntl.flock(makefile, fcntl.LOCK_EX)  # tests in several processes build once
        subprocess.run(
            ["make", "-s", "-C", process.EBPF, target], check=True, stdout=subprocess.DEVNULL
        )
    return str(request.param)


@pytest.fixture(scope="session")
def switch() -> artifact.Artifact:
    """programs/switch.p4: a table of each kind."""
    return process.compiled(PROGRAMS / "switch.p4")


@pytest.fixture(scope="session")
def wires() -> artifact.Artifact:
    """programs/wires.p4: port 1 to port 2 and back."""
    return process.compiled(PROGRAMS / "wires.p4")


@pytest.fixture
def bpf(variant: str, tmp_path: pathlib.Path) -> Iterator[process.Process]:
    """A data plane without ports; the test fails if it leaves anything."""
    running = process.Process(tmp_path, variant)
    try:
        yield running
    except BaseException:
        running.kill()
        raise
    assert running.stop() == 0, running.text()
    assert not running.bpffs.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bpf.log"]
