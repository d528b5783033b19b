"""Pods whose functions are on target dpdk: spliced, and as they were when that is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core.cli.demo import hosts, traffic
from tests.dataplane.cni import libcni
from tests.e2e.pods import GATEWAY, Node, Pod, eventually
from tests.e2e.test_attachments import ECHO, PING, WEB, attach, firewall, gate

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]


def belongings(pod: Pod) -> tuple[object, ...]:
    """What a pod can see of its interface, less what says which end it is of which pair."""
    link = pod.host.run("ip", "-o", "link", "show", "dev", "eth0").stdout
    address = pod.host.run("ip", "-o", "address", "show", "dev", "eth0").stdout
    neighbours = pod.host.run("ip", "neighbour", "show", "nud", "permanent").stdout
    mac = link.partition("link/ether ")[2].split()[0]
    mtu = link.partition(" mtu ")[2].split()[0]
    # Who is spliced meanwhile is not looked for by others; that is over in a second.
    addresses = address.replace(" tentative", "")
    return link.split(":")[0], mac, mtu, addresses, routes(pod.host), neighbours


def routes(host: hosts.Host) -> list[str]:
    """Less the kernel's own, which follow from addresses."""
    said = [host.run("ip", kind, "route", "show", "table", "all").stdout for kind in ("-4", "-6")]
    lines = sorted(line.rstrip() for text in said for line in text.splitlines())
    return [line for line in lines if " table local " not in line]


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
            node.kill(name)
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


PING6 = "{name: ping6, action: allow, protocol: icmpv6}"
GATEWAY6 = "fd97::1"


def with_ipv6(node: Node, pod: Pod) -> str:
    """Give both sides IPv6, too; the pod's address."""
    address = "fd97::b"
    for host, interface, its in ((node.host, "br0", GATEWAY6), (pod.host, "eth0", address)):
        host.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0")
        host.run("ip", "address", "add", f"{its}/64", "dev", interface)
    pod.host.run("ip", "route", "add", "default", "via", GATEWAY6)
    return address


def link_local(pod: Pod) -> str:
    said = pod.host.run("ip", "-6", "-o", "address", "show", "dev", "eth0", "scope", "link").stdout
    return said.split()[3].partition("/")[0]


def forget_neighbours(node: Node, pod: Pod) -> None:
    for host, interface in ((node.host, "br0"), (pod.host, "eth0")):
        host.run("ip", "-6", "neighbour", "flush", "dev", interface)


def pings(node: Node, pod: Pod, *addresses: str) -> bool:
    """By IPv6, in both directions, with neighbours that are to be found first."""
    forget_neighbours(node, pod)
    answers = [traffic.ping(node.host, address).passed for address in addresses]
    return all([*answers, traffic.ping(pod.host, GATEWAY6).passed])


def settled(host: hosts.Host) -> bool:
    """No address is being looked for any more."""
    return host.run("ip", "-6", "address", "show", "tentative").stdout == ""


@pytest.mark.parametrize("waits", [True, False])
def test_a_pod_with_ipv6_is_spliced_and_put_back(node: Node, waits: bool) -> None:
    """Also while its addresses are still looked for."""
    with node.pod(1) as pod:
        global_one = with_ipv6(node, pod)
        if waits:
            assert eventually(lambda: settled(pod.host))
        before = belongings(pod)
        node.play(firewall(PING, PING6) + attach("wall"), "--target", "dpdk")
        assert node.cni("ADD", pod) is None
        assert belongings(pod) == before
        assert settled(pod.host)
        assert eventually(lambda: settled(node.host))
        local_one = f"{link_local(pod)}%br0"
        assert pings(node, pod, global_one, local_one)
        node.play(firewall(PING))
        assert not traffic.ping(node.host, global_one).passed
        node.p4kube("play", "--down", node.state / "play.yaml")
        node.p4kube("play", "--down")
        assert belongings(pod) == before
        assert settled(pod.host)
        assert pings(node, pod, global_one, local_one)


