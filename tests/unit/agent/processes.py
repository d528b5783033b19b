"""Agents and data planes that a test started, by their process ids: alive or not, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from p4kube_core.agent import client, settings
from p4kube_core.agent.settings import Settings

PATIENCE_S = 20.0


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} does not end"
        time.sleep(0.002)


def end(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)
    wait_for_end(pid)


def pids(wanted: Settings) -> list[int]:
    """Agent and data planes of a state directory, as far as they were started."""
    found = []
    dataplanes = (wanted.dataplane(target).pid_file for target in settings.TARGETS)
    for file in (wanted.pid_file, *dataplanes):
        with contextlib.suppress(OSError, ValueError):
            found.append(int(file.read_text()))
    return found


def stop(wanted: Settings) -> None:
    """Stop both, and see to it that they are gone whatever state the test left them in."""
    started = pids(wanted)
    with contextlib.suppress(Exception), client.AgentClient(wanted.state) as admin:
        admin.stop(dataplane=True)
    deadline = time.monotonic() + PATIENCE_S / 2
    while any(map(alive, started)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in started:
        if alive(pid):
            end(pid)
