"""Devices wired to each other, and wires that change hands under traffic."""

from __future__ import annotations

import pathlib
import struct
import subprocess
import threading

import pytest

from tests.dataplane.daemon import conftest, dataplane, hosts
from tests.dataplane.daemon.test_tables import EXACT, A, exact, frame

PING = ("ping", "-q", "-c2000", "-i0.001", "-W5")
BACK = 9  # the P4 port that leads to the other device of a loop


def patch(dp: dataplane.Client, one: tuple[str, int, int], other: tuple[str, int, int]) -> None:
    """Two ends, each (name, device, P4 port)."""
    for (name, device, port), (peer, _, _) in ((one, other), (other, one)):
        dp.call("port_add", name=name, kind="patch", peer=peer)
        dp.call("wire", device=device, port=port, name=name)


@pytest.fixture
def chain(dp: dataplane.Dataplane, program: conftest.Program) -> dataplane.Dataplane:
    """r1 - device 1 - device 2 - device 3 - r2."""
    for device in (1, 2, 3):
        dp.call("device_add", id=device, object=str(program("forward")), name=f"f{device}")
    for name, device, port in (("r1", 1, 1), ("r2", 3, 2)):
        dp.call("port_add", name=name, kind="ring")
        dp.call("wire", device=device, port=port, name=name)
    patch(dp, ("a", 1, 2), ("b", 2, 1))
    patch(dp, ("c", 2, 2), ("d", 3, 1))
    return dp


def test_packets_go_along_a_chain_and_back_in_their_order(chain: dataplane.Dataplane) -> None:
    packets = [struct.pack("!I", i) * (1 + i % 100) for i in range(2000)]
    chain.inject("r1", *packets)
    assert chain.collect("r2") == packets
    chain.inject("r2", *packets)
    assert chain.collect("r1") == packets
    assert [device["packets"] for device in chain.devices().values()] == [4000] * 3
    ports = chain.ports()
    for name in "abcd":
        assert ports[name]["link"]
        assert ports[name]["rx_packets"] == ports[name]["tx_packets"] == 2000
        assert ports[name]["tx_bytes"] == sum(map(len, packets))


def test_a_patch_that_leads_nowhere_drops_and_says_so(
    dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    dp.call("device_add", id=1, object=str(program("forward")), name="f")
    dp.call("device_add", id=2, object=str(program("forward")), name="g")
    dp.rings(1, 1)
    dp.call("port_add", name="a", kind="patch", peer="b")
    dp.call("wire", device=1, port=2, name="a")

    def lost() -> int:
        dp.inject("r1", b"x", b"y")
        return int(dp.ports()["a"]["drops"]["no_peer"])

    assert lost() == 2
    assert not dp.ports()["a"]["link"]
    dp.call("port_add", name="b", kind="patch", peer="else")
    dp.call("wire", device=2, port=1, name="b")
    assert lost() == 4
    dp.call("port_remove", name="b")
    dp.call("port_add", name="b", kind="patch", peer="a")
    assert lost() == 6
    dp.call("wire", device=2, port=1, name="b")
    assert lost() == 6
    assert dp.devices()[2]["drops"]["no_port"] == 2
    dp.call("device_remove", id=2)
    assert lost() == 8
    for fields in ({}, {"peer": ""}, {"peer": "c"}, {"peer": 5}):
        with pytest.raises(dataplane.RefusedError, match="invalid: peer"):
            dp.call("port_add", name="c", kind="patch", **fields)


def test_a_loop_ends_after_eight_hops(dp: dataplane.Dataplane, program: conftest.Program) -> None:
    for device in (1, 2):
        dp.call("device_add", id=device, object=str(program("switch")), name=f"s{device}")
        dp.call("entries_write", exact(A, BACK), device=device, table=EXACT, mode="insert", count=1)
    dp.rings(1, 1)
    patch(dp, ("a", 1, BACK), ("b", 2, BACK))
    dp.inject("r1", *[frame(A)] * 100)
    ports = dp.ports()
    assert ports["a"]["drops"]["too_many_hops"] + ports["b"]["drops"]["too_many_hops"] == 100
    assert [dp.devices()[device]["packets"] for device in (1, 2)] == [500, 400]


def test_a_wire_changes_hands_without_losing_a_packet(
    dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    """Two devices in turn take port r1 while packets come: each goes through one or the other."""
    for device in (1, 2):
        dp.call("device_add", id=device, object=str(program("forward")), name=f"f{device}")
    for name, device in (("r1", 1), ("out1", 1), ("out2", 2)):
        dp.call("port_add", name=name, kind="ring")
        if name != "r1":
            dp.call("wire", device=device, port=2, name=name)
    dp.call("wire", device=1, port=1, name="r1")
    dp.call("port_add", name="z", kind="ring")
    other = dataplane.Client(dp.path)
    stop = threading.Event()
    sent = 0

    def move() -> None:
        device = 1
        while not stop.is_set():
            device = 3 - device
            other.call("wire", device=device, port=1, name="r1")

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for _ in range(100):
            dp.inject("r1", *[b"x"] * 100)
            sent += 100
    finally:
        stop.set()
        mover.join()
        other.close()
    counts = [len(dp.collect(f"out{device}")) for device in (1, 2)]
    assert sum(counts) == sent
    assert min(counts) > 0
    assert dp.ports()["r1"]["drops"]["no_device"] == 0
    with pytest.raises(dataplane.RefusedError, match="busy"):
        dp.call("wire", device=1, port=2, name="z")


def test_two_workers_run_a_chain_from_both_of_its_ends(
    variant: str, tmp_path: pathlib.Path, program: conftest.Program
) -> None:
    """Each end is one worker's; both run both devices, and count in cells of their own."""
    dp = dataplane.Dataplane(tmp_path, "--mbufs", "2048", "--workers", "2", variant=variant)
    try:
        with hosts.pair() as (one, two):
            for device in (1, 2):
                dp.call("device_add", id=device, object=str(program("forward")), name="f")
            patch(dp, ("a", 1, 2), ("b", 2, 1))
            for device, port, host in ((1, 1, one), (2, 2, two)):
                name = f"wire{device}"
                dp.call("port_add", name=name, kind="packet", interface=host.wire)
                dp.call("wire", device=device, port=port, name=name)
            pings = [
                subprocess.Popen(
                    ["ip", "netns", "exec", source.namespace, *PING, target.ipv4],
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for source, target in ((one, two), (two, one))
            ]
            said = [ping.communicate(timeout=60)[0] for ping in pings]
            assert all("2000 received, 0% packet loss" in text for text in said), said
            ports = dp.ports()
            for name, peer in ("ab", "ba"):
                assert ports[name]["rx_packets"] == ports[peer]["tx_packets"] >= 4000
                assert not any(ports[name]["drops"].values())
            counted = [device["packets"] for device in dp.devices().values()]
            assert counted[0] == counted[1] >= 8000
    finally:
        code = dp.stop()
    assert code == 0, dp.text()
