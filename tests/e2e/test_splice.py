"""Pods whose functions are on target dpdk: spliced, and as they were when that is over."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from p4kube_core.cli.demo import traffic
from tests.e2e import pods
from tests.e2e.pods import Node, Pod, eventually
from tests.e2e.test_attachments import ECHO, PING, WEB, attach, firewall

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]


@pytest.fixture
def node() -> Iterator[Node]:
    tag = f"p4ks{os.getpid()}"
    with pods.node(Path(f"/tmp/{tag}"), tag) as made:
        yield made


def belongings(pod: Pod) -> tuple[str, ...]:
    """What a pod can see of its interface, less what says which end it is of which pair."""
    link = pod.host.run("ip", "-o", "link", "show", "dev", "eth0").stdout
    address = pod.host.run("ip", "-o", "address", "show", "dev", "eth0").stdout
    route = pod.host.run("ip", "route", "show", "table", "all").stdout
    neighbours = pod.host.run("ip", "neighbour", "show", "nud", "permanent").stdout
    mac = link.partition("link/ether ")[2].split()[0]
    mtu = link.partition(" mtu ")[2].split()[0]
    return link.split(":")[0], mac, mtu, address, route, neighbours


def passes(node: Node, pod: Pod) -> None:
    with (
        traffic.udp_echo(pod.host, pod.address, 5353),
        traffic.udp_echo(pod.host, pod.address, 6000),
        traffic.tcp_server(pod.host, pod.address, 8080),
    ):
        assert eventually(lambda: traffic.udp(node.host, pod.address, 5353).passed)
        assert not traffic.udp(node.host, pod.address, 6000).passed
        assert traffic.tcp(node.host, pod.address, 8080, 2_000_000).passed


def test_a_pod_is_spliced_and_put_back(node: Node) -> None:
    with node.pod(1) as pod:
        pod.host.run("ip", "link", "set", "eth0", "mtu", "1400")
        pod.host.run("ip", "neighbour", "add", "10.97.0.200", "lladdr", "02:00:00:00:00:c8",
                     "dev", "eth0", "nud", "permanent")  # fmt: skip
        pod.host.run("ip", "route", "add", "10.99.0.0/16", "via", "10.97.0.1", "metric", "50")
        before = belongings(pod)
        said = node.play(firewall(PING, ECHO, WEB) + attach("wall"), "--target", "dpdk")
        assert "wall at pod default/shop, eth0, which is not there yet, on target dpdk" in said
        assert node.cni("ADD", pod) is None
        assert belongings(pod) == before
        assert [e["spliced"] for e in node.status()["endpoints"]] == [True]
        passes(node, pod)
        for name in ("dpdk", "agent"):
            pid = node.pid(name)
            os.kill(pid, signal.SIGKILL)
            if name == "agent":
                node.start()
            assert eventually(lambda: node.pid(name) != pid)  # noqa: B023
            assert eventually(lambda: all(e["settled"] for e in node.status()["endpoints"]))
            passes(node, pod)
        node.p4kube("play", "--down", node.state / "play.yaml")
        assert belongings(pod) == before
        assert not (node.state / "splice").exists()
        assert traffic.ping(node.host, pod.address).passed
        assert node.status()["instances"] == []


def test_a_spliced_pod_that_goes_leaves_nothing(node: Node) -> None:
    node.play(firewall(PING, ECHO, WEB) + attach("wall"), "--target", "dpdk")
    before = node.links()
    with node.pod(1) as pod:
        assert node.cni("ADD", pod) is None
        passes(node, pod)
        assert node.cni("DEL", pod) is None
        assert node.links() == before
    assert eventually(lambda: not (node.state / "splice").exists())
    assert (node.status()["endpoints"], node.status()["instances"]) == ([], [])
