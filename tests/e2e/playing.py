"""A site to play functions at, and p4kube as a user runs it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import hosts

OUTSIDE = "10.98.0.1"
INSIDE = "10.98.0.2"
PING = "      - {name: ping, action: allow, protocol: icmp}\n"
ECHO = (
    "      - {name: echo, action: allow, from: outside, protocol: udp, "
    "destinationPort: 5353, replies: true}\n"
)
FIREWALL = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {{name: e2e}}
spec:
  program: firewall
  parameters:
    rules:
{rules}
  ports:
    - {{port: 1, interface: outside}}
    - {{port: 2, interface: inside}}
"""


@dataclass(frozen=True)
class Site:
    """outside -- [ middle ] -- inside, and a state directory for the agent in the middle."""

    outside: hosts.Host
    middle: hosts.Host
    inside: hosts.Host
    state: Path
    manifest: Path

    def p4kube(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "p4kube_core.cli.main", *map(str, words)]
        if words[0] in ("play", "status"):
            command += ["--state", str(self.state)]
        return self.middle.run(*command, check=False, timeout_s=120)

    def firewall(self, *rules: str, target: str = "dpdk") -> subprocess.CompletedProcess[str]:
        """Play a firewall of these rules; it must succeed."""
        self.manifest.write_text(FIREWALL.format(rules="".join(rules)))
        done = self.p4kube("play", "--target", target, self.manifest)
        assert done.returncode == 0, done.stderr
        return done

    @property
    def processes(self) -> list[int]:
        return private_agent.processes(self.state)

    def pid(self, name: str) -> int:
        pid = private_agent.read_pid(self.state / f"{name}.pid")
        assert pid is not None
        return pid


def eventually(holds: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Wait until something holds; whether it came to."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return holds()
