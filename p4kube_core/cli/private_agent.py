"""An agent with its data planes for one command alone, in a directory that goes with it."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from p4kube_core import errors
from p4kube_core.agent import client, settings
from p4kube_core.cli import progress

STOP_TIMEOUT_S: Final = 5.0
SETTLED_S: Final = 0.2  # nothing seen for so long: nothing there


@contextmanager
def private_agent() -> Iterator[settings.Settings]:
    """Run one; whatever happens inside, its processes and the directory are gone afterwards."""
    state = Path(tempfile.mkdtemp(prefix="p4kube-"))
    wanted = settings.Settings(state=state)
    try:
        client.spawn(wanted)
        yield wanted
    finally:
        with undisturbed():
            stop(state)
            shutil.rmtree(state, ignore_errors=True)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold off interruptions: who presses Ctrl-C twice must not cut the cleaning up short."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold others off who would play here: two would take the same device id, and one be lost.

    Raises:
        errors.MachineError: the state directory cannot be made.
    """
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as e:
        raise errors.MachineError(f"cannot make the state directory {state}: {e.strerror}") from e
    try:
        with progress.step("waiting for another `p4kube play` to end"):
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def stop(state: Path) -> None:
    """Stop the agent and the data planes of a state directory: asked first, killed in the end."""
    with suppress(errors.P4KubeError), client.AgentClient(state, timeout_s=STOP_TIMEOUT_S) as agent:
        agent.stop(dataplane=True)
    # By what they run on, not by pid files: one that was interrupted while starting has none yet.
    # And for a while: it may just be about to become what we look for.
    deadline = time.monotonic() + STOP_TIMEOUT_S
    seen = time.monotonic()
    while (now := time.monotonic()) < seen + SETTLED_S:
        if left := processes(state):
            seen = now
        for pid in left if now > deadline else ():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def left_behind(state: Path) -> bool:
    """Say whether there is something that an agent of this directory would take over."""
    kept = (path for name in settings.KEPT for path in (state / name).glob("*"))
    return any(path.suffix != ".unreadable" for path in kept) or any(
        not _is_lost(pid) for pid in processes(state)
    )


def end_lost(state: Path) -> None:
    """End what runs on a state directory that was deleted: no agent can find it again."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while left := [pid for pid in processes(state) if _is_lost(pid)]:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.05)


def _is_lost(pid: int) -> bool:
    """Say whether a process writes its log, which is in the state directory, to a deleted file."""
    try:
        return str(Path(f"/proc/{pid}/fd/2").readlink()).endswith(" (deleted)")
    except OSError:
        return False


def processes(state: Path) -> list[int]:
    """The agent and the data planes of a state directory, by their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has just ended
        pid = int(path.parent.name)
        ours = any(
            word.endswith(("p4kube_core.agent", "p4kube-dataplane", "p4kube-bpf")) for word in words
        )
        if ours and any(Path(word).is_relative_to(state) for word in words) and alive(pid):
            found.append(pid)
    return found


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
