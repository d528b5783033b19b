"""Pods that start and stop by real CNI calls, many at a time, under a prober that never rests.

All that a data plane or the agent has in the kernel is held by an interface, a pin or a file
descriptor, so that these, files and memory are all that could be left behind.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import hosts
from tests.dataplane.cni import libcni, plugin
from tests.dataplane.cni.libcni import Attachment, Network
from tests.e2e.playing import eventually
from tests.e2e.probing import Prober
from tests.unit.agent import processes

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_cni, pytest.mark.needs_dpdk]

COUNT = int(os.environ.get("P4KUBE_PODS", "1000"))
FIRST = COUNT // 5  # after these memory is what it will be
AT_ONCE = 16
SPLICED = 64
GROWTH_BYTES = 3 << 20
TAG = f"p4kp{os.getpid()}"
FUNCTION = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {{name: fw}}
spec:
  program: firewall
  target: {target}
  parameters:
    rules:
      - name: echo
        action: allow
        from: outside
        protocol: udp
        destinationPort: 5353
        replies: true
"""
ATTACHMENT = """\
---
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunctionAttachment
metadata: {{name: {name}}}
spec:
  target: {{apiVersion: v1, kind: Pod, namespace: shop, name: {name}}}
  functions: [fw]
"""


def pod_name(slot: int) -> str:
    return f"web-{slot}"


def address(slot: int) -> str:
    """Every slot has an address of its own, so that it is known before the pod is."""
    return f"10.97.0.{10 + slot}"


@dataclass(frozen=True)
class Left:
    """All that a pod could leave behind on a node."""

    interfaces: frozenset[str]
    files: frozenset[str]  # of the state directory, and pins
    descriptors: dict[str, int]  # of each process
    addresses: int


@dataclass(frozen=True)
class Site:
    node: hosts.Host
    state: Path
    place: Path

    def play(self, target: str = "ebpf") -> None:
        """Have the functions and attachments, and an agent."""
        wanted = self.place / "functions.yaml"
        attachments = (ATTACHMENT.format(name=pod_name(slot)) for slot in range(AT_ONCE))
        wanted.write_text(FUNCTION.format(target=target) + "".join(attachments))
        command = [sys.executable, "-m", "p4kube_core.cli.main", "play", str(wanted)]
        self.node.run(*command, "--state", str(self.state), timeout_s=120)

    def network(self, slot: int, in_front: bool = True) -> Network:
        conflist = libcni.bridged("1.0.0", self.place)
        bridge = conflist["plugins"][1]
        bridge["ipam"]["ranges"] = [
            [{"subnet": "10.97.0.0/16", "rangeStart": address(slot), "rangeEnd": address(slot)}]
        ]
        if not in_front:
            del conflist["plugins"][0]
        return Network(
            conflist,
            (libcni.DEBIAN, plugin.SOURCES / "build/release"),
            self.place / "cache",
            {"P4KUBE_CNI_SOCKET": str(self.state / "cni.sock")},
        )

    def processes(self) -> dict[str, int]:
        found = {}
        for path in self.state.glob("*.pid"):
            pid = private_agent.read_pid(path)
            if pid is not None:
                found[path.stem] = pid
        return found

    def memory(self) -> dict[str, int]:
        """Resident bytes of each process."""
        page = os.sysconf("SC_PAGE_SIZE")
        return {
            name: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
            for name, pid in self.processes().items()
        }

    def _files(self) -> Iterator[str]:
        """Files as the data plane sees them, which has pins mounted among them."""
        pids = self.processes()
        root = Path(f"/proc/{pids.get('ebpf', pids['agent'])}/root")
        for path in (root / self.state.relative_to("/")).rglob("*"):
            yield str(path.relative_to(root))

    def left(self) -> Left:
        links = self.node.run("ip", "-brief", "link").stdout.splitlines()
        return Left(
            interfaces=frozenset(line.split()[0] for line in links),
            files=frozenset(self._files()),
            descriptors={
                name: len(list(Path(f"/proc/{pid}/fd").iterdir()))
                for name, pid in self.processes().items()
            },
            addresses=len(list((self.place / "addresses").glob("*/10.*"))),
        )


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    target = getattr(request, "param", "ebpf")
    state = Path(f"/tmp/{TAG}")
    with ExitStack() as stack:
        node = stack.enter_context(hosts.host(f"{TAG}n"))
        # An address that nobody had is asked for again sooner than in a second.
        node.run("ip", "link", "add", "cni0", "type", "bridge")
        node.run("sysctl", "-qw", "net.ipv4.neigh.cni0.retrans_time_ms=50")
        made = Site(node, state, tmp_path)
        stack.callback(lambda: node.run("rm", "-rf", str(state)))
        stack.callback(private_agent.stop, state)
        made.play(target)
        yield made


@dataclass(frozen=True)
class Seen:
    """What pods saw, one or many together."""

    pods: int = 0
    answered: int = 0  # whose first packet after ADD came, and whose answer came back
    heard: int = 0  # packets to it that nobody allows
    pinged: int = 0
    held: int = 0  # packets to it that came too early
    sent: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Seen) -> Seen:
        return Seen(
            self.pods + other.pods,
            self.answered + other.answered,
            self.heard + other.heard,
            self.pinged + other.pinged,
            self.held + other.held,
            self.sent + other.sent,
        )


