"""Two hosts on veth, with p4kube-bpf between them; offloads stay on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import process
from tests.dataplane.daemon import hosts

BULK_BYTES = 100_000_000


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
