"""A rate-limiter and telemetry in one chain on a pod's wire: what one leaves, the other sees."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, final

import pytest

from p4kube_core.cli.demo import hosts, traffic
from tests.e2e.digests import told
from tests.e2e.pods import GATEWAY, Node, Pod, eventually
from tests.e2e.test_attachments import attach

pytestmark = [pytest.mark.needs_root]

SLOW, PACED, FREE, MARKED, BLOCKED = 7000, 7001, 7002, 7003, 7004  # UDP
BURST: Final = 20  # of SLOW and MARKED, which get 1 packet/s behind it
MANY: Final = 500
PACE_S: Final = 0.002  # PACED may have twice as many in that time
_SO_RCVBUFFORCE: Final = 33  # of Linux; the socket module does not name it

CHAIN: Final = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {name: limit}
spec:
  program: rate-limiter
  parameters:
    classes:
      - {name: slow, rate: 1 packets/s, burst: 20 packets,
         match: [{protocol: udp, destinationPort: 7000}]}
      - {name: paced, rate: 1000 packets/s, match: [{protocol: udp, destinationPort: 7001}]}
      - {name: marked, rate: 1 packets/s, burst: 20 packets, violate: {mark: af13},
         match: [{protocol: udp, destinationPort: 7003}]}
      - {name: blocked, rate: 1 packets/s, conform: drop,
         match: [{protocol: udp, destinationPort: 7004}]}
---
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {name: watch}
spec:
  program: telemetry
  parameters:
    epoch: 24h
    flows:
      - {name: slow, protocol: udp, destinationPort: 7000}
      - {name: paced, protocol: udp, destinationPort: 7001}
      - {name: free, protocol: udp, destinationPort: 7002}
      - {name: marked, protocol: udp, destinationPort: 7003, dscp: af13}
      - {name: unmarked, protocol: udp, destinationPort: 7003}
---
"""


@pytest.fixture
def chained(node: Node, pod: Pod) -> Pod:
    """The pod, whose wire has the rate-limiter outside of telemetry."""
    node.play(CHAIN + attach("limit", "watch"), "--target", "ebpf")
    assert node.cni("ADD", pod) is None
    # They know each other's addresses then: no datagram waits, and is lost, for that.
    assert eventually(lambda: traffic.ping(node.host, pod.address, 1).passed)
    return pod


def send(source: hosts.Host, address: str, port: int, datagrams: int, pace_s: float = 0.0) -> int:
    """Send datagrams, the next one after at least this time.

    Returns:
        The port that they came from.
    """
    with source.socket(socket.SOCK_DGRAM) as sender:
        sender.connect((address, port))
        for _ in range(datagrams):
            sender.send(b"x")
            time.sleep(pace_s)
        return int(sender.getsockname()[1])


@final
class Receiver:
    """Counts the datagrams that come to a port."""

    def __init__(self, given: socket.socket) -> None:
        self._socket = given
        self._count = 0

    def has(self, count: int) -> bool:
        """Wait until so many have come; more are too many."""
        return eventually(lambda: self._counted() >= count) and self._counted() == count

    def _counted(self) -> int:
        with suppress(BlockingIOError):
            while True:
                self._socket.recv(100)
                self._count += 1
        return self._count


@contextmanager
def receiving(host: hosts.Host, port: int) -> Iterator[Receiver]:
    with host.socket(socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)
        made.bind(("", port))
        made.setblocking(False)
        yield Receiver(made)


def limited(node: Node) -> Counter[str]:
    """Packets by class and colour."""
    return node.counted("limit", "ingress.outcomes")


def slow(node: Node) -> tuple[int, int]:
    """Packets of this class that passed, and that were dropped."""
    found = limited(node)
    return found["slow: green"], found["slow: red"]


def watched(node: Node) -> Counter[str]:
    """Packets by flow."""
    return node.counted("watch", "ingress.flows4")


def test_what_keeps_to_its_rate_passes_and_telemetry_counts_each(node: Node, chained: Pod) -> None:
    with receiving(chained.host, PACED) as paced, receiving(chained.host, FREE) as free:
        send(node.host, chained.address, PACED, MANY, PACE_S)
        send(node.host, chained.address, FREE, MANY)
        assert eventually(lambda: watched(node)["free"] == MANY)
        assert watched(node)["paced"] == MANY
        assert paced.has(MANY)
        assert free.has(MANY)
        found = limited(node)
        assert (found["paced: green"], found["paced: red"]) == (MANY, 0)


def test_what_exceeds_its_rate_is_dropped_and_telemetry_counts_what_passed(
    node: Node, chained: Pod
) -> None:
    with receiving(chained.host, SLOW) as receiver:
        started = time.monotonic()
        send(node.host, chained.address, SLOW, BURST)
        assert eventually(lambda: watched(node)["slow"] == BURST)
        assert receiver.has(BURST)
        send(node.host, chained.address, SLOW, MANY)
        most = BURST + time.monotonic() - started + 1
        assert eventually(lambda: sum(slow(node)) == BURST + MANY)
        passed, dropped = slow(node)
        assert dropped > 0
        assert BURST <= passed <= most
        assert watched(node)["slow"] == passed
        assert receiver.has(passed)
        # Another rate, while telemetry beside it goes on with what it has.
        text = CHAIN.replace("rate: 1 packets/s, burst: 20", "rate: 1000 packets/s, burst: 1000", 1)
        said = node.play(text + attach("limit", "watch"), "--target", "ebpf")
        assert said == "limit: 1 changed\nwatch: unchanged\nshop: unchanged\n"
        send(node.host, chained.address, SLOW, MANY)
        assert eventually(lambda: watched(node)["slow"] == passed + MANY)
        assert receiver.has(passed + MANY)
        assert slow(node) == (passed + MANY, dropped)


def test_what_is_marked_over_its_rate_passes_and_telemetry_sees_the_mark(
    node: Node, chained: Pod
) -> None:
    with receiving(chained.host, MARKED) as receiver:
        send(node.host, chained.address, MARKED, MANY)
        assert eventually(lambda: limited(node).total() == MANY)
        marked = limited(node)["marked: red"]
        assert 0 < marked <= MANY - BURST
        found = watched(node)
        assert (found["marked"], found["unmarked"]) == (marked, MANY - marked)
        assert receiver.has(MANY)


def test_what_a_pod_sends_is_counted_by_telemetry_before_the_limiter_drops_it(
    node: Node, chained: Pod
) -> None:
    with receiving(node.host, SLOW) as receiver:
        send(chained.host, GATEWAY, SLOW, MANY)
        assert eventually(lambda: sum(slow(node)) == MANY)
        passed, dropped = slow(node)
        assert dropped > 0
        assert passed >= BURST
        assert watched(node)["slow"] == MANY
        assert receiver.has(passed)


def test_a_client_is_told_of_a_flow_that_passes_and_not_of_one_that_the_limiter_drops(
    node: Node, chained: Pod
) -> None:
    with node.session("watch", read_only=False) as session:
        send(node.host, chained.address, BLOCKED, 1)
        source = send(node.host, chained.address, FREE, 1)
        flow = told(session, lambda _, flow: flow["dst_port"] in (BLOCKED, FREE))
    assert (flow["src_port"], flow["dst_port"], flow["ingress_port"]) == (source, FREE, 1)
    assert limited(node)["blocked: green"] == 1
