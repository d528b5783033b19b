"""What the processes of an agent cost: processor time, wake-ups, memory; from /proc."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import final

from bench.idle import kernel


@final
@dataclass(frozen=True, slots=True)
class Cost:
    """Of several processes together, since they began."""

    cpu_s: float
    wakeups: int  # times that a thread was given the processor after it had waited
    memory_bytes: int  # resident
    kernel_bytes: int  # BPF maps and programs that they hold


def cost(pids: Sequence[int]) -> Cost:
    paths = [Path(f"/proc/{pid}") for pid in pids]
    return Cost(
        sum(_run_ns(path) for path in paths) / 1e9,
        sum(_wakeups(path) for path in paths),
        sum(int(kernel.said(path / "status")["VmRSS"].split()[0]) * 1024 for path in paths),
        sum(kernel.held_bytes(pid) for pid in pids),
    )


def _run_ns(path: Path) -> int:
    """Finer than the ticks of `stat`: what the scheduler gave each thread."""
    return sum(_of_threads(path, "schedstat", lambda file: int(file.read_text().split()[0])))


def _wakeups(path: Path) -> int:
    def woken(file: Path) -> int:
        return int(kernel.said(file)["voluntary_ctxt_switches"])

    return sum(_of_threads(path, "status", woken))


def _of_threads(path: Path, name: str, read: Callable[[Path], int]) -> Iterator[int]:
    """One number of each thread, of those that do not end meanwhile."""
    for file in (path / "task").glob(f"*/{name}"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield read(file)
