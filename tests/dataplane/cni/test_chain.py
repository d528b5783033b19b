"""The plug-in behind Debian's bridge and host-local, called as libcni calls them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest

from p4kube_core.agent import refusal
from p4kube_core.agent.cni import configuration, veth
from p4kube_core.agent.cni.verbs import Kernel
from p4kube_core.agent.endpoint import Endpoint
from p4kube_core.agent.refusal import Refusal
from p4kube_core.cli.demo import hosts
from tests.dataplane.cni import libcni, plugin
from tests.dataplane.cni.libcni import Attachment, Network
from tests.unit.agent.cni import calls
from tests.unit.agent.cni.calls import FakeEndpoints

pytestmark = pytest.mark.needs_cni
TAG = f"p4kn{os.getpid()}"
T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """A node with the agent's CNI server on endpoints that are fake, and one pod."""

    node: hosts.Host
    pod: hosts.Host
    endpoints: FakeEndpoints
    program: Path
    place: Path

    def network(self, version: str, main: str = "bridge") -> Network:
        return Network(
            libcni.bridged(version, self.place, main=main),
            (libcni.DEBIAN, self.program.parent),
            self.place / "cache",
            {"P4KUBE_CNI_SOCKET": str(self.place / "cni.sock")},
        )

    def attachment(self, container: str = "c1") -> Attachment:
        return Attachment(container, str(hosts.NAMESPACES / self.pod.name), "shop/web-0")

    def run(self, call: Callable[[], T]) -> T:
        return self.node.inside(call)

    def links(self) -> set[str]:
        said = self.node.run("ip", "-brief", "link").stdout
        return {line.split()[0].partition("@")[0] for line in said.splitlines()} - {"lo", "cni0"}

    def addresses(self) -> list[str]:
        """Those that host-local holds as given away."""
        return [path.name for path in (self.place / "addresses").glob("*/10.*")]


@pytest.fixture
def site(program: Path, socket_path: Path) -> Iterator[Site]:
    endpoints = FakeEndpoints()
    with ExitStack() as stack:
        node = stack.enter_context(hosts.host(f"{TAG}n"))
        pod = stack.enter_context(hosts.host(f"{TAG}p"))

        def host_interface(netns: str, interface: str) -> str:
            return node.inside(lambda: veth.host_interface(netns, interface))

        def shut(netns: str, interface: str) -> None:
            node.inside(lambda: veth.shut(netns, interface))

        kernel = Kernel(host_interface, shut)
        stack.enter_context(plugin.real_server(socket_path, endpoints, kernel=kernel))
        yield Site(node, pod, endpoints, program, socket_path.parent)


@pytest.mark.parametrize("version", ["0.3.0", "0.3.1", "0.4.0", "1.0.0"])
def test_a_pod_comes_and_goes(site: Site, version: str) -> None:
    network, wanted = site.network(version), site.attachment()
    result = site.run(lambda: network.add(wanted))
    (endpoint,) = site.endpoints.held.values()
    assert result["cniVersion"] == version
    assert {"name": endpoint.host_interface} in [
        {"name": one["name"]} for one in result["interfaces"] if not one.get("sandbox")
    ]
    assert site.links() == {endpoint.host_interface}
    assert (endpoint.namespace, endpoint.name, endpoint.network) == ("shop", "web-0", "pods")
    gateway = result["ips"][0]["gateway"]
    site.pod.run("ping", "-c", "1", "-W", "5", gateway)
    if configuration.VERSIONS.index(version) >= configuration.VERSIONS.index("0.4.0"):
        site.run(lambda: network.check(wanted))
    for _ in range(2):
        site.run(lambda: network.delete(wanted))
        assert (site.endpoints.held, site.links(), site.addresses()) == ({}, set(), [])


def test_a_pod_on_a_pair_of_its_own_without_a_bridge(site: Site) -> None:
    network, wanted = site.network("1.0.0", "ptp"), site.attachment()
    site.run(lambda: network.add(wanted))
    (endpoint,) = site.endpoints.held.values()
    assert site.links() == {endpoint.host_interface}
    site.node.run("ping", "-c", "1", "-W", "5", "10.97.0.2")
    site.run(lambda: network.check(wanted))
    site.run(lambda: network.delete(wanted))
    assert (site.endpoints.held, site.links(), site.addresses()) == ({}, set(), [])


