"""iperf3 between two hosts, which it leaves as they were: a server, and a TCP stream to it."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final, final

from p4kube_core.cli.demo import hosts
from tests.e2e.pods import eventually

PORT: Final = 5201  # TCP
RULE: Final = (
    "{name: bulk, action: allow, from: outside, protocol: tcp, destinationPort: 5201, "
    "replies: true}"
)  # a firewall's, that lets it through
PATIENCE_S: Final = 30.0
INTERVAL_S: Final = 0.1
_INTERVAL: Final = re.compile(r"\[ *\d+\] +[\d.]+-[\d.]+ +sec +([\d.]+) ([KMGT]?)Bytes .*/sec *$")
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@final
class Server:
    """It says in each interval how much came."""

    def __init__(self, output: IO[str]) -> None:
        self.intervals: list[float] = []  # bytes in each
        self._output = output
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def hears_more(self, intervals: int = 5) -> bool:
        """Wait until bytes have come in so many intervals after this moment."""
        start = len(self.intervals)
        return eventually(
            lambda: sum(size > 0 for size in self.intervals[start:]) >= intervals, PATIENCE_S
        )

    def join(self) -> None:
        """Wait until all was read that a server has said that has ended."""
        self._reader.join()

    def _read(self) -> None:
        for line in self._output:
            if (found := _INTERVAL.match(line)) is not None:
                self.intervals.append(float(found[1]) * _UNITS[found[2]])


@contextmanager
def server(host: hosts.Host) -> Iterator[Server]:
    command = ["ip", "netns", "exec", host.name, "iperf3", "-s"]
    with subprocess.Popen(
        [*command, "-i", str(INTERVAL_S), "--forceflush"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        made = Server(process.stdout)
        try:
            listening = ("ss", "-Hltn", f"sport = {PORT}")
            assert eventually(lambda: bool(host.run(*listening).stdout))
            yield made
        finally:
            process.kill()
            made.join()


@contextmanager
def stream(source: hosts.Host, address: str, *more: str) -> Iterator[None]:
    """One TCP connection that sends until the end, which has to live until then.

    Args:
        more: options of iperf3.
    """
    command = ["ip", "netns", "exec", source.name, "iperf3", "-c", address, "-t", "600", *more]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as client:
        try:
            yield
            assert client.poll() is None, "iperf3 has ended"
        finally:
            client.send_signal(signal.SIGINT)
            try:
                client.wait(PATIENCE_S)
            finally:
                client.kill()
