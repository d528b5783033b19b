"""p4kube-bpf on interfaces where other tools have qdiscs and filters."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterator

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import conftest, process, test_events
from tests.dataplane.bpf_daemon.test_wires import filters
from tests.dataplane.bpf_program import libbpf
from tests.dataplane.daemon import dataplane, hosts

SCHED_CLS, ARRAY = 3, 2
OK = 0
TCX = {"ingress": 46, "egress": 47}


@pytest.fixture
def pod() -> Iterator[hosts.Host]:
    with hosts.pair() as (pod, _):
        yield pod


def tc(*words: str) -> str:
    return hosts.run("tc", *words)


class Other:
    """Another tool's program: counts packets, and has a verdict of its own."""

    def __init__(self, bpf: process.Process, verdict: int = OK) -> None:
        self._pin = bpf.bpffs / "other"
        self._map = libbpf.library().bpf_map_create(ARRAY, b"seen", 4, 8, 1, None)
        code = (
            _instruction(0x18, to=1, source=1, value=self._map),  # r1 = map
            _instruction(0),
            _instruction(0x62, to=10, offset=-4),  # a zero on the stack
            _instruction(0xBF, to=2, source=10),
            _instruction(0x07, to=2, value=-4),
            _instruction(0x85, value=1),  # r0 = its element
            _instruction(0x15, to=0, offset=2),
            _instruction(0xB7, to=1, value=1),
            _instruction(0xDB, to=0, source=1),  # plus one
            _instruction(0xB7, to=0, value=verdict),
            _instruction(0x95),
        )
        size = ctypes.c_size_t(len(code))
        self.program: int = libbpf.library().bpf_prog_load(
            SCHED_CLS, b"other", b"GPL", b"".join(code), size, None
        )
        assert self.program >= 0

    def put(self, host: hosts.Host, hook: str, priority: int) -> None:
        assert libbpf.library().bpf_obj_pin(self.program, os.fsencode(self._pin)) == 0
        where = ("dev", host.wire, hook, "protocol", "all", "pref", str(priority))
        try:
            tc("filter", "add", *where, "bpf", "da", "object-pinned", str(self._pin))
        finally:
            self._pin.unlink()

    @property
    def seen(self) -> int:
        count = ctypes.c_uint64()
        key = ctypes.c_uint32()
        libbpf.library().bpf_map_lookup_elem(self._map, ctypes.byref(key), ctypes.byref(count))
        return count.value

    def close(self) -> None:
        os.close(self.program)
        os.close(self._map)


