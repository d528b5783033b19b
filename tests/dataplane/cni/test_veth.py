"""Which interface of the host is a pod's, told by the kernel and by nothing else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from p4kube_core.agent.cni import veth
from p4kube_core.agent.cni.namespaces import Missing
from p4kube_core.cli.demo import hosts

TAG = f"p4kv{os.getpid()}"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def pods() -> Iterator[tuple[hosts.Host, hosts.Host]]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(hosts.host(f"{TAG}a")),
            stack.enter_context(hosts.host(f"{TAG}b")),
        )


def path(pod: hosts.Host) -> str:
    return str(hosts.NAMESPACES / pod.name)


def test_the_hosts_end_is_found_whatever_it_is_called_now(
    pods: tuple[hosts.Host, hosts.Host],
) -> None:
    for pod in pods:
        ip("link", "add", f"{pod.name}h", "type", "veth", "peer", "name", "eth0", "netns", pod.name)
    for pod in pods:
        assert veth.host_interface(path(pod), "eth0") == f"{pod.name}h"
    ip("link", "set", f"{TAG}ah", "name", f"{TAG}x")
    assert veth.host_interface(path(pods[0]), "eth0") == f"{TAG}x"


def test_a_shut_interface_lets_nothing_through(pods: tuple[hosts.Host, hosts.Host]) -> None:
    pod = pods[0]
    for name in ("eth0", "net1"):
        ip("link", "add", f"{TAG}{name}", "type", "veth", "peer", "name", name, "netns", pod.name)
        ip("link", "set", f"{TAG}{name}", "up")
        pod.run("ip", "link", "set", name, "up")
    for _ in range(2):
        veth.shut(path(pod), "eth0")
        assert carrier(pod, "eth0") == "0"
        assert carrier(pod, "net1") == "1"


def carrier(pod: hosts.Host, name: str) -> str:
    return pod.run("cat", f"/sys/class/net/{name}/carrier").stdout.strip()


def test_two_interfaces_of_one_pod_are_told_apart(pods: tuple[hosts.Host, hosts.Host]) -> None:
    pod = pods[0]
    # Names of their own: interfaces outlive the namespace of the test before by a moment.
    outer = {"eth0": f"{TAG}e", "net1": f"{TAG}n"}
    for name, host in outer.items():
        ip("link", "add", host, "type", "veth", "peer", "name", name, "netns", pod.name)
    for name, host in outer.items():
        assert veth.host_interface(path(pod), name) == host


def test_a_peer_in_another_pod_is_none_of_ours(pods: tuple[hosts.Host, hosts.Host]) -> None:
    one, other = pods
    hosts.wire(one, "eth0", other, "eth1")
    with pytest.raises(veth.Unfit, match="in the agent's network namespace, found it in another"):
        veth.host_interface(path(one), "eth0")


def test_a_link_of_the_same_number_here_is_not_taken_for_the_peer(
    pods: tuple[hosts.Host, hosts.Host],
) -> None:
    """Numbers of links are per namespace: ours has most of those that another has."""
    one, other = pods
    ip("link", "add", f"{TAG}h", "type", "veth", "peer", "name", "eth0", "netns", other.name)
    number = Path(f"/sys/class/net/{TAG}h/ifindex").read_text().strip()
    one.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1", "index", number)
    assert veth.host_interface(path(other), "eth0") == f"{TAG}h"
    with pytest.raises(veth.Unfit):
        veth.host_interface(path(one), "eth0")


@pytest.mark.parametrize(
    ("interface", "error", "sentence"),
    [
        ("none", Missing, "want interface none in .*, found none"),
        ("lo", veth.Unfit, "lo in .*: want an end of a veth, found a device of no kind"),
        ("br0", veth.Unfit, "br0 in .*: want an end of a veth, found bridge"),
    ],
)
def test_an_interface_that_is_no_veth(
    pods: tuple[hosts.Host, hosts.Host], interface: str, error: type[Exception], sentence: str
) -> None:
    pods[0].run("ip", "link", "add", "br0", "type", "bridge")
    with pytest.raises(error, match=sentence):
        veth.host_interface(path(pods[0]), interface)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("/run/netns/none", "want a network namespace at /run/netns/none: No such file"),
        ("/etc/passwd/x", "want a network namespace at /etc/passwd/x: Not a directory"),
        ("/etc/passwd", "want a network namespace at /etc/passwd, found something else"),
        ("/proc/self/ns/pid", "want a network namespace at /proc/self/ns/pid, found something"),
        ("/dev/zero", "want a network namespace at /dev/zero, found something else"),
        ("/etc", "want a network namespace at /etc, found something else"),
        (f"/{'a' * 4000}", "File name too long"),
    ],
)
def test_a_path_that_is_no_network_namespace(place: str, sentence: str) -> None:
    with pytest.raises(Missing, match=sentence):
        veth.host_interface(place, "eth0")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Missing, match="found something else"):
        veth.host_interface(str(tmp_path / "pipe"), "eth0")


def test_the_agents_own_namespace_is_no_pods() -> None:
    ip("link", "add", f"{TAG}m", "type", "veth", "peer", "name", f"{TAG}n")
    try:
        with pytest.raises(veth.Unfit):
            veth.host_interface("/proc/self/ns/net", f"{TAG}m")
    finally:
        ip("link", "delete", f"{TAG}m")


def test_looking_leaves_the_process_where_it_was_and_no_file_open(
    pods: tuple[hosts.Host, hosts.Host],
) -> None:
    def here() -> tuple[Path, int]:
        own = Path("/proc/self")
        return (own / "ns/net").readlink(), len(list((own / "fd").iterdir()))

    before = here()
    for _ in range(20):
        with pytest.raises(Missing):
            veth.host_interface(path(pods[0]), "eth0")
    assert here() == before