def test_a_pod_keeps_its_routes_by_several_ways_and_other_interfaces(node: Node) -> None:
    with node.pod(1) as pod:
        with_ipv6(node, pod)
        run = pod.host.run
        hosts.wire(pod.host, "net1", node.host, "vnet1")
        run("ip", "address", "add", "10.95.0.2/24", "dev", "net1")
        run("ip", "address", "add", "fd95::2/64", "dev", "net1", "nodad")
        for one, other in (("10.97.0.1", "10.95.0.1"), ("fd97::1", "fd95::1")):
            wide, narrow = (
                ("10.98.0.0/16", "10.96.0.0/16") if "." in one else ("fd98::/32", "fd96::/32")
            )
            run("ip", "route", "add", wide, "nexthop", "via", one, "dev", "eth0", "weight", "2",
                "nexthop", "via", f"{one}3", "dev", "eth0")  # fmt: skip
            run("ip", "route", "add", narrow, "nexthop", "via", one, "dev", "eth0",
                "nexthop", "via", other, "dev", "net1")  # fmt: skip
        run("ip", "route", "add", "blackhole", "10.93.0.0/16")
        assert eventually(lambda: settled(pod.host))
        before = belongings(pod)
        node.play(firewall(PING) + attach("wall"), "--target", "dpdk")
        assert node.cni("ADD", pod) is None
        assert belongings(pod) == before
        run("ip", "route", "add", "10.94.0.0/16", "via", "10.97.0.1")
        since = belongings(pod)
        node.p4kube("play", "--down", node.state / "play.yaml")
        assert belongings(pod) == since


@pytest.mark.needs_cni
def test_a_pod_of_the_ptp_plug_in_is_spliced_and_put_back(node: Node, tmp_path: Path) -> None:
    """Its network is by a gateway that is by a route of its own, and the host has no bridge."""
    conflist = libcni.bridged("1.0.0", tmp_path, main="ptp")
    conflist["plugins"] = conflist["plugins"][1:2]
    conflist["plugins"][0]["ipam"]["ranges"] = [
        [{"subnet": "10.92.0.0/24"}], [{"subnet": "fd92::/64"}]
    ]  # fmt: skip
    conflist["plugins"][0]["ipam"]["routes"] += [{"dst": "::/0"}]
    network = libcni.Network(conflist, (libcni.DEBIAN,), tmp_path / "cache", {})
    with hosts.host(f"{node.tag}1") as host:
        for one in (node.host, host):
            one.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0")
        wanted = libcni.Attachment("c1", str(hosts.NAMESPACES / host.name))
        made = node.host.inside(lambda: network.add(wanted))
        four, six = (ip["address"].partition("/")[0] for ip in made["ips"])
        end = next(i["name"] for i in made["interfaces"] if not i.get("sandbox"))
        pod = Pod(host, "shop", four, end, "c1")
        assert eventually(lambda: settled(host) and settled(node.host))
        before = belongings(pod), routes(node.host)
        node.play(firewall(PING, PING6, ECHO, WEB) + attach("wall"), "--target", "dpdk")
        assert node.cni("ADD", pod) is None
        assert (belongings(pod), routes(node.host)) == before
        passes(node, pod)
        assert traffic.ping(node.host, six).passed
        for gateway in ("10.92.0.1", "fd92::1"):
            assert traffic.ping(host, gateway).passed
        node.p4kube("play", "--down", node.state / "play.yaml")
        assert (belongings(pod), routes(node.host)) == before
        assert traffic.ping(node.host, six).passed
        assert traffic.ping(host, GATEWAY).passed
        node.host.inside(lambda: network.delete(wanted))


def test_a_pod_whose_program_the_kernel_cannot_have_is_spliced_and_told_why(node: Node) -> None:
    with (
        node.pod(1) as pod,
        traffic.udp_echo(pod.host, pod.address, 5353),
        traffic.udp_echo(pod.host, pod.address, 6000),
    ):
        said = node.play(gate(node.state, "{to: 6000}", options=2016) + attach("gate"))
        why = "gate2016.p4:53:8: error[P4K0503]: target ebpf takes a varbit of at most"
        assert why in said
        assert node.cni("ADD", pod) is None
        for name in ("", "dpdk", "agent"):
            if name:
                node.kill(name)
            assert eventually(lambda: traffic.udp(node.host, pod.address, 5353).passed)
            assert not traffic.udp(node.host, pod.address, 6000).passed
        (attachment,) = node.status()["attachments"]
        assert why in attachment["conditions"][0]["message"]
        assert why in node.p4kube("status", "shop").stdout
        assert node.cni("DEL", pod) is None
        assert node.status()["endpoints"] == []
