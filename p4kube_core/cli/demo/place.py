"""Where a part of the demonstration takes place: three hosts, and a state directory of its own."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, final

from p4kube_core import errors
from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import hosts
from p4kube_core.cli.demo.telling import Telling

OUTSIDE: Final = "10.99.0.1"
INSIDE: Final = "10.99.0.2"


@final
class Place:
    """outside -- [ middle ] -- inside; in the middle p4kube runs."""

    def __init__(self, tag: str, state: Path, telling: Telling) -> None:
        self.outside, self.middle, self.inside = (
            hosts.Host(f"{tag}-{name}") for name in ("outside", "middle", "inside")
        )
        self.state = state
        self.telling = telling

    @property
    def hosts(self) -> tuple[hosts.Host, hosts.Host, hosts.Host]:
        return self.outside, self.middle, self.inside

    def connect(self) -> None:
        for host, name, address in (
            (self.outside, "outside", OUTSIDE),
            (self.inside, "inside", INSIDE),
        ):
            hosts.wire(host, "eth0", self.middle, name)
            host.run("ip", "address", "add", f"{address}/24", "dev", "eth0")

    def p4kube(self, *words: str) -> None:
        """Run it as a user would, and show what it says."""
        command = (sys.executable, "-m", "p4kube_core.cli.main", words[0])
        done = self.middle.run(*command, "--state", str(self.state), *words[1:], check=False)
        self.telling.show(done.stdout)
        if done.returncode != 0:
            raise errors.MachineError(f"p4kube {words[0]} failed: {done.stderr.strip()}")

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
