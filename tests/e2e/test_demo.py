"""The README's first command; and that interrupting it leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from p4kube_core.cli.demo import command, hosts

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]

COMMAND = [sys.executable, "-m", "p4kube_core.cli.main", "demo", "--seconds", "1"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for temporary files that is ours alone, with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="p4kt-") as made:
        yield Path(made)


def start(place: Path) -> subprocess.Popen[str]:
    # A shell has what it starts in the background ignore interrupts.
    return subprocess.Popen(
        ["env", "--default-signal=INT", *COMMAND],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        env={**os.environ, "TMPDIR": str(place)},
    )


def left_behind(pid: int, place: Path) -> list[str]:
    namespaces = [path.name for path in hosts.NAMESPACES.glob(f"p4k{pid}-*")]
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    processes = [line for line in running.stdout.splitlines() if f"{place}/p4kube-demo-" in line]
    return [*namespaces, *processes, *map(str, place.iterdir())]


def test_all_goes_as_expected_and_nothing_is_left(place: Path) -> None:
    with start(place) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "WRONG" not in output
    assert [line for line in output.splitlines() if line.startswith("Target ")] == [
        f"Target {target}: {where}" for target, where in command.WHERE.items()
    ]
    assert output.endswith("Everything is gone again.\nAll went as expected.\n")
    assert left_behind(process.pid, place) == []


@pytest.mark.parametrize("step", ["1. ", "2. ", "3. ", "4. ", "7. ", "8. ", "10. "])
def test_interrupted_it_leaves_nothing(place: Path, step: str) -> None:
    with start(place) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(step):
                break
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == "p4kube demo: interrupted\n"
    assert left_behind(process.pid, place) == []
