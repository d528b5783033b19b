"""An agent with its data plane for one command alone, in a directory that goes with it."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from p4kube_core import errors
from p4kube_core.agent import client, settings

STOP_TIMEOUT_S: Final = 5.0
PID_FILES: Final = ("agent.pid", "dataplane.pid")


@contextmanager
def private_agent() -> Iterator[settings.Settings]:
    """Run one; whatever happens inside, both processes and the directory are gone afterwards."""
    state = Path(tempfile.mkdtemp(prefix="p4kube-"))
    wanted = settings.Settings(state=state)
    try:
        client.spawn(wanted)
        yield wanted
    finally:
        stop(state)
        shutil.rmtree(state, ignore_errors=True)


def stop(state: Path) -> None:
    """Stop the agent and the data plane of a state directory: asked first, killed in the end."""
    pids = [pid for name in PID_FILES if (pid := read_pid(state / name)) is not None]
    with suppress(errors.P4KubeError), client.AgentClient(state, timeout_s=STOP_TIMEOUT_S) as agent:
        agent.stop(dataplane=True)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def read_pid(path: Path) -> int | None:
    """The process that a pid file names; None where there is no such file."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits for its parent does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
