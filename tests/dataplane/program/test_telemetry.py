"""Telemetry as its parameters make it, at times that a test decides."""

from __future__ import annotations

import functools
import random
from collections import Counter
from ipaddress import IPv6Address
from math import e
from typing import Any, Final

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether

from tests.dataplane.program.function import Function

A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
ETHER = Ether(src=A, dst=B)
NEW, HEAVY = "new_flow_t", "heavy_flow_t"
ROW_CELLS: Final = 4096  # as in telemetry.p4
ROWS: Final = 4
LONG: Final = "24h"


def telemetry(**parameters: Any) -> Function:
    """Of one long epoch, unless told otherwise."""
    return Function("telemetry", **{"epoch": LONG, **parameters})


@functools.cache
def udp(source: str = "10.0.0.1", sport: int = 9, dport: int = 53, size: int = 60) -> bytes:
    ip = IP(src=source, dst="10.0.0.2")
    return bytes(ETHER / ip / UDP(sport=sport, dport=dport) / bytes(size - 42))


def flow(source: int, sport: int) -> bytes:
    """As udp, made quickly: nobody looks at the checksums."""
    frame = udp()
    return (
        frame[:26]
        + source.to_bytes(4, "big")
        + frame[30:34]
        + sport.to_bytes(2, "big")
        + frame[36:]
    )


def reported(function: Function, which: str) -> list[dict[str, int]]:
    """What was sent since the last call, of one digest."""
    return [values for name, values in function.program.digests() if name == which]


def test_a_flow_is_reported_when_it_is_new_and_not_again_in_its_epoch() -> None:
    function = telemetry(heavyFlows="none")
    for _ in range(3):
        assert function.passes(udp(sport=1000))
    assert reported(function, NEW) == [
        {
            "src": int(IPv6Address("::ffff:10.0.0.1")), "dst": int(IPv6Address("::ffff:10.0.0.2")),
            "protocol": 17, "src_port": 1000, "dst_port": 53, "ingress_port": 1,
        }
    ]  # fmt: skip
    assert function.passes(udp(sport=1001))
    assert [one["src_port"] for one in reported(function, NEW)] == [1001]


def test_each_part_of_the_five_tuple_makes_another_flow() -> None:
    function = telemetry(heavyFlows="none")
    frames = [
        ETHER / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2),
        ETHER / IP(src="10.0.0.3", dst="10.0.0.2") / UDP(sport=1, dport=2),
        ETHER / IP(src="10.0.0.1", dst="10.0.0.4") / UDP(sport=1, dport=2),
        ETHER / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=3, dport=2),
        ETHER / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=4),
        ETHER / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=1, dport=2),
        ETHER / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(),
        ETHER / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=1, dport=2),
        ETHER / IPv6(src="2001:db8::3", dst="2001:db8::2") / UDP(sport=1, dport=2),
    ]
    for frame in frames * 2:
        assert function.passes(bytes(frame))
    found = reported(function, NEW)
    assert len(found) == len(frames)
    assert found[-1]["src"] == int(IPv6Address("2001:db8::3"))


@pytest.mark.dpdk_alone  # elsewhere time goes by itself
def test_in_the_next_epoch_a_flow_is_new_again() -> None:
    function = telemetry(epoch="10s", heavyFlows="none")
    seen = []
    for second in range(0, 60, 2):
        function.at(second + 1)
        function.passes(udp())
        seen.append(len(reported(function, NEW)))
    assert seen == [1, 0, 0, 0, 0] * 6


def test_a_flow_is_heavy_when_it_has_come_to_the_threshold_and_only_once() -> None:
    function = telemetry(heavyFlows="1000B", newFlows=False)
    assert heavy(function, 30) == [[]] * 9 + [[1000]] + [[]] * 20


@pytest.mark.dpdk_alone
def test_in_the_next_epoch_its_sum_begins_anew() -> None:
    function = telemetry(heavyFlows="1000B", newFlows=False, epoch="10s")
    assert heavy(function, 6) == [[]] * 6
    function.at(11)
    assert heavy(function, 12) == [[]] * 9 + [[1000]] + [[]] * 2
    function.at(21)
    assert heavy(function, 12) == [[]] * 9 + [[1000]] + [[]] * 2


def heavy(function: Function, packets: int) -> list[list[int]]:
    """The estimates that are reported after each of some packets of 100 bytes."""
    found = []
    for _ in range(packets):
        function.passes(udp(size=100))
        found.append([one["estimate"] for one in reported(function, HEAVY)])
    return found


def test_a_threshold_of_packets_counts_packets_of_any_size() -> None:
    function = telemetry(heavyFlows="3 packets", newFlows=False)
    for size in (60, 1500, 60, 60):
        function.passes(udp(size=size))
    assert [one["estimate"] for one in reported(function, HEAVY)] == [3]


def test_light_flows_beside_a_heavy_one_are_not_reported() -> None:
    function = telemetry(heavyFlows="100 packets", newFlows=False)
    for n in range(150):
        function.passes(udp(sport=7))
        function.passes(udp(sport=1000 + n))
    assert [one["src_port"] for one in reported(function, HEAVY)] == [7]


def test_only_what_is_watched_is_reported() -> None:
    function = telemetry(
        flows=[
            {"name": "dns", "protocol": "udp", "destinationPort": 53},
            {"name": "quiet", "protocol": "udp", "destinationPort": 123, "watch": False},
        ],
        watchOthers=False,
    )
    for dport in (53, 123, 5353):
        function.passes(udp(dport=dport))
    assert [one["dst_port"] for one in reported(function, NEW)] == [53]
    assert function.counted("flows4", "counts4", "dns") == (1, 60)
    assert function.counted("flows4", "counts4", "quiet") == (1, 60)


def test_what_is_not_ip_and_what_is_malformed_is_no_flow() -> None:
    function = telemetry(heavyFlows="1 packets")
    assert function.passes(bytes(Ether(src=A, dst=B) / ARP()))
    for length in (1, 14, 33, 41):
        assert function.passes(udp()[:length], port=2)
    assert function.program.digests() == []


def test_every_flow_of_ten_thousand_is_reported_but_for_one_in_a_hundred() -> None:
    function = telemetry(heavyFlows="none")
    found = 0
    for n in range(10_000):
        function.passes(flow(0x0A010000 + n, 1024 + n % 7))
        found += len(reported(function, NEW))
    assert 9_900 <= found <= 10_000


def test_an_estimate_is_never_too_low_and_seldom_higher_than_the_bound() -> None:
    """Of flows as they come: addresses and ports in sequence, few large and many small."""
    function = telemetry(heavyFlows="1000000 packets", newFlows=False)
    frames = [flow(0x0A000000 + n // 32, 32768 + n) for n in range(8000)]
    sent = Counter({n: 1 + 40_000 // (n + 40) for n in range(8000)})
    packets = list(sent.elements())
    random.Random(4).shuffle(packets)
    for n in packets:
        function.passes(frames[n])
    # Ask for some of them: any flow is heavy now, and says its estimate.
    function.tell(heavyFlows="1 packets", newFlows=False, epoch=LONG)
    asked = random.Random(5).sample(range(8000), 400)
    excess = []
    for n in asked:
        function.passes(frames[n])
        excess += [one["estimate"] - sent[n] - 1 for one in reported(function, HEAVY)]
    assert len(excess) > 390
    assert min(excess) >= 0
    bound = e / ROW_CELLS * (len(packets) + len(asked))
    assert sum(one > bound for one in excess) <= e**-ROWS * len(excess)