def after_one_pod(site: Site, prober: Prober) -> Left:
    """What the first pod of all leaves for the others: an empty directory."""
    run(site, prober, 1)
    reads = [site.left()]
    while True:
        time.sleep(1)
        reads.append(site.left())
        if reads[-1] == reads[-2]:
            return reads[-1]


def assert_back_to(before: Left, site: Site) -> None:
    if not eventually(lambda: site.left() == before):
        now = site.left()
        assert now.interfaces == before.interfaces
        assert sorted(now.files ^ before.files) == []
        assert (now.descriptors, now.addresses) == (before.descriptors, before.addresses)


def live(site: Site, prober: Prober, network: Network, slot: int, number: int) -> Seen:
    """A pod from its first moment to its last."""
    with hosts.host(f"{TAG}-{slot}") as host, prober.pod(host) as pod:
        netns = str(hosts.NAMESPACES / host.name)
        wanted = Attachment(f"c{slot}n{number}", netns, f"shop/{pod_name(slot)}")
        site.node.inside(lambda: network.add(wanted))
        # The prober has asked for its MAC address in vain so far. Where the kernel gives up on that
        # at this moment, it drops whatever waits for it.
        site.node.run("ip", "neighbour", "flush", address(slot), check=False)
        answered = prober.ask(pod, address(slot))
        if number < AT_ONCE:
            # The bridge plug-in's own does not find its end of a pair that is spliced.
            site.node.inside(lambda: network.check(wanted, "p4kube-cni"))
        site.node.inside(lambda: network.delete(wanted))
        # The next pod has this address, but not this pod's MAC address; gone already is fine.
        site.node.run("ip", "neighbour", "flush", address(slot), check=False)
        return Seen(1, answered, pod.heard(), pod.pinged(), pod.held(), pod.sent)


def run(site: Site, prober: Prober, count: int, in_front: bool = True) -> Seen:
    """Pods one after the other in each slot, all slots at once."""

    def fill(slot: int) -> Seen:
        network = site.network(slot, in_front)
        numbers = range(slot, count, AT_ONCE)
        return sum((live(site, prober, network, slot, n) for n in numbers), Seen())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(fill, range(AT_ONCE)), Seen())


@pytest.fixture
def prober(site: Site) -> Iterator[Prober]:
    made = Prober(site.node)
    with made.probing([address(slot) for slot in range(AT_ONCE)]):
        yield made


@pytest.mark.xdist_group("pods")
def test_no_packet_passes_a_pods_functions_and_nothing_is_left_of_it(
    site: Site, prober: Prober
) -> None:
    before = after_one_pod(site, prober)
    seen = run(site, prober, FIRST)
    early = site.memory()
    seen += run(site, prober, COUNT - FIRST)
    late = site.memory()
    print(f"{seen}\n{before}\n{early}\n{late}")
    assert (seen.pods, seen.answered) == (COUNT, COUNT)
    assert (seen.heard, seen.pinged, prober.heard()) == (0, 0, 0)
    # It was tried all the time: before there were functions, and with them.
    assert seen.held > COUNT
    assert seen.sent["EPERM"] > COUNT
    assert seen.sent["sent"] > COUNT
    assert_back_to(before, site)
    for name, held in early.items():
        assert late[name] < held + GROWTH_BYTES, name


@pytest.mark.xdist_group("pods")
@pytest.mark.parametrize("site", ["dpdk"], indirect=True)
def test_no_packet_passes_the_functions_of_a_pod_that_is_spliced(
    site: Site, prober: Prober
) -> None:
    before = after_one_pod(site, prober)
    seen = run(site, prober, SPLICED)
    assert (seen.pods, seen.answered) == (SPLICED, SPLICED)
    assert (seen.heard, seen.pinged, prober.heard()) == (0, 0, 0)
    assert_back_to(before, site)


@pytest.mark.xdist_group("pods")
def test_without_the_element_in_front_packets_do_pass(site: Site, prober: Prober) -> None:
    """That the prober sees what it should."""
    seen = run(site, prober, 2 * AT_ONCE, in_front=False)
    assert seen.pinged > AT_ONCE
    assert prober.heard() > AT_ONCE


@pytest.mark.xdist_group("pods")
def test_pods_that_stop_while_the_agent_is_away_leave_nothing_when_it_is_back(
    site: Site, prober: Prober
) -> None:
    before = after_one_pod(site, prober)
    wanted = []
    with ExitStack() as stack:
        for slot in range(AT_ONCE):
            host = stack.enter_context(hosts.host(f"{TAG}-{slot}"))
            netns = str(hosts.NAMESPACES / host.name)
            wanted.append(Attachment(f"gone{slot}", netns, f"shop/{pod_name(slot)}"))
        for slot, one in enumerate(wanted):
            site.node.inside(partial(site.network(slot).add, one))
        processes.end(site.processes()["agent"])
        for slot, one in enumerate(wanted):
            site.node.inside(partial(site.network(slot).delete, one))
    site.play()
    assert_back_to(before, site)
