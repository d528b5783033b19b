"""The README's first command; and that interrupting it leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from p4kube_core.cli.demo import hosts

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]

COMMAND = [sys.executable, "-m", "p4kube_core.cli.main", "demo", "--seconds", "1"]


def left_behind(pid: int) -> list[str]:
    namespaces = [path.name for path in hosts.NAMESPACES.glob(f"p4k{pid}-*")]
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return namespaces + [
        line for line in running.stdout.splitlines() if "--state /tmp/p4kube-demo-" in line
    ]


def test_all_goes_as_expected_and_nothing_is_left() -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "WRONG" not in output
    assert output.endswith("Everything is gone again.\nAll went as expected.\n")
    assert left_behind(process.pid) == []


@pytest.mark.parametrize("step", ["1. ", "2. ", "4. "])
def test_interrupted_it_leaves_nothing(step: str) -> None:
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(step):
                break
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == "p4kube demo: interrupted\n"
    assert left_behind(process.pid) == []
