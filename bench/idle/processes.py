"""What the processes of an agent cost: processor time, wake-ups, memory; from /proc."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Cost:
    """Of several processes together, since they began."""

    cpu_s: float
    wakeups: int  # times that a thread was given the processor after it had waited
    memory_bytes: int  # resident
    kernel_bytes: int  # BPF maps and programs that they hold


def cost(pids: Iterable[int]) -> Cost:
    paths = [Path(f"/proc/{pid}") for pid in pids]
    return Cost(
        sum(_run_ns(path) for path in paths) / 1e9,
        sum(_wakeups(path) for path in paths),
        sum(int(_fields(path / "status")["VmRSS"].split()[0]) * 1024 for path in paths),
        sum(_held(path) for path in paths),
    )


def _run_ns(path: Path) -> int:
    """Finer than the ticks of `stat`: what the scheduler gave each thread."""
    return sum(int(file.read_text().split()[0]) for file in (path / "task").glob("*/schedstat"))


def _wakeups(path: Path) -> int:
    threads = (path / "task").glob("*/status")
    return sum(int(_fields(thread)["voluntary_ctxt_switches"]) for thread in threads)


def _held(path: Path) -> int:
    """Bytes that the kernel says of each map and program once, however often it is open."""
    held: dict[tuple[str, str], int] = {}
    for file in (path / "fdinfo").iterdir():
        fields = _fields(file)
        for kind in ("map_id", "prog_id"):
            if kind in fields:
                held[kind, fields[kind]] = int(fields["memlock"])
    return sum(held.values())


def _fields(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}  # a file that was closed meanwhile
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
