"""Two hosts on veth, with p4kube-bpf between them; offloads stay on."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import process
from tests.dataplane.daemon import dataplane, hosts

BULK_BYTES = 100_000_000
BLACK_HOLE = ("std.egress_spec = std.ingress_port == 1 ? 9w2 : 9w1", "std.egress_spec = 9w511")


@contextlib.contextmanager
def wired(bpf: process.Process, program: artifact.Artifact) -> Iterator[list[hosts.Host]]:
    with hosts.pair() as both:
        bpf.put("device_add", 1, program)
        for number, host in enumerate(both, start=1):
            bpf.call("port_add", name=host.wire, kind="packet", interface=host.wire)
            bpf.call("wire", device=1, port=number, name=host.wire)
        yield list(both)


def filters(host: hosts.Host) -> str:
    shown = [hosts.run("tc", "qdisc", "show", "dev", host.wire)]
    shown += [
        hosts.run("tc", "filter", "show", "dev", host.wire, way) for way in ("ingress", "egress")
    ]
    return "".join(shown)


def test_bulk_tcp_and_ping(bpf: process.Process, wires: artifact.Artifact) -> None:
    with wired(bpf, wires) as (one, two):
        one.run("ping", "-c", "3", "-i", "0.01", "-W", "2", two.ipv4)
        echo = two.peer("echo", two.ipv4)
        try:
            assert echo.stdout is not None
            assert echo.stdout.readline() == "ready\n"
            said, _ = one.peer("tcp", two.ipv4, str(BULK_BYTES)).communicate(timeout=120)
        finally:
            echo.kill()
            echo.communicate()
        assert said == "same\n"


def test_packets_do_not_need_the_process(bpf: process.Process, wires: artifact.Artifact) -> None:
    with wired(bpf, wires) as (one, two):
        one.run("ping", "-c", "2", "-W", "2", two.ipv4)
        with hosts.pinged(one, two) as lost:
            bpf.again()  # killed, and another takes over
            for _ in range(5):
                bpf.put("device_replace", 1, wires)
        assert not lost
        ports = bpf.ports()
        assert [ports[host.wire]["port"] for host in (one, two)] == [1, 2]


@pytest.mark.parametrize("how", ["remove", "unwire", "stop"])
def test_nothing_is_left(bpf: process.Process, wires: artifact.Artifact, how: str) -> None:
    with hosts.pair() as both:
        plain = [filters(host) for host in both]
        bpf.put("device_add", 1, wires)
        for number, host in enumerate(both, start=1):
            bpf.call("port_add", name=host.wire, kind="packet", interface=host.wire)
            bpf.call("wire", device=1, port=number, name=host.wire)
        bpf.again()
        programs, maps = process.held(bpf.process.pid)
        hooks = {i for host in both for i in process.attached(host.wire)}
        assert len(hooks) == 2
        assert all("p4k_hook" in filters(host) for host in both)
        if how == "unwire":
            for number in (1, 2):
                bpf.call("unwire", device=1, port=number)
        elif how == "remove":
            bpf.call("device_remove", id=1)
        else:
            assert bpf.stop() == 0
        assert [filters(host) for host in both] == plain
        if how == "unwire":
            bpf.call("device_remove", id=1)
        if how != "stop":
            assert bpf.stop() == 0
    process.until_unloaded((programs | hooks, maps))


def test_a_wire_taken_at_both_hooks(bpf: process.Process, wires: artifact.Artifact) -> None:
    """Inside at ingress, outside at egress: the host's own address is what the pod talks to."""
    with hosts.pair() as (pod, _):
        address = hosts.meet(pod)
        bpf.put("device_add", 1, wires)
        for number, hook in ((1, "ingress"), (2, "egress")):
            bpf.call("port_add", name=hook, kind="tc", interface=pod.wire, hook=hook)
            bpf.call("wire", device=1, port=number, name=hook)
        pod.run("ping", "-c", "3", "-i", "0.01", "-W", "2", address)
        _, blob = bpf.call("counter_read", device=1, counter=0, first=1, count=2)
        assert int.from_bytes(blob[:8], "big") >= 3
        assert int.from_bytes(blob[16:24], "big") >= 3
        bpf.call("unwire", device=1, port=1)
        assert "clsact" in filters(pod)
        bpf.call("unwire", device=1, port=2)
        assert "clsact" not in filters(pod)


