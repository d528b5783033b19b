"""The rate limiter between two hosts: what TCP gets, and the marks that arrive."""

from __future__ import annotations

import json
import socket
from typing import Final

import pytest

from p4kube_core.cli.demo import traffic
from tests.e2e import iperf
from tests.e2e.playing import INSIDE, Site, eventually

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]

TARGETS: Final = ("dpdk", "ebpf")
RATE: Final = 20e6  # bit/s
INSIDE6: Final = "fd00:98::2"
AF12, AF13 = 12, 14
LIMITER: Final = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {{name: e2e}}
spec:
  program: rate-limiter
  parameters:
    classes: [{classes}]
  ports:
    - {{port: 1, interface: outside}}
    - {{port: 2, interface: inside}}
"""


def play(site: Site, target: str, *classes: str) -> str:
    site.manifest.write_text(LIMITER.format(classes=", ".join(classes)))
    done = site.p4kube("play", "--target", target, site.manifest)
    assert done.returncode == 0, done.stderr
    return done.stdout


def counts(site: Site) -> dict[str, int]:
    """Packets by class and colour."""
    (device,) = json.loads(site.p4kube("status", "--json").stdout)["devices"]
    rules = [rule for rule in device["rules"] if rule["table"] == "ingress.outcomes"]
    return {rule["rule"]: rule["packets"] for rule in rules}


def tcp_rate(site: Site) -> float:
    """Bit/s that arrive of TCP that sends as fast as it may."""
    done = site.outside.run("iperf3", "-c", INSIDE, "-t", "4", "-J")
    rate: float = json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]
    return rate


@pytest.mark.parametrize("target", TARGETS)
def test_tcp_gets_about_its_rate_and_all_there_is_without_one(site: Site, target: str) -> None:
    play(site, target)
    with iperf.server(site.inside):
        unlimited = tcp_rate(site)
        play(site, target, "{name: tcp, rate: 20Mbit/s, match: [{protocol: tcp}]}")
        limited = tcp_rate(site)
        found = counts(site)
    assert RATE / 4 < limited < RATE * 3 / 2
    assert unlimited > limited * 4
    assert found["tcp: red"] > 0
    assert found["tcp: green"] > found["tcp: red"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("address", [INSIDE, INSIDE6])
def test_the_mark_of_what_exceeds_its_rate_arrives(site: Site, target: str, address: str) -> None:
    if address == INSIDE6:
        for host, number in ((site.outside, 1), (site.inside, 2)):
            host.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0")
            host.run("ip", "address", "add", f"fd00:98::{number}/64", "dev", "eth0", "nodad")
    slow = "rate: 8bit/s, burst: 1B, match: [{protocol: udp, destinationPort: 5000-5009}]"
    play(
        site, target,
        f"{{name: yellow, {slow.replace('5009', '5004')}, peak: 1Gbit/s, exceed: {{mark: af12}}}}",
        f"{{name: red, {slow}, violate: {{mark: af13}}}}",
    )  # fmt: skip
    for port, marked in ((5000, AF12), (5004, AF12), (5005, AF13), (5009, AF13), (5010, 0)):
        for congestion in (0, 1, 2, 3):
            assert arrives(site, address, port, congestion) == marked << 2 | congestion


def arrives(site: Site, address: str, port: int, congestion: int) -> int | None:
    """The traffic class with which a datagram arrives; the kernel checks IPv4's checksum."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    level, ask, tell = (
        (socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, socket.IPV6_TCLASS)
        if family == socket.AF_INET6
        else (socket.IPPROTO_IP, socket.IP_RECVTOS, socket.IP_TOS)
    )
    receiver = site.inside.inside(lambda: socket.socket(family, socket.SOCK_DGRAM))
    sender = site.outside.inside(lambda: socket.socket(family, socket.SOCK_DGRAM))
    with receiver, sender:
        receiver.setsockopt(level, ask, 1)
        receiver.bind((address, port))
        receiver.settimeout(10)
        sender.setsockopt(level, tell, congestion)
        sender.sendto(b"hello", (address, port))
        try:
            _, said, _, _ = receiver.recvmsg(64, 256)
        except TimeoutError:
            return None
    return next(int.from_bytes(data[:4], "little") for _, kind, data in said if kind == tell)


@pytest.mark.parametrize("target", TARGETS)
def test_a_new_rate_is_one_change_and_no_other_class_gets_full_buckets(
    site: Site, target: str
) -> None:
    drained = "{name: drained, rate: 1 packets/s, burst: 3600 packets, match: [{protocol: udp}]}"
    ping = "{{name: ping, rate: {} packets/s, match: [{{protocol: icmp}}]}}"
    play(site, target, drained, ping.format(100))
    send(site, 5000)
    assert eventually(lambda: counts(site)["drained: red"] > 0)
    before = counts(site)["drained: green"]
    assert play(site, target, drained, ping.format(50)) == "e2e: 1 changed\n"
    # Another order: every match gets another priority, no class another limit.
    assert play(site, target, ping.format(50), drained) == "e2e: 3 added, 3 removed\n"
    assert traffic.ping(site.outside, INSIDE, 3).passed
    send(site, 500)
    assert eventually(lambda: counts(site)["drained: red"] > 1000)
    assert counts(site)["drained: green"] < before + 400
    assert counts(site)["ping: green"] >= 6
    assert "measure_packets: 50 packets/s, burst 100 packets" in site.p4kube("status").stdout


def send(site: Site, datagrams: int) -> None:
    with site.outside.socket(socket.SOCK_DGRAM) as client:
        for _ in range(datagrams):
            client.sendto(b"x", (INSIDE, 9))
