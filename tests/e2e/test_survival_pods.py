"""Functions on a pod's wire while processes are killed: no packet sees it, every entry is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from p4kube_core.cli.demo import traffic
from p4kube_core.switch.values import Kind, Update
from tests.e2e import iperf, tracing
from tests.e2e.pods import Node, Pod, eventually
from tests.e2e.test_attachments import ECHO, PING, attach, firewall

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]

CHAIN: Final = firewall(ECHO, iperf.RULE) + firewall(ECHO, iperf.RULE, PING, name="other")
PLAYED: Final = CHAIN + attach("wall", "other")


def start(node: Node, pod: Pod, target: str) -> None:
    """A chain of two, and in its first function an entry that only a controller knows of."""
    node.play(PLAYED, "--target", target)
    assert node.cni("ADD", pod) is None
    first = node.status()["instances"][0]["device_id"]
    with node.connect(first) as session:
        entry = next(e for e in session.read_table() if e.priority)
        session.write([Update(Kind.INSERT, replace(entry, priority=entry.priority + 7))])


def entries(node: Node) -> dict[str, set[str]]:
    found = {}
    for device in node.status()["instances"]:
        with node.connect(device["device_id"], read_only=True) as session:
            found[device["name"]] = {repr(entry) for entry in session.read_table()}
    return found


@pytest.mark.parametrize(
    ("target", "killed"),
    [
        ("ebpf", ("agent",)),
        ("ebpf", ("ebpf",)),
        ("ebpf", ("agent", "ebpf")),
        ("dpdk", ("agent",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_a_pod_sees_no_interruption_when_it_is_killed_and_back(
    node: Node,
    pod: Pod,
    target: str,
    killed: tuple[str, ...],
    record_property: Callable[[str, object], None],
) -> None:
    start(node, pod, target)
    before = entries(node)

    def kill_and_play() -> None:
        node.kill(*killed)
        assert entries(node) == before
        said = node.play(PLAYED, "--target", target)
        assert said == "wall: unchanged\nother: unchanged\nshop: unchanged\n"

    tracing.Way(node.host, pod.host, pod.address).shows_nothing_of(kill_and_play, record_property)
    assert entries(node) == before
    assert node.cni("CHECK", pod) is None


@pytest.mark.parametrize("killed", [("dpdk",), ("agent", "dpdk")], ids="+".join)
def test_a_spliced_pod_has_its_entries_when_its_data_plane_is_back(
    node: Node, pod: Pod, killed: tuple[str, ...]
) -> None:
    start(node, pod, "dpdk")
    before = entries(node)
    assert len(before) == 2
    node.kill(*killed)
    assert entries(node) == before
    with (
        traffic.udp_echo(pod.host, pod.address, tracing.PORT),
        traffic.udp_echo(pod.host, pod.address, 6000),
    ):
        assert eventually(lambda: traffic.udp(node.host, pod.address, tracing.PORT).passed)
        assert not traffic.udp(node.host, pod.address, 6000).passed
    assert node.cni("CHECK", pod) is None
