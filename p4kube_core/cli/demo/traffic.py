"""Traffic between two hosts: pings, bulk TCP whose content is compared, numbered UDP datagrams."""

from __future__ import annotations

import hashlib
import os
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, final

from p4kube_core.cli.demo.hosts import Host

PATIENCE_S: Final = 1.0  # without an answer for so long, something does not pass
BULK_TIMEOUT_S: Final = 30.0
_NUMBER: Final = struct.Struct("!Q")
_SO_RCVBUFFORCE: Final = 33  # of Linux; the socket module does not name it


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    passed: bool
    said: str  # for people


def ping(source: Host, address: str, count: int = 3) -> Outcome:
    done = source.run(
        "ping", "-n", "-c", str(count), "-i", "0.2", "-W", "1", "-w", "3", address, check=False
    )
    answered = re.search(r"(\d+) received", done.stdout)
    number = int(answered[1]) if answered else 0
    times = re.search(r"= [\d.]+/([\d.]+)/", done.stdout)
    took = f", {times[1]} ms" if times else ""
    return Outcome(number == count, f"{number} of {count} answered{took}")


@contextmanager
def tcp_server(host: Host, address: str, port: int) -> Iterator[None]:
    """Serve: read all that comes on a connection, answer with its SHA-256."""
    listener = host.socket(socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen()

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(BULK_TIMEOUT_S)
                    digest = hashlib.sha256()
                    while data := connection.recv(1 << 16):
                        digest.update(data)
                    connection.sendall(digest.digest())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE_S)


def tcp(source: Host, address: str, port: int, size_bytes: int) -> Outcome:
    """Send random bytes to a tcp_server; the hash that comes back must be theirs."""
    payload = os.urandom(size_bytes)
    with source.socket(socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE_S)
        try:
            client.connect((address, port))
        except OSError as e:
            return Outcome(False, f"no connection ({e.strerror or e})")
        client.settimeout(BULK_TIMEOUT_S)
        started = time.monotonic()
        try:
            client.sendall(payload)
            client.shutdown(socket.SHUT_WR)
            answer = b""
            while len(answer) < 32 and (data := client.recv(32)):
                answer += data
        except OSError as e:
            return Outcome(False, f"connected, then: {e.strerror or e}")
        took = time.monotonic() - started
    if answer != hashlib.sha256(payload).digest():
        return Outcome(False, "what arrived was not what was sent")
    rate = size_bytes * 8 / took / 1e6
    return Outcome(
        True, f"{size_bytes / 1e6:.0f} MB arrived unharmed (SHA-256 compared), {rate:.0f} Mbit/s"
    )


@contextmanager
def udp_echo(host: Host, address: str, port: int) -> Iterator[None]:
    """Answer every datagram with itself."""
    server = host.socket(socket.SOCK_DGRAM)
    _make_patient(server)
    server.bind((address, port))
    ended = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            while not ended.is_set():
                if select.select([server], [], [], 0.1)[0]:
                    data, peer = server.recvfrom(2048)
                    server.sendto(data, peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(PATIENCE_S)
        server.close()


def _make_patient(one: socket.socket) -> None:
    """Have the kernel keep what comes while a busy machine does not let us read."""
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)


def udp(source: Host, address: str, port: int, count: int = 3) -> Outcome:
    """Send datagrams to a udp_echo and count what comes back."""
    with source.socket(socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE_S / count)
        client.connect((address, port))
        answered = 0
        for number in range(count):
            client.send(_NUMBER.pack(number))
            with suppress(OSError):
                answered += client.recv(2048) == _NUMBER.pack(number)
    return Outcome(answered == count, f"{answered} of {count} answered")


@final
class Stream:
    """Numbered datagrams to a udp_echo, all the time; says how many never came back."""

    def __init__(self, source: Host, address: str, port: int, interval_s: float = 0.001) -> None:
        self._socket = source.socket(socket.SOCK_DGRAM)
        _make_patient(self._socket)
        self._socket.connect((address, port))
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._answered: set[int] = set()
        self._times: list[float] = []  # of each answer, seconds
        self.sent = 0
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._receiver = threading.Thread(target=self._receive, daemon=True)
        self._receiver.start()
        self._sender.start()

    @property
    def longest_gap_s(self) -> float:
        """The longest time without an answer."""
        return max((b - a for a, b in zip(self._times, self._times[1:], strict=False)), default=0.0)

    def stop(self, patience_s: float = PATIENCE_S) -> int:
        """End it.

        Args:
            patience_s: how long what was not answered may take to be.
        Returns:
            How many datagrams were never answered.
        """
        self._ended.set()
        self._sender.join()
        deadline = time.monotonic() + patience_s
        while len(self._answered) < self.sent and time.monotonic() < deadline:
            time.sleep(0.01)
        self._socket.close()
        self._receiver.join(PATIENCE_S)
        return self.sent - len(self._answered)

    def _send(self) -> None:
        while not self._ended.is_set():
            with suppress(OSError):  # an answer of "unreachable" to an earlier one
                self._socket.send(_NUMBER.pack(self.sent))
            self.sent += 1
            time.sleep(self._interval_s)

    def _receive(self) -> None:
        while True:
            try:
                if not select.select([self._socket], [], [], 0.2)[0]:
                    if self._ended.is_set():
                        return
                    continue
                data = self._socket.recv(2048)
            except ConnectionRefusedError:
                continue
            except (OSError, ValueError):
                return
            self._answered.add(_NUMBER.unpack(data)[0])
            self._times.append(time.monotonic())