def _instruction(code: int, to: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("<BBhi", code, to | source << 4, offset, value)


@pytest.fixture
def other(bpf: process.Process) -> Iterator[Other]:
    made = Other(bpf)
    yield made
    made.close()


def stand(bpf: process.Process, program: artifact.Artifact, host: hosts.Host) -> None:
    """A function on both hooks of the host's wire."""
    bpf.put("device_add", 1, program)
    for number, hook in ((1, "ingress"), (2, "egress")):
        bpf.call("port_add", name=hook, kind="tc", interface=host.wire, hook=hook)
        bpf.call("wire", device=1, port=number, name=hook)


@pytest.mark.parametrize("kind", ["tc", "packet"])
def test_a_pod_with_a_bandwidth_limit_is_refused_rather_than_filtered_one_way(
    bpf: process.Process, wires: artifact.Artifact, pod: hosts.Host, kind: str
) -> None:
    """The CNI plug-in `bandwidth` has made an ingress qdisc, with one block for both ways."""
    tc("qdisc", "add", "dev", pod.wire, "ingress")
    before = filters(pod)
    bpf.put("device_add", 1, wires)
    for number, hook in ((1, "ingress"), (2, "egress")):
        options = {"hook": hook} if kind == "tc" else {}
        if kind == "packet" and number == 2:
            break
        bpf.call("port_add", name=hook, kind=kind, interface=pod.wire, **options)
        with pytest.raises(dataplane.RefusedError) as refused:
            bpf.call("wire", device=1, port=number, name=hook)
        assert refused.value.code == "busy"
        wanted = f"interface '{pod.wire}' has an 'ingress' qdisc: want clsact or none"
        assert refused.value.message == wanted
    assert filters(pod) == before


@pytest.mark.parametrize("how", ["unwire", "remove", "stop"])
def test_another_tools_filter_stays_when_our_last_one_goes(
    bpf: process.Process, wires: artifact.Artifact, pod: hosts.Host, other: Other, how: str
) -> None:
    """It was put on the clsact qdisc that we had made."""
    stand(bpf, wires, pod)
    other.put(pod, "egress", 200)
    if how == "unwire":
        both = [{"device": 1, "port": port} for port in (1, 2)]
        bpf.call("unwire", wires=both)
    elif how == "remove":
        for name in ("ingress", "egress"):
            bpf.call("port_remove", name=name)
    else:
        bpf.stop()
    shown = filters(pod)
    assert "pref 200 bpf" in shown
    assert "p4k_hook" not in shown
    tc("filter", "del", "dev", pod.wire, "egress")
    if how == "unwire":
        bpf.call("wire", device=1, port=1, name="ingress")
        bpf.call("unwire", device=1, port=1)
        assert "clsact" in filters(pod)  # by now it is not ours


def test_another_tools_clsact_stays(
    bpf: process.Process, wires: artifact.Artifact, pod: hosts.Host
) -> None:
    tc("qdisc", "add", "dev", pod.wire, "clsact")
    before = filters(pod)
    stand(bpf, wires, pod)
    bpf.call("device_remove", id=1)
    assert filters(pod) == before


@pytest.mark.parametrize("hook", ["ingress", "egress"])
def test_a_filter_behind_ours_sees_what_ours_lets_pass(
    bpf: process.Process, wires: artifact.Artifact, pod: hosts.Host, other: Other, hook: str
) -> None:
    stand(bpf, wires, pod)
    other.put(pod, hook, 200)
    pod.run("ping", "-c", "3", "-i", "0.01", "-W", "2", hosts.meet(pod))
    assert other.seen >= 3


def test_a_controller_s_packet_into_the_host_meets_the_filters_behind_ours(
    bpf: process.Process, pod: hosts.Host, other: Other
) -> None:
    bpf.put("device_add", 1, process.compiled(conftest.PROGRAMS / "controller.p4"))
    bpf.call("port_add", name="cpu", kind="cpu")
    bpf.call("wire", device=1, port=test_events.CPU, name="cpu")
    for number, hook in ((1, "egress"), (2, "ingress")):
        bpf.call("port_add", name=hook, kind="tc", interface=pod.wire, hook=hook)
        bpf.call("wire", device=1, port=number, name=hook)
    pod.run("ip", "link", "set", pod.interface, "down")  # which says nothing by itself then
    other.put(pod, "ingress", 200)
    test_events.packet_out(bpf, 1, test_events.frame(test_events.KIND))
    assert other.seen == 1


@pytest.mark.parametrize("hook", ["ingress", "egress"])
def test_where_another_filter_would_run_before_ours_the_wire_is_refused(
    bpf: process.Process, wires: artifact.Artifact, pod: hosts.Host, other: Other, hook: str
) -> None:
    """What it accepts would never come to the function."""
    tc("qdisc", "add", "dev", pod.wire, "clsact")
    other.put(pod, hook, 49)
    before = filters(pod)
    bpf.put("device_add", 1, wires)
    bpf.call("port_add", name="p", kind="tc", interface=pod.wire, hook=hook)
    with pytest.raises(dataplane.RefusedError) as refused:
        bpf.call("wire", device=1, port=1, name="p")
    assert refused.value.message == (
        f"{hook} of interface '{pod.wire}': want no filter before priority 100; "
        "found one of kind 'bpf' at 49"
    )
    assert filters(pod) == before
    tc("filter", "del", "dev", pod.wire, hook)
    bpf.call("wire", device=1, port=1, name="p")
    other.put(pod, hook, 49)
    bpf.again()  # what stands already is taken over all the same
    assert bpf.ports()["p"]["device"] == 1
    assert "p4k_hook" in filters(pod)


@contextlib.contextmanager
def in_tcx(other: Other, host: hosts.Host, hook: str) -> Iterator[None]:
    library = libbpf.library()
    index = int(hosts.run("cat", f"/sys/class/net/{host.wire}/ifindex"))
    if library.bpf_prog_attach(other.program, index, TCX[hook], 0) != 0:
        pytest.skip("the kernel has no tcx")
    try:
        yield
    finally:
        library.bpf_prog_detach2(other.program, index, TCX[hook])


@pytest.mark.parametrize("hook", ["ingress", "egress"])
def test_where_a_tcx_program_would_run_before_ours_the_wire_is_refused(
    bpf: process.Process, wires: artifact.Artifact, pod: hosts.Host, other: Other, hook: str
) -> None:
    before = filters(pod)
    bpf.put("device_add", 1, wires)
    bpf.call("port_add", name="p", kind="tc", interface=pod.wire, hook=hook)
    with (
        in_tcx(other, pod, hook),
        pytest.raises(dataplane.RefusedError, match="want no tcx program"),
    ):
        bpf.call("wire", device=1, port=1, name="p")
    assert filters(pod) == before
    bpf.call("wire", device=1, port=1, name="p")
