"""Parameters of a pod's function edited under traffic: no packet of a running flow sees it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest

from p4kube_core.cli.demo import traffic
from p4kube_core.switch.values import TableEntry, Ternary
from tests.e2e import iperf
from tests.e2e.pods import Node, Pod, eventually
from tests.e2e.test_attachments import ECHO, PING, WEB, attach, firewall

pytestmark = [pytest.mark.needs_root]

ECHO_PORT: Final = 5353
WEB_PORT: Final = 8080
FORBIDDEN: Final = 6000  # UDP, of which no rule ever speaks
RATE: Final = "200M"  # bit/s; more would be lost where the machine is slow
PATIENCE_S: Final = 15.0

MANY: Final = "{name: many, action: allow, protocol: tcp, destinationPort: 7000-7005}"
# Ahead of what allows this port, whose place in the list matters not.
SHUT: Final = (
    "{name: shut, action: deny, from: outside, protocol: tcp, destinationPort: 8080, "
    "priority: 2000000}"
)
FIRST: Final = (ECHO, iperf.RULE, WEB)


@dataclass(frozen=True)
class Edit:
    """Rules, and the entries for IPv4 that a device has to have with them, highest first."""

    rules: tuple[str, ...]
    entries: tuple[str, ...]
    web: bool = True  # whether the pod's web server can be reached

    def text(self) -> str:
        return firewall(*self.rules) + attach("wall")


ADDED: Final = (
    "1000000 echo: from 1, udp, to 5353: allow",
    "1000000 echo: from 2, udp, of 5353: allow",
    "999990 bulk: from 1, tcp, to 5201: allow",
    "999990 bulk: from 2, tcp, of 5201: allow",
    "999980 web: from 1, tcp, to 8080: allow",
    "999980 web: from 2, tcp, of 8080: allow",
    "999970 ping: icmp: allow",
    "999960 many: tcp, to 7000 & fffc: allow",
    "999960 many: tcp, to 7004 & fffe: allow",
)
DENIED: Final = "2000000 shut: from 1, tcp, to 8080: deny"
EDITS: Final = {
    "rules are added": Edit((*FIRST, PING, MANY), ADDED),
    "a port is denied": Edit((*FIRST, PING, MANY, SHUT), (DENIED, *ADDED), web=False),
    "every rule gets another priority": Edit(
        (MANY, WEB, PING, iperf.RULE, ECHO, SHUT),
        (
            DENIED,
            "1000000 many: tcp, to 7000 & fffc: allow",
            "1000000 many: tcp, to 7004 & fffe: allow",
            "999990 web: from 1, tcp, to 8080: allow",
            "999990 web: from 2, tcp, of 8080: allow",
            "999980 ping: icmp: allow",
            "999970 bulk: from 1, tcp, to 5201: allow",
            "999970 bulk: from 2, tcp, of 5201: allow",
            "999960 echo: from 1, udp, to 5353: allow",
            "999960 echo: from 2, udp, of 5353: allow",
        ),
        web=False,
    ),
    "rules are taken away": Edit(
        (iperf.RULE, ECHO, WEB),
        (
            "1000000 bulk: from 1, tcp, to 5201: allow",
            "1000000 bulk: from 2, tcp, of 5201: allow",
            "999990 echo: from 1, udp, to 5353: allow",
            "999990 echo: from 2, udp, of 5353: allow",
            "999980 web: from 1, tcp, to 8080: allow",
            "999980 web: from 2, tcp, of 8080: allow",
        ),
    ),
}


def shown(entry: TableEntry) -> str:
    """As EDITS has it."""
    found = []
    for name, word in (
        ("ingress_port", "from "), ("src", "by "), ("dst", "at "), ("protocol", ""),
        ("src_port", "of "), ("dst_port", "to "),
    ):  # fmt: skip
        if (key := entry.matches.get(name)) is None:
            continue
        assert isinstance(key, Ternary)
        value = {1: "icmp", 6: "tcp", 17: "udp"}[key.value] if not word else str(key.value)
        partly = f" & {key.mask:x}" if name.endswith("t") and key.mask in (0xFFFC, 0xFFFE) else ""
        found.append(f"{word}{value}{partly}")
    action = str(entry.action).removeprefix("ingress.")
    return f"{entry.priority} {entry.metadata.decode()}: {', '.join(found)}: {action}"


def entries(node: Node) -> list[str]:
    with node.session("wall") as session:
        return sorted(map(shown, session.read_table("ingress.acl4")))


def dropped(node: Node) -> int:
    """Packets that the firewall has dropped, for any reason."""
    with node.session("wall") as session:
        return sum(one.data.packets for one in session.read_counter("ingress.drops") if one.data)


def test_edits_drop_no_packet_of_a_running_flow_and_let_no_forbidden_one_through(
    node: Node, pod: Pod, record_property: Callable[[str, object], None]
) -> None:
    """Beside iperf3 there is a datagram a millisecond that is answered, and one that must not be.

    How long something takes says nothing on a busy machine, so it is packets that are counted. A
    wire that is down for a moment costs datagrams that were to be answered. Of iperf3's packets
    none may be dropped: the firewall has dropped only what the test knows of. A firewall that is
    away for a moment lets datagrams through that must not be, and has dropped too few.
    """
    node.play(firewall(*FIRST) + attach("wall"), "--target", "ebpf")
    assert node.cni("ADD", pod) is None

    def web() -> traffic.Outcome:
        return traffic.tcp(node.host, pod.address, WEB_PORT, 1000)

    with ExitStack() as stack:
        for port in (ECHO_PORT, FORBIDDEN):
            stack.enter_context(traffic.udp_echo(pod.host, pod.address, port))
        stack.enter_context(traffic.tcp_server(pod.host, pod.address, WEB_PORT))
        server = stack.enter_context(iperf.server(pod.host))
        # They know each other's addresses then: no datagram waits, and is lost, for that.
        assert eventually(lambda: web().passed)
        assert dropped(node) == 0
        stack.enter_context(iperf.stream(node.host, pod.address, "-b", RATE))
        assert server.hears_more()
        forbidden = traffic.Stream(node.host, pod.address, FORBIDDEN)
        stack.callback(forbidden.stop)
        allowed = traffic.Stream(node.host, pod.address, ECHO_PORT)
        stack.callback(allowed.stop)
        shut = 0
        for name, edit in EDITS.items():
            shut = max(shut, node.counted("wall", "ingress.acl4")["shut"])
            said = node.play(edit.text(), "--target", "ebpf")
            assert said.startswith("wall: "), said
            assert "unchanged" not in said.splitlines()[0], name
            assert entries(node) == sorted(edit.entries), name
            if edit.web:
                assert eventually(lambda: web().passed), name
            else:
                assert web().said.startswith("no connection"), name
            assert server.hears_more(), name
        lost = allowed.stop(PATIENCE_S)
        unanswered = forbidden.stop()
        silent = sum(size == 0 for size in server.intervals)
        record_property("silent intervals", (silent, len(server.intervals)))
        assert (lost, forbidden.sent - unanswered) == (0, 0)
        assert shut > 0
        known = forbidden.sent + shut
        assert eventually(lambda: dropped(node) >= known)
        assert dropped(node) == known
