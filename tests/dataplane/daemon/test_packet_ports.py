"""Real packets between two hosts through `packet` ports, offloads on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dataplane.daemon import conftest, dataplane, hosts, waiting

Pair = tuple[hosts.Host, hosts.Host]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with hosts.pair() as made:
        yield made


@pytest.fixture
def wired(pair: Pair, dp: dataplane.Dataplane, program: conftest.Program) -> Pair:
    """The hosts joined by a program that forwards 1 to 2 and back."""
    dp.call("device_add", id=1, object=str(program("forward")), name="wire")
    for number, host in enumerate(pair, 1):
        dp.call("port_add", name=f"p{number}", kind="packet", interface=host.wire)
        dp.call("wire", device=1, port=number, name=f"p{number}")
    return pair


def exchange(pair: Pair, address: str, *arguments: str) -> None:
    """An echo on the second host, a client on the first; what comes back must be what was sent."""
    one, two = pair
    server = two.peer("echo", address)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        client = one.peer(arguments[0], address, *arguments[1:])
        try:
            out, _ = client.communicate(timeout=120)
        finally:
            client.kill()
        assert out == "same\n"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()  # type: ignore[union-attr]


def assert_no_drops(dp: dataplane.Dataplane) -> None:
    lost = {
        (name, reason): n
        for name, port in dp.ports().items()
        for reason, n in port["drops"].items()
        if n and reason != "no_device"  # a host may have spoken before its port was wired
    }
    assert lost == {}


def test_ping(wired: Pair, dp: dataplane.Dataplane) -> None:
    one, two = wired
    assert " 0% packet loss" in one.run("ping", "-c5", "-i0.05", "-W2", two.ipv4)
    assert " 0% packet loss" in one.run("ping", "-c3", "-i0.05", "-W2", "-s4000", two.ipv6)
    assert_no_drops(dp)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_bulk_tcp_arrives_byte_for_byte(wired: Pair, dp: dataplane.Dataplane, family: str) -> None:
    one, two = wired
    assert "tcp-segmentation-offload: on" in one.run("ethtool", "-k", "eth0")
    exchange(wired, getattr(two, family), "tcp", str(30_000_000))
    ports = dp.ports()
    assert {reason for reason, n in ports["p1"]["drops"].items() if n} <= {
        "no_device",
        "rx_full",
        "tx_full",
    }
    assert ports["p1"]["rx_bytes"] > 30_000_000
    assert ports["p1"]["rx_bytes"] / ports["p1"]["rx_packets"] <= 1514  # cut to ordinary packets


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("segment", ["0", "1000"])
def test_udp(wired: Pair, dp: dataplane.Dataplane, family: str, segment: str) -> None:
    exchange(wired, getattr(wired[1], family), "udp", segment)
    assert_no_drops(dp)


@pytest.mark.parametrize("tpid", ["8100", "88a8"])
def test_vlan_tags_are_seen_and_kept(
    pair: Pair, dp: dataplane.Dataplane, program: conftest.Program, tpid: str
) -> None:
    """The kernel takes the tag off before the socket sees the frame."""
    frame = "ffffffffffff" + "020000000001" + tpid + "6007" + "88b5" + "5a" * 60
    dp.call("device_add", id=1, object=str(program("forward")), name="wire")
    dp.call("port_add", name="p1", kind="packet", interface=pair[0].wire)
    dp.call("wire", device=1, port=1, name="p1")
    dp.rings(1, 2)
    assert pair[0].peer("raw", "eth0", frame).wait(30) == 0

    def arrived() -> list[str]:
        return [packet.hex() for packet in dp.collect("r2") if packet[:6] == b"\xff" * 6]

    assert waiting.until(arrived) == [frame]
    dp.inject("r2", bytes.fromhex(frame))
    assert dp.ports()["p1"]["tx_packets"] == 1


def test_nothing_is_lost_while_programs_and_ports_change(
    wired: Pair, dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    with hosts.pinged(wired[1], wired[0]) as lost:
        for _ in range(20):
            dp.call("device_replace", id=1, object=str(program("forward")))
            dp.call("port_add", name="more", kind="ring")
            dp.call("wire", device=1, port=9, name="more")
            dp.call("port_remove", name="more")
    assert not lost
    assert_no_drops(dp)


def test_jumbo_frames_need_room(pair: Pair, program: conftest.Program, tmp_path, variant) -> None:  # type: ignore[no-untyped-def]
    for host in pair:
        hosts.run("ip", "link", "set", host.wire, "mtu", "9000")
        host.run("ip", "link", "set", "eth0", "mtu", "9000")
    for frame, expected in (("2048", " 100% packet loss"), ("9018", " 0% packet loss")):
        options = ("--mbufs", "2048", "--frame", frame)
        dp = dataplane.Dataplane(tmp_path, *options, variant=variant)
        try:
            dp.call("device_add", id=1, object=str(program("forward")), name="wire")
            for number, host in enumerate(pair, 1):
                dp.call("port_add", name=f"p{number}", kind="packet", interface=host.wire)
                dp.call("wire", device=1, port=number, name=f"p{number}")
            ping = ("ping", "-c2", "-i0.05", "-W2", "-s8000", pair[1].ipv4)
            assert expected in pair[0].run(*ping, check=False)
            assert (dp.ports()["p1"]["drops"]["oversized"] > 0) == (frame == "2048")
        finally:
            assert dp.stop() == 0, dp.text()


def test_an_interface_that_goes_is_a_link_that_is_down(
    wired: Pair, dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    one, two = wired
    assert waiting.until(lambda: dp.ports()["p1"]["link"])
    hosts.run("ip", "link", "set", one.wire, "down")
    assert waiting.until(lambda: not dp.ports()["p1"]["link"])
    two.run("ping", "-c1", "-W1", one.ipv4, check=False)
    hosts.run("ip", "link", "set", one.wire, "up")
    assert waiting.until(lambda: dp.ports()["p1"]["link"])
    assert " 0% packet loss" in one.run("ping", "-c3", "-i0.05", "-W2", two.ipv4)
    hosts.run("ip", "link", "del", one.wire)
    assert waiting.until(lambda: not dp.ports()["p1"]["link"])
    two.run("ping", "-c1", "-W1", one.ipv4, check=False)
    assert waiting.until(lambda: dp.ports()["p1"]["drops"]["no_link"])
    dp.call("port_remove", name="p1")
    assert set(dp.ports()) == {"p2"}


def test_interfaces_that_cannot_be_taken(pair: Pair, dp: dataplane.Dataplane) -> None:
    def refused(code: str, words: str, interface: object) -> None:
        with pytest.raises(dataplane.RefusedError, match=words) as raised:
            dp.call("port_add", name="p", kind="packet", interface=interface)
        assert raised.value.code == code
        assert dp.ports().keys() <= {"first"}

    wire = pair[0].wire
    refused("not_found", "there is none", "nosuch0")
    refused("invalid", "cannot be the name", "a/b")
    refused("invalid", "1 to 15 bytes", "x" * 16)
    refused("invalid", "want a string", 5)
    refused("unsupported", "want Ethernet", "lo")
    hosts.run("ip", "link", "set", wire, "down")
    refused("invalid", "is down", wire)
    hosts.run("ip", "link", "set", wire, "up")
    dp.call("port_add", name="first", kind="packet", interface=wire)
    refused("busy", "in use by port 'first'", wire)


@pytest.fixture
def aside(pair: Pair) -> Iterator[str]:
    """The path of a namespace that has the hosts' wires and nothing else."""
    name = pair[0].namespace[:-1] + "aside"
    hosts.run("ip", "netns", "add", name)
    try:
        for host in pair:
            hosts.run("ip", "link", "set", host.wire, "netns", name)
            hosts.run("ip", "-n", name, "link", "set", host.wire, "addrgenmode", "none", "up")
        yield f"/run/netns/{name}"
    finally:
        hosts.run("ip", "netns", "del", name)


