"""The rate limiter as its parameters make it, at times that a test decides."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from tests.dataplane.program.function import Function

A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
ETHER = Ether(src=A, dst=B)
HOSTS = IP(src="10.0.0.1", dst="10.0.0.2")
HOSTS6 = IPv6(src="2001:db8::1", dst="2001:db8::2")


def limiter(*classes: dict[str, Any]) -> Function:
    return Function("rate-limiter", classes=list(classes))


@functools.cache
def udp(size: int, port: int = 5000) -> bytes:
    """A frame of this many bytes."""
    return bytes(ETHER / HOSTS / UDP(sport=9, dport=port) / bytes(size - 42))


@functools.cache
def udp6(size: int, port: int = 5000) -> bytes:
    return bytes(ETHER / HOSTS6 / UDP(sport=9, dport=port) / bytes(size - 62))


def colours(function: Function, name: str) -> list[int]:
    """Packets of a class that were green, yellow and red."""
    return [
        function.counted("outcomes", "counts", f"{name}: {colour}")[0]
        for colour in ("green", "yellow", "red")
    ]


@pytest.mark.dpdk_alone  # elsewhere time goes by itself
def test_a_class_gets_its_rate_and_its_burst() -> None:
    function = limiter({"name": "all", "rate": "8kbit/s", "burst": "3000B"})  # 1000 bytes a second
    assert [function.passes(udp(1000)) for _ in range(5)] == [True, True, True, False, False]
    function.at(1.5)
    assert not function.passes(udp(1000))
    function.at(2)
    assert [function.passes(udp(1000)) for _ in range(2)] == [True, False]
    passed = 0
    for millisecond in range(10_000):
        function.at(2 + millisecond / 1000)
        passed += function.passes(udp(250))
    assert passed in (39, 40)  # 10 seconds of 1000 bytes


@pytest.mark.dpdk_alone
def test_packets_are_counted_where_the_rate_is_of_packets() -> None:
    function = limiter({"name": "all", "rate": "10 packets/s", "burst": "2 packets"})
    assert [function.passes(udp(size)) for size in (60, 1500, 60)] == [True, True, False]
    function.at(1.1)
    assert [function.passes(udp(1500)) for _ in range(2)] == [True, False]
    assert colours(function, "all") == [3, 0, 2]


def test_between_rate_and_peak_packets_are_marked_and_above_dropped() -> None:
    function = limiter(
        {"name": "all", "rate": "8kbit/s", "burst": "100B", "peak": "16kbit/s", "peakBurst": "300B"}
    )
    out = [function.program.send(udp(100)) for _ in range(4)]
    assert [Ether(one.data)[IP].tos >> 2 for one in out[:3]] == [0, 12, 12]
    assert out[3].dropped
    assert colours(function, "all") == [1, 2, 1]
    assert function.counted("outcomes", "counts", "all: yellow") == (2, 200)


@pytest.mark.parametrize("colour", ["conform", "exceed", "violate"])
def test_each_colour_passes_is_marked_or_dropped_as_told(colour: str) -> None:
    number = ("conform", "exceed", "violate").index(colour)
    for outcome in ("pass", "drop", {"mark": "cs1"}):
        function = limiter(
            {"name": "all", "rate": "8bit/s", "burst": "60B", "peak": "8bit/s", "peakBurst": "120B",
             "conform": "pass", "exceed": "pass", "violate": "pass", colour: outcome}
        )  # fmt: skip
        out = [function.program.send(udp(60)) for _ in range(3)]
        assert [one.dropped for one in out] == [n == number and outcome == "drop" for n in range(3)]
        marks = [Ether(one.data)[IP].tos >> 2 for one in out if not one.dropped]
        assert sum(marks) == (8 if isinstance(outcome, dict) else 0)
        assert not isinstance(outcome, dict) or marks[number] == 8


@pytest.mark.parametrize("tag", [False, True])
def test_a_mark_is_all_that_changes_and_the_checksum_is_right(tag: bool) -> None:
    function = limiter(
        {"name": "all", "rate": "8bit/s", "burst": "1B", "violate": {"mark": "af13"}}
    )
    ether = ETHER / Dot1Q(vlan=7) if tag else ETHER
    for tos in range(256):
        packet = ether / IP(src="10.0.0.1", dst="10.0.0.2", tos=tos, id=tos * 251) / TCP()
        wanted = packet.copy()
        wanted[IP].tos = 14 << 2 | tos & 3
        assert function.program.send(bytes(packet)).data == bytes(wanted)
        packet = ether / IPv6(src="2001:db8::1", dst="2001:db8::2", tc=tos, fl=0xABCDE) / UDP()
        wanted = packet.copy()
        wanted[IPv6].tc = 14 << 2 | tos & 3
        assert function.program.send(bytes(packet)).data == bytes(wanted)


def test_all_matches_of_a_class_share_its_rate() -> None:
    function = limiter(
        {"name": "all", "rate": "8bit/s", "burst": "200B",
         "match": [{"protocol": "udp", "from": "outside"}, {"protocol": "udp", "from": "inside"}]}
    )  # fmt: skip
    assert function.passes(udp(100))
    assert function.passes(udp6(100), 2)
    assert not function.passes(udp(100), 2)
    assert not function.passes(udp6(100))


def test_classes_do_not_take_from_each_other() -> None:
    function = limiter(
        {"name": "one", "rate": "8bit/s", "burst": "100B",
         "match": [{"protocol": "udp", "destinationPort": "100-199"}]},
        {"name": "two", "rate": "8bit/s", "burst": "100B",
         "match": [{"protocol": "udp", "destinationPort": "200-299"}]},
        {"name": "rest", "rate": "8bit/s", "burst": "100B", "match": [{"protocol": "udp"}]},
    )  # fmt: skip
    for port in (100, 299, 300):
        assert [function.passes(udp(100, port)) for _ in range(2)] == [True, False]
    assert [colours(function, name) for name in ("one", "two", "rest")] == [[1, 0, 1]] * 3


def test_what_is_in_no_class_is_not_limited() -> None:
    function = limiter(
        {"name": "dns", "rate": "8bit/s", "burst": "1B", "match": [{"protocol": 17}]}
    )
    frame = bytes(ETHER / HOSTS / TCP())
    assert all(function.passes(frame) for _ in range(10))
    assert not function.passes(udp(60))


def test_neighbours_find_each_other_whatever_the_limit() -> None:
    function = limiter({"name": "all", "rate": "8bit/s", "burst": "1B"})
    assert not function.passes(udp(60))
    assert not function.passes(udp6(80))
    for frame in (
        Ether(src=A, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=A, psrc="10.0.0.1", pdst="10.0.0.2"),
        ETHER / IPv6(src="fe80::1", dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt="fe80::2"),
    ):
        assert all(function.passes(bytes(frame)) for _ in range(10))
    routed = ETHER / IPv6(src="fe80::1", dst="ff02::1", hlim=254) / ICMPv6ND_NS(tgt="fe80::2")
    assert not function.passes(bytes(routed))
