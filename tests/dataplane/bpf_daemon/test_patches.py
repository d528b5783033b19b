"""Functions in a row: packets go from one to the next by tail calls."""

from __future__ import annotations

import struct

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import process
from tests.dataplane.bpf_daemon.test_tables import A, B, exact, frame
from tests.dataplane.daemon import dataplane

HOPS = 8


def patch(bpf: process.Process, one: tuple[int, int], other: tuple[int, int]) -> None:
    """Connect device and P4 port with device and P4 port."""
    ends = [f"p{device}-{port}" for device, port in (one, other)]
    for name, peer, (device, port) in zip(ends, reversed(ends), (one, other), strict=True):
        bpf.call("port_add", name=name, kind="patch", peer=peer)
        bpf.call("wire", device=device, port=port, name=name)


def ring(bpf: process.Process, device: int, port: int, name: str) -> None:
    bpf.call("port_add", name=name, kind="ring")
    bpf.call("wire", device=device, port=port, name=name)


def seen(bpf: process.Process, device: int, port: int) -> int:
    _, blob = bpf.call("counter_read", device=device, counter=0, first=port, count=1)
    packets: int = struct.unpack("!QQ", blob)[0]
    return packets


@pytest.fixture
def row(
    bpf: process.Process, wires: artifact.Artifact, switch: artifact.Artifact
) -> process.Process:
    """Devices 1, 2 and 3 in a row, the middle one of another program, with rings at the ends."""
    for device, program in ((1, wires), (2, switch), (3, wires)):
        bpf.put("device_add", device, program)
    patch(bpf, (1, 2), (2, 1))
    patch(bpf, (2, 2), (3, 1))
    ring(bpf, 1, 1, "outside")
    ring(bpf, 3, 2, "inside")
    records = exact(A, 2) + exact(B, 1)
    bpf.call("entries_write", records, device=2, table=0, mode="insert", count=2)
    return bpf


def test_both_ways(row: process.Process) -> None:
    row.inject("outside", frame(A), frame(A, A))
    assert row.collect("inside") == [frame(A), frame(A, A)]
    assert row.collect("outside") == []
    row.inject("inside", frame(B))
    assert row.collect("outside") == [frame(B)]
    assert [seen(row, 1, 1), seen(row, 3, 1), seen(row, 3, 2), seen(row, 1, 2)] == [2, 2, 1, 1]
    row.inject("outside", frame(B))  # the middle one sends it back
    assert row.collect("outside") == [frame(B)]


def test_one_of_them_replaced_or_another_process(
    row: process.Process, wires: artifact.Artifact, switch: artifact.Artifact
) -> None:
    row.put("device_replace", 2, switch)
    row.put("device_replace", 3, wires)
    row.inject("outside", frame(A))
    assert row.collect("inside") == [frame(A)]
    row.again()
    row.inject("outside", frame(A))
    row.inject("inside", frame(B))
    assert row.collect("inside") == [frame(A)]
    assert row.collect("outside") == [frame(B)]


def test_an_end_that_is_not_there_is_counted(row: process.Process) -> None:
    row.call("unwire", device=3, port=1)
    row.inject("outside", frame(A))
    assert row.collect("inside") == []
    assert row.devices()[2]["drops"]["no_peer"] == 1
    row.call("wire", device=3, port=1, name="p3-1")
    row.inject("outside", frame(A))
    assert row.collect("inside") == [frame(A)]
    row.call("device_remove", id=3)
    row.inject("outside", frame(A))
    row.call("port_remove", name="p2-2")
    row.inject("outside", frame(A))
    drops = row.devices()[2]["drops"]
    assert (drops["no_peer"], drops["no_port"]) == (2, 1)


def test_an_end_that_names_another_leads_nowhere(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    for device in (1, 2):
        bpf.put("device_add", device, wires)
    bpf.call("port_add", name="one", kind="patch", peer="two")
    bpf.call("port_add", name="two", kind="patch", peer="three")
    bpf.call("wire", device=1, port=2, name="one")
    bpf.call("wire", device=2, port=1, name="two")
    ring(bpf, 1, 1, "outside")
    bpf.inject("outside", frame(A))
    assert bpf.devices()[1]["drops"]["no_peer"] == 1


def test_loops_end(bpf: process.Process, wires: artifact.Artifact) -> None:
    """Two devices that send to each other for ever."""
    for device in (1, 2):
        bpf.put("device_add", device, wires)
    patch(bpf, (1, 2), (2, 1))
    patch(bpf, (2, 2), (1, 1))
    ring(bpf, 1, 7, "in")
    bpf.inject("in", frame(A))
    devices = bpf.devices()
    assert [devices[i]["drops"]["too_many_hops"] for i in (1, 2)] == [1, 0]
    passed = sum(seen(bpf, device, port) for device in (1, 2) for port in range(8))
    assert passed == HOPS + 1


def test_a_new_function_between_two_in_one_step(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    for device in (1, 2):
        bpf.put("device_add", device, wires)
    ring(bpf, 1, 1, "outside")
    ring(bpf, 1, 2, "inside")
    for name, peer in (("a", "b"), ("b", "a")):
        bpf.call("port_add", name=name, kind="patch", peer=peer)
    with pytest.raises(dataplane.RefusedError, match="port 2 of device 1 is wired to 'inside'"):
        bpf.call("wire", device=1, port=2, name="a")
    wanted = [(1, 2, "a"), (2, 1, "b"), (2, 2, "inside")]
    bpf.call("wire", wires=[{"device": d, "port": p, "name": n} for d, p, n in wanted])
    bpf.inject("outside", frame(A))
    bpf.inject("inside", frame(B))
    assert (bpf.collect("inside"), bpf.collect("outside")) == ([frame(A)], [frame(B)])
    assert [seen(bpf, 1, 1), seen(bpf, 2, 1), seen(bpf, 2, 2), seen(bpf, 1, 2)] == [1, 1, 1, 1]
    with pytest.raises(dataplane.RefusedError, match="wanted twice"):
        bpf.call("wire", wires=[{"device": 1, "port": 5, "name": n} for n in ("a", "b")])