def test_interfaces_of_another_namespace(
    pair: Pair, aside: str, dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    two = pair[1]
    dp.call("device_add", id=1, object=str(program("forward")), name="wire")
    for number, host in enumerate(pair, 1):
        dp.call("port_add", name=f"p{number}", kind="packet", interface=host.wire, netns=aside)
        dp.call("wire", device=1, port=number, name=f"p{number}")
        assert dp.ports()[f"p{number}"]["link"]
    exchange(pair, two.ipv4, "tcp", "3000000")
    hosts.run("ip", "-n", aside.rpartition("/")[2], "link", "set", two.wire, "down")
    assert waiting.until(lambda: not dp.ports()["p2"]["link"])


@pytest.fixture
def own_address(pair: Pair) -> Iterator[str]:
    """An address of this machine, which its stack defends on every interface that it hears."""
    name, address = pair[0].wire.replace("w1-", "own"), "10.78.0.1"
    hosts.run("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p")
    try:
        for end in (name, f"{name}p"):
            hosts.run("ip", "link", "set", end, "addrgenmode", "none", "up")
        hosts.run("ip", "address", "add", f"{address}/32", "dev", name)
        yield address
    finally:
        hosts.run("ip", "link", "del", name)


def asked_for(host: hosts.Host, address: str) -> bool:
    """Whether anybody answers the host's ARP."""
    host.run("ip", "route", "replace", f"{address}/32", "dev", "eth0")
    host.run("ping", "-c2", "-i0.2", "-W1", address, check=False)
    return "lladdr" in host.run("ip", "neigh", "show", address)


def test_the_machine_answers_beside_a_program_for_its_own_addresses(
    wired: Pair, own_address: str
) -> None:
    """Why a splice has its interfaces in a namespace of their own."""
    assert asked_for(wired[0], own_address)


def test_in_a_namespace_without_addresses_nobody_answers_beside_the_program(
    pair: Pair, own_address: str, aside: str, dp: dataplane.Dataplane
) -> None:
    dp.call("port_add", name="p", kind="packet", interface=pair[0].wire, netns=aside)
    assert not asked_for(pair[0], own_address)
    assert dp.ports()["p"]["rx_packets"] > 0


def test_namespaces_that_are_none(pair: Pair, aside: str, dp: dataplane.Dataplane) -> None:
    def refused(code: str, words: str, netns: object) -> None:
        with pytest.raises(dataplane.RefusedError, match=words) as raised:
            dp.call("port_add", name="p", kind="packet", interface=pair[0].wire, netns=netns)
        assert raised.value.code == code
        assert dp.ports().keys() <= {"first"}

    refused("not_found", "No such file", "/run/netns/nothing-of-this-name")
    refused("invalid", "want a network namespace", str(dp.log))
    refused("invalid", "want a network namespace", "/proc/self/ns/mnt")
    refused("invalid", "want a string", 5)
    refused("not_found", "there is none", "/proc/self/ns/net")
    dp.call("port_add", name="first", kind="packet", interface=pair[0].wire, netns=aside)
    refused("busy", "in use by port 'first'", aside)