def test_the_result_is_what_it_is_without_us(site: Site) -> None:
    network = site.network("1.0.0")
    alone = Network(
        {**network.conflist, "plugins": network.conflist["plugins"][1:2]},
        network.path,
        network.cache,
        {},
    )
    ours = site.run(lambda: network.add(site.attachment()))
    site.run(lambda: network.delete(site.attachment()))
    other = site.run(lambda: alone.add(site.attachment("c2")))
    for result in (ours, other):
        result["interfaces"] = [
            # Names and addresses of links are made up anew each time.
            {key: value for key, value in one.items() if key not in ("mac", "name")}
            for one in result["interfaces"]
        ]
        result["ips"] = [{**one, "address": None} for one in result["ips"]]
    assert ours == other


def test_no_packet_reaches_a_pod_before_its_functions_forward(site: Site) -> None:
    network, wanted = site.network("1.0.0"), site.attachment()
    seen: list[int] = []

    async def add(endpoint: Endpoint) -> None:
        ping = ["ping", "-c", "1", "-W", "1", "10.97.0.2"]
        seen.append(site.node.run(*ping, check=False).returncode)

    site.endpoints.add = add  # type: ignore[method-assign]
    site.run(lambda: network.add(wanted))
    assert seen == [1]
    site.node.run("ping", "-c", "1", "-W", "5", "10.97.0.2")


def test_no_packet_reaches_a_pod_whose_functions_are_gone(site: Site) -> None:
    network, wanted = site.network("1.0.0"), site.attachment()
    seen: list[int] = []

    async def remove(container_id: str, interface: str) -> None:
        ping = ["ping", "-c", "1", "-W", "1", "10.97.0.2"]
        seen.append(site.node.run(*ping, check=False).returncode)

    site.endpoints.remove = remove  # type: ignore[method-assign]
    site.run(lambda: network.add(wanted))
    site.node.run("ping", "-c", "1", "-W", "5", "10.97.0.2")
    site.run(lambda: network.delete(wanted))
    assert seen[0] == 1


def test_a_pod_that_is_refused_leaves_nothing_behind(site: Site) -> None:
    site.endpoints.refusal = Refusal(refusal.FAILED_PRECONDITION, "no such function: firewal")
    network, wanted = site.network("1.0.0"), site.attachment()
    with pytest.raises(libcni.PluginFailed, match="no such function: firewal") as caught:
        site.run(lambda: network.add(wanted))
    assert (caught.value.plugin, caught.value.code) == ("p4kube-cni", 100)
    # A runtime deletes what it could not add, without a result of it.
    site.run(lambda: network.delete(wanted))
    assert (site.links(), site.addresses()) == (set(), [])


def test_a_pod_whose_namespace_went_first_is_deleted(site: Site) -> None:
    network, wanted = site.network("1.0.0"), site.attachment()
    site.run(lambda: network.add(wanted))
    subprocess.run(["ip", "netns", "delete", site.pod.name], check=True)
    site.run(lambda: network.delete(wanted))
    assert (site.endpoints.held, site.addresses()) == ({}, [])


def test_check_finds_an_interface_that_is_gone(site: Site) -> None:
    network, wanted = site.network("1.0.0"), site.attachment()
    site.run(lambda: network.add(wanted))
    site.run(lambda: network.check(wanted, "p4kube-cni"))
    site.pod.run("ip", "link", "delete", "eth0")
    with pytest.raises(libcni.PluginFailed, match="want interface eth0 in") as caught:
        site.run(lambda: network.check(wanted, "p4kube-cni"))
    assert caught.value.code == 3


def test_gc_and_status_are_answered_and_gc_is_per_network(site: Site) -> None:
    for container, name in (("c1", "pods"), ("c2", "pods"), ("c3", "others")):
        made = replace(calls.ENDPOINT, container_id=container, network=name)
        site.endpoints.held[container, "eth0"] = made
    network = site.network("1.1.0")
    site.run(lambda: network.status("p4kube-cni"))
    site.run(lambda: network.collect([site.attachment("c1")], "p4kube-cni"))
    assert {container for container, _ in site.endpoints.held} == {"c1", "c3"}


def test_versions_are_told_as_libcni_asks_for_them(site: Site) -> None:
    told = site.network("1.0.0").versions("p4kube-cni")
    assert told == {"cniVersion": "1.0.0", "supportedVersions": list(configuration.VERSIONS)}
