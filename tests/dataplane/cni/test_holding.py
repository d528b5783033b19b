"""Packets of a namespace are held from before it has an interface, and pass after the release."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from p4kube_core.agent.cni import holding
from p4kube_core.agent.cni.namespaces import Missing
from p4kube_core.cli.demo import hosts

TAG = f"p4kh{os.getpid()}"
ADDRESSES = {socket.AF_INET: ("10.96.0.1", "10.96.0.2"), socket.AF_INET6: ("fd96::1", "fd96::2")}
PORT = 9000


@pytest.fixture
def pair() -> Iterator[tuple[hosts.Host, hosts.Host]]:
    with hosts.host(f"{TAG}n") as node, hosts.host(f"{TAG}p") as pod:
        yield node, pod


def path(pod: hosts.Host) -> str:
    return str(hosts.NAMESPACES / pod.name)


def give_interfaces(node: hosts.Host, pod: hosts.Host) -> None:
    for side in (node, pod):
        side.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=0")
    hosts.wire(node, "eth0", pod, "eth0")
    for side, number in ((node, 0), (pod, 1)):
        for addresses in ADDRESSES.values():
            width = "64" if ":" in addresses[number] else "24"
            side.run(
                "ip",
                "address",
                "add",
                f"{addresses[number]}/{width}",
                "dev",
                "eth0",
                *(["nodad"] if ":" in addresses[number] else []),
            )


def bound(host: hosts.Host, family: socket.AddressFamily) -> socket.socket:
    made = host.inside(lambda: socket.socket(family, socket.SOCK_DGRAM))
    made.bind(("", PORT))
    return made


def passes(
    sender: socket.socket, receiver: socket.socket, address: str, patience_s: float = 5.0
) -> bool:
    receiver.settimeout(patience_s)
    try:
        sender.sendto(b"x", (address, PORT))
    except PermissionError:
        return False
    try:
        return receiver.recv(10) == b"x"
    except TimeoutError:
        return False


@pytest.mark.parametrize("family", ADDRESSES)
def test_no_packet_comes_or_goes_until_the_release(
    pair: tuple[hosts.Host, hosts.Host], family: socket.AddressFamily
) -> None:
    node, pod = pair
    holding.hold(path(pod))
    holding.hold(path(pod))
    give_interfaces(node, pod)
    of_node, of_pod = ADDRESSES[family]
    with bound(node, family) as outside, bound(pod, family) as inside:
        assert not passes(outside, inside, of_pod, 0.3)
        assert not passes(inside, outside, of_node, 0.3)
        for _ in range(2):
            holding.release(path(pod))
            assert passes(outside, inside, of_pod)
            assert passes(inside, outside, of_node)
    assert pod.run("ip", "xfrm", "policy").stdout == ""


def test_the_kernel_of_a_held_pod_answers_nobody(pair: tuple[hosts.Host, hosts.Host]) -> None:
    node, pod = pair
    holding.hold(path(pod))
    give_interfaces(node, pod)
    ping = ["ping", "-c", "1", "-W", "1", "10.96.0.2"]
    assert node.run(*ping, check=False).returncode == 1
    holding.release(path(pod))
    assert node.run(*ping, check=False).returncode == 0


def test_a_route_can_be_added_while_packets_are_held(pair: tuple[hosts.Host, hosts.Host]) -> None:
    """The plug-in that makes the interface adds one by a gateway, which the kernel looks up."""
    node, pod = pair
    holding.hold(path(pod))
    give_interfaces(node, pod)
    pod.run("ip", "route", "add", "default", "via", "10.96.0.1")
    pod.run("ip", "-6", "route", "add", "default", "via", "fd96::1")


def test_loopback_is_not_held(pair: tuple[hosts.Host, hosts.Host]) -> None:
    _, pod = pair
    holding.hold(path(pod))
    with bound(pod, socket.AF_INET) as inside:
        assert passes(inside, inside, "127.0.0.1")


def test_policies_of_others_stay(pair: tuple[hosts.Host, hosts.Host]) -> None:
    _, pod = pair
    other = ["src", "10.0.0.0/8", "dst", "10.0.0.0/8", "dir", "out", "action", "allow"]
    pod.run("ip", "xfrm", "policy", "add", *other)
    before = pod.run("ip", "xfrm", "policy").stdout
    holding.hold(path(pod))
    holding.release(path(pod))
    assert pod.run("ip", "xfrm", "policy").stdout == before


def test_the_agents_own_namespace_is_never_held() -> None:
    with pytest.raises(holding.Impossible, match="is the network namespace of the agent"):
        holding.hold("/proc/self/ns/net")
    assert subprocess.run(["ip", "xfrm", "policy"], capture_output=True).stdout == b""


def test_a_namespace_that_is_not_there() -> None:
    for call in (holding.hold, holding.release):
        with pytest.raises(Missing, match="want a network namespace at /run/netns/none"):
            call("/run/netns/none")
