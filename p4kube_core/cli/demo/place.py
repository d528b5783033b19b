"""Where a part of the demonstration takes place: a node with a pod, and a host outside of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, final

from p4kube_core import errors
from p4kube_core.agent import settings
from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import hosts, traffic
from p4kube_core.cli.demo.telling import Telling

OUTSIDE: Final = "10.99.1.2"
POD: Final = "10.99.2.2"
GATEWAYS: Final = {"outside": "10.99.1.1", "pod": "10.99.2.1"}
READY_S: Final = 10.0


@final
class Place:
    """outside -- [ node: routes ] -- pod; on the node p4kube runs."""

    def __init__(self, tag: str, state: Path, telling: Telling) -> None:
        self.outside, self.node, self.pod = (
            hosts.Host(f"{tag}-{name}") for name in ("outside", "node", "pod")
        )
        self.state = state
        self.telling = telling

    @property
    def hosts(self) -> tuple[hosts.Host, hosts.Host, hosts.Host]:
        return self.outside, self.node, self.pod

    def connect(self) -> None:
        """Wires, addresses and routes, as a container network has them."""
        for host, name, address in ((self.outside, "outside", OUTSIDE), (self.pod, "pod", POD)):
            hosts.wire(host, "eth0", self.node, name)
            host.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
            host.run("ip", "route", "add", "default", "via", GATEWAYS[name])
            self.node.run("ip", "address", "add", f"{GATEWAYS[name]}/24", "dev", name)
        self.node.run("sysctl", "-qw", "net.ipv4.ip_forward=1")

    def p4kube(self, *words: str) -> None:
        """Run it as a user would, and show what it says."""
        command = (sys.executable, "-m", "p4kube_core.cli.main", words[0])
        done = self.node.run(*command, "--state", str(self.state), *words[1:], check=False)
        self.telling.show(done.stdout)
        if done.returncode != 0:
            raise errors.MachineError(f"p4kube {words[0]} failed: {done.stderr.strip()}")

    def cni(self, verb: str) -> float:
        """Run the plug-in as a container runtime would, for the pod shop-0.

        Returns:
            Milliseconds that it took.
        """
        variables = {
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": "shop-0",
            "CNI_NETNS": str(hosts.NAMESPACES / self.pod.name),
            "CNI_IFNAME": "eth0",
            "CNI_ARGS": "K8S_POD_NAMESPACE=default;K8S_POD_NAME=shop-0",
            "P4KUBE_CNI_SOCKET": str(self.state / "cni.sock"),
        }
        network = {"cniVersion": "1.0.0", "name": "demo", "type": "p4kube-cni", "prevResult": {}}
        words = ["env", *(f"{name}={value}" for name, value in variables.items())]
        started = time.monotonic()
        self.node.run(*words, str(settings.CNI_PLUGIN), stdin=json.dumps(network))
        return (time.monotonic() - started) * 1e3

    def wait_for_neighbours(self) -> None:
        """Have addresses be resolved: else the first packets wait, or are lost, for that."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and not traffic.ping(self.outside, POD, 1).passed:
            pass

    @property
    def left_behind(self) -> list[str]:
        """What should be gone at the end and is not."""
        left = [str(self.state)] if self.state.exists() else []
        left += [host.name for host in self.hosts if (hosts.NAMESPACES / host.name).exists()]
        return left + [f"process {pid}" for pid in private_agent.processes(self.state)]


@contextmanager
def made(name: str, telling: Telling) -> Iterator[Place]:
    """All gone at the end, whatever happens."""
    stack = ExitStack()
    try:
        state = Path(tempfile.mkdtemp(prefix="p4kube-demo-"))
        stack.callback(shutil.rmtree, state, ignore_errors=True)
        place = Place(f"p4k{os.getpid()}-{name}", state, telling)
        for one in place.hosts:
            stack.enter_context(hosts.host(one.name))
        # Before the namespaces go, or the data plane would sit on vanished interfaces.
        stack.callback(private_agent.stop, state)
        yield place
    finally:
        with private_agent.undisturbed():
            stack.close()
