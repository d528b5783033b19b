"""A trace of one datagram a millisecond beside iperf3: whether a disturbance can be seen in it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from p4kube_core.cli.demo import hosts
from tests.e2e import iperf

TRACE: Final = Path(__file__).parents[1] / "trace.py"
PORT: Final = 5353  # what the trace takes; UDP
BIN_NS: Final = 10_000_000
ATTEMPTS: Final = 4


@dataclass(repr=False)
class Trace:
    """What was sent, and of what arrived: number, time of sending, time of arrival."""

    sent: int = 0
    seen: list[tuple[int, int, int]] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"a trace with {self.silence} silent spans in a row, {self.lost} of {self.sent} lost"

    @property
    def lost(self) -> int:
        return self.sent - len({number for number, _, _ in self.seen})

    @property
    def longest_ns(self) -> int:
        """The longest time that a datagram took."""
        return max(arrived - sent for _, sent, arrived in self.seen)

    @property
    def silence(self) -> int:
        """The most spans of 10 ms in a row in each of which something was sent, but nothing that
        arrived within another 10 ms.
        """
        late = {s // BIN_NS for _, s, a in self.seen if a // BIN_NS > s // BIN_NS + 1}
        late -= {s // BIN_NS for _, s, a in self.seen if a // BIN_NS <= s // BIN_NS + 1}
        starts = [span for span in late if span - 1 not in late]
        return max((next(n for n in count(1) if s + n not in late) for s in starts), default=0)


@dataclass(frozen=True)
class Way:
    """From one host to another at this address, where functions let PORT and iperf3 through."""

    source: hosts.Host
    sink: hosts.Host
    address: str

    def shows_nothing_of(
        self, disturb: Callable[[], None], record: Callable[[str, object], None]
    ) -> None:
        """Disturb, under iperf3, and fail if a trace shows it; lost is lost at any time.

        It is compared with traces as long without it: what else keeps the machine busy is in both.
        """
        usual = 0
        for attempt in range(ATTEMPTS):
            with iperf.server(self.sink), iperf.stream(self.source, self.address):
                with self._traced() as trace:
                    started = time.monotonic()
                    disturb()
                    took_s = time.monotonic() - started
                with self._traced() as plain:
                    time.sleep(took_s)
            usual = max(usual, plain.silence)
            record("silence, usual", (attempt, trace.silence, usual))
            record("longest ms, without", (trace.longest_ns / 1e6, plain.longest_ns / 1e6))
            if plain.lost:  # what loses packets is something else
                continue
            assert trace.lost == 0
            if trace.silence <= usual:
                return
        pytest.fail(f"{trace} was not like {plain} without it, {ATTEMPTS} times")

    @contextmanager
    def _traced(self) -> Iterator[Trace]:
        """Trace while the block runs; the trace is known after it."""
        trace = Trace()
        with self._peer(self.sink, "receive") as receiver:
            assert receiver.stdout is not None
            assert receiver.stdout.readline() == "ready\n"
            with self._peer(self.source, "send") as sender:
                try:
                    time.sleep(0.3)
                    yield trace
                    time.sleep(0.3)
                finally:
                    trace.sent = int(sender.communicate()[0])
                    time.sleep(0.2)
                    lines = receiver.communicate()[0].splitlines()
            trace.seen += [tuple(map(int, line.split())) for line in lines]  # type: ignore[misc]

    def _peer(self, host: hosts.Host, word: str) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", host.name, sys.executable, str(TRACE), word]
        return subprocess.Popen(
            [*command, self.address, str(PORT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
