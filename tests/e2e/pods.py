"""A node with pods: namespaces on a bridge; its CNI server is asked as the plug-in asks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p4kube_core.agent import client, settings
from p4kube_core.agent.cni.server import HEADER, MAGIC
from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import hosts
from p4kube_core.switch import blocking

GATEWAY = "10.97.0.1"


@dataclass(frozen=True)
class Pod:
    host: hosts.Host
    name: str
    address: str
    host_interface: str
    container: str

    @property
    def netns(self) -> str:
        return str(hosts.NAMESPACES / self.host.name)


@dataclass(frozen=True)
class Node:
    host: hosts.Host
    state: Path
    tag: str

    def p4kube(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """As a user of this node runs it; in the mounts of this process, unlike Host.run."""
        command = [sys.executable, "-m", "p4kube_core.cli.main", words[0], "--state", self.state]
        return self.host.inside(
            lambda: subprocess.run(
                [*map(str, command), *map(str, words[1:])],
                capture_output=True,
                text=True,
                timeout=120,
            )
        )

    def play(self, text: str, *more: str) -> str:
        """Play, which must succeed; what it said."""
        file = self.state / "play.yaml"
        file.write_text(text)
        done = self.p4kube("play", *more, file)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        self.host.inside(lambda: client.spawn(settings.Settings(state=self.state)))

    def status(self) -> dict[str, Any]:
        with client.AgentClient(self.state) as agent:
            return agent.status()

    def connect(self, device: int, *, read_only: bool = False) -> blocking.BlockingSession:
        """P4Runtime with a device."""
        return blocking.connect(settings.address_of(self.state), device, read_only=read_only)

    def session(self, function: str, *, read_only: bool = True) -> blocking.BlockingSession:
        """P4Runtime with what this function has on the one pod's wire that has it."""
        (number,) = (
            int(one["device_id"])
            for one in self.status()["instances"]
            if one["name"].startswith(f"{function}@")
        )
        return self.connect(number, read_only=read_only)

    def counted(self, function: str, table: str) -> Counter[str]:
        """Packets that a table's entries have counted there, by the names of what they are for."""
        found: Counter[str] = Counter()
        with self.session(function) as session:
            for entry in session.read_table(table, counters=True):
                found[entry.metadata.decode()] += entry.counter.packets if entry.counter else 0
        return found

    def pid(self, name: str) -> int:
        pid = private_agent.read_pid(self.state / f"{name}.pid")
        assert pid is not None
        return pid

    def _is_another(self, name: str, pid: int) -> bool:
        """For a moment between two there is none."""
        return private_agent.read_pid(self.state / f"{name}.pid") not in (None, pid)

    def kill(self, *names: str) -> None:
        """Kill agent and data planes, and wait until the next ones have settled everything."""
        before = {name: self.pid(name) for name in names}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        if "agent" in names:
            self.start()
        assert eventually(lambda: all(self._is_another(name, pid) for name, pid in before.items()))
        assert eventually(lambda: all(one["settled"] for one in self.status()["endpoints"]))

    @contextmanager
    def pod(self, number: int, name: str = "shop") -> Iterator[Pod]:
        """A pod as the main plug-in leaves it: an address on the bridge, and no functions yet."""
        with hosts.host(f"{self.tag}{number}") as host:
            end = f"veth{number}"
            hosts.wire(host, "eth0", self.host, end)
            self.host.run("ip", "link", "set", end, "master", "br0")
            address = f"10.97.0.{10 + number}"
            host.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
            host.run("ip", "route", "add", "default", "via", GATEWAY)
            yield Pod(host, name, address, end, f"c{number}")

    def cni(self, command: str, pod: Pod) -> dict[str, Any] | None:
        """What the plug-in would print of an error; None: it went well."""
        variables = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": pod.container,
            "CNI_NETNS": pod.netns,
            "CNI_IFNAME": "eth0",
            "CNI_ARGS": f"K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod.name}",
        }
        block = b"".join(f"{name}={value}\0".encode() for name, value in variables.items())
        text = json.dumps(
            {"cniVersion": "1.0.0", "name": "pods", "type": "p4kube-cni", "prevResult": {}}
        ).encode()
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(60)
            asked.connect(str(self.state / "cni.sock"))
            asked.sendall(HEADER.pack(MAGIC, len(block), len(text)) + block + text)
            answer = b""
            while data := asked.recv(1 << 16):
                answer += data
        _, status, _ = HEADER.unpack_from(answer)
        return json.loads(answer[HEADER.size :]) if status else None

    def links(self) -> set[str]:
        said = self.host.run("ip", "-brief", "link").stdout
        return {line.split()[0].partition("@")[0] for line in said.splitlines()}

    def filters(self, interface: str) -> str:
        return self.host.run(
            "sh", "-c", f"tc qdisc show dev {interface}; tc filter show dev {interface} ingress"
        ).stdout  # fmt: skip


@contextmanager
def node(state: Path, tag: str) -> Iterator[Node]:
    state.mkdir(mode=0o700)
    try:
        with hosts.host(f"{tag}n") as host:
            host.run("ip", "link", "add", "br0", "type", "bridge")
            host.run("ip", "link", "set", "br0", "up")
            host.run("ip", "address", "add", f"{GATEWAY}/24", "dev", "br0")
            try:
                yield Node(host, state, tag)
            finally:
                _forget(state)
                private_agent.stop(state)
    finally:
        subprocess.run(["rm", "-rf", str(state)], check=False)
    assert not state.exists(), "something is mounted there still"


def _forget(state: Path) -> None:
    """Have nothing be spliced any more, whatever the test left."""
    if not client.running(state):
        return
    with client.AgentClient(state) as agent:
        for attachment in agent.status()["attachments"]:
            agent.remove_attachment(attachment["name"])


def eventually(holds: Any, timeout_s: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return bool(holds())