def test_the_qdisc_goes_with_our_last_port_also_after_a_kill(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    """It came with the first port, which went before the kill."""
    with hosts.pair() as (pod, _):
        plain = filters(pod)
        bpf.put("device_add", 1, wires)
        for number, hook in ((1, "ingress"), (2, "egress")):
            bpf.call("port_add", name=hook, kind="tc", interface=pod.wire, hook=hook)
            bpf.call("wire", device=1, port=number, name=hook)
        bpf.call("port_remove", name="ingress")
        bpf.again()
        bpf.call("port_remove", name="egress")
        assert filters(pod) == plain


@contextlib.contextmanager
def third(bpf: process.Process, program: artifact.Artifact) -> Iterator[list[hosts.Host]]:
    """Two that reach each other, after a third with a port of the same device."""
    with hosts.pair() as (last, _):
        bpf.put("device_add", 1, program)
        bpf.call("port_add", name=last.wire, kind="packet", interface=last.wire)
        bpf.call("wire", device=1, port=3, name=last.wire)
        with hosts.pair() as (one, two):
            for number, host in enumerate((one, two), start=1):
                bpf.call("port_add", name=host.wire, kind="packet", interface=host.wire)
                bpf.call("wire", device=1, port=number, name=host.wire)
            yield [one, two, last]


def test_a_program_that_cannot_have_all_ports_gets_none(
    bpf: process.Process, wires: artifact.Artifact, tmp_path: pathlib.Path
) -> None:
    """Else hooks lead to a place that another device gets."""
    black_hole = process.changed(process.WIRES, tmp_path, *BLACK_HOLE)
    with third(bpf, wires) as (one, two, last):
        hosts.run("tc", "qdisc", "del", "dev", last.wire, "clsact")
        hosts.run("tc", "qdisc", "add", "dev", last.wire, "ingress")
        with pytest.raises(dataplane.RefusedError, match="want clsact or none"):
            bpf.put("device_replace", 1, black_hole)
        assert list(bpf.devices()) == [1]
        assert {port["device"] for port in bpf.ports().values()} == {1}
        one.run("ping", "-c", "3", "-i", "0.05", "-W", "2", two.ipv4)
        bpf.again()
        one.run("ping", "-c", "1", "-W", "2", two.ipv4)
        hosts.run("tc", "qdisc", "del", "dev", last.wire, "ingress")
        bpf.put("device_replace", 1, black_hole)
        said = one.run("ping", "-c", "2", "-i", "0.1", "-W", "1", two.ipv4, check=False)
        assert "100% packet loss" in said


def test_a_program_is_exchanged_where_an_interface_has_gone(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    with third(bpf, wires) as (one, two, last):
        hosts.run("ip", "link", "del", last.wire)
        bpf.put("device_replace", 1, wires)
        one.run("ping", "-c", "1", "-W", "2", two.ipv4)
        assert not bpf.ports()[last.wire]["link"]


def test_a_program_that_cannot_be_kept_is_not_exchanged(
    bpf: process.Process, wires: artifact.Artifact, tmp_path: pathlib.Path
) -> None:
    """As on a full disk: the next process would take up what is no more."""
    black_hole = process.changed(process.WIRES, tmp_path, *BLACK_HOLE)
    with wired(bpf, wires) as (one, two):
        in_the_way = bpf.bpffs.with_name("bpf.kept") / "device-1.new"
        in_the_way.mkdir()
        with pytest.raises(dataplane.RefusedError, match="device-1: Is a directory"):
            bpf.put("device_replace", 1, black_hole)
        in_the_way.rmdir()
        one.run("ping", "-c", "1", "-W", "2", two.ipv4)
        bpf.again()
        assert bpf.devices()[1]["digest"] == wires.manifest.digest
        one.run("ping", "-c", "1", "-W", "2", two.ipv4)


def test_ports_that_were_to_change_places_are_back_when_another_is_refused(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    bpf.put("device_add", 1, wires)
    bpf.rings(1, 1, 2)
    with hosts.pair() as (pod, _):
        hosts.run("tc", "qdisc", "add", "dev", pod.wire, "ingress")
        bpf.call("port_add", name="pod", kind="packet", interface=pod.wire)
        places = (("r1", 2), ("r2", 1), ("pod", 3))
        with pytest.raises(dataplane.RefusedError, match="want clsact or none"):
            bpf.call("wire", wires=[{"device": 1, "port": n, "name": p} for p, n in places])
    assert {name: port["port"] for name, port in bpf.ports().items()} == {
        "r1": 1,
        "r2": 2,
        "pod": None,
    }
    for into, out in (("r1", "r2"), ("r2", "r1")):
        bpf.inject(into, bytes(64))
        assert bpf.collect(out) == [bytes(64)]
