"""A prober that never rests: from a node to pods' addresses, and from inside of pods."""

from __future__ import annotations

import errno
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from p4kube_core.cli.demo import hosts

FORBIDDEN: Final = 9
ALLOWED: Final = 5353
GATEWAY: Final = "10.97.0.1"
_TICK_S: Final = 0.005
_PATIENCE_S: Final = 20.0
_ECHO_REQUEST: Final = struct.pack("!BBHHH", 8, 0, 0xF7FF, 0, 0)


@dataclass(frozen=True)
class Pod:
    """What is inside of a pod: who sends from its first moment, and who would hear it all."""

    host: hosts.Host
    sender: socket.socket
    forbidden: socket.socket  # at a port that the firewall allows nobody
    allowed: socket.socket
    sent: Counter[str] = field(default_factory=Counter)  # what it tried to, by what came of it

    def heard(self) -> int:
        """Packets that came although nobody allows them."""
        return len(_drained(self.forbidden))

    def held(self) -> int:
        """Packets that came while they were held."""
        lines = self._read("xfrm_stat").splitlines()
        return int(dict(line.split() for line in lines)["XfrmInPolBlock"])

    def pinged(self) -> int:
        """Echo requests that came, and replies that the kernel made."""
        lines = [line.split() for line in self._read("snmp").splitlines()]
        names, counts = (line for line in lines if line[0] == "Icmp:")
        table = dict(zip(names, counts, strict=True))
        return int(table["InEchos"]) + int(table["OutEchoReps"])

    def _read(self, name: str) -> str:
        return self.host.inside(lambda: Path("/proc/thread-self/net", name).read_text())


class Prober:
    """Sends to every address and out of every pod that is there, and hears what gets through."""

    def __init__(self, node: hosts.Host) -> None:
        self._node = node
        self._stack = ExitStack()
        open_socket = self._stack.enter_context
        self._sender = open_socket(node.socket(socket.SOCK_DGRAM))
        self._icmp = open_socket(
            node.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
        )
        self._forbidden = open_socket(_bound(node, FORBIDDEN))
        self._pods: dict[str, Pod] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._probe)

    def heard(self) -> int:
        """Packets that came out of pods although nobody allows them."""
        return len(_drained(self._forbidden)) + sum(
            # Of addresses without a pod our own kernel tells us that they are unreachable.
            packet[12:16] != socket.inet_aton(GATEWAY)
            for packet in _drained(self._icmp)
        )

    @contextmanager
    def probing(self, addresses: list[str]) -> Iterator[None]:
        self._addresses = addresses
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()
            self._stack.close()

    @contextmanager
    def pod(self, host: hosts.Host) -> Iterator[Pod]:
        """Send from inside of a pod too, which need not have an interface yet."""
        with (
            host.socket(socket.SOCK_DGRAM) as sender,
            _bound(host, FORBIDDEN) as forbidden,
            _bound(host, ALLOWED) as allowed,
        ):
            sender.setblocking(False)
            made = Pod(host, sender, forbidden, allowed)
            self._pods[host.name] = made
            try:
                yield made
            finally:
                del self._pods[host.name]

    def ask(self, pod: Pod, address: str) -> bool:
        """One packet to a pod and one back, no second try: whether both came."""
        with self._node.socket(socket.SOCK_DGRAM) as asking, suppress(TimeoutError):
            asking.settimeout(_PATIENCE_S)
            pod.allowed.settimeout(_PATIENCE_S)
            asking.connect((address, ALLOWED))
            asking.send(b"question")
            found, sender = pod.allowed.recvfrom(100)
            pod.allowed.sendto(b"answer", sender)
            return (found, asking.recv(100)) == (b"question", b"answer")
        return False

    def _probe(self) -> None:
        self._sender.setblocking(False)
        self._icmp.setblocking(False)
        while not self._stop.wait(_TICK_S):
            for address in self._addresses:
                with suppress(OSError):  # no route before the first pod makes the bridge
                    self._sender.sendto(b"outside", (address, FORBIDDEN))
                    self._icmp.sendto(_ECHO_REQUEST, (address, 0))
            for pod in list(self._pods.values()):
                try:
                    pod.sender.sendto(b"inside", (GATEWAY, FORBIDDEN))
                    pod.sent["sent"] += 1
                except OSError as e:
                    pod.sent[errno.errorcode[e.errno or errno.EIO]] += 1


def _bound(host: hosts.Host, port: int) -> socket.socket:
    made = host.socket(socket.SOCK_DGRAM)
    made.bind(("", port))
    return made


def _drained(given: socket.socket) -> list[bytes]:
    given.setblocking(False)
    found = []
    with suppress(BlockingIOError):
        while True:
            found.append(given.recv(2000))
    return found
