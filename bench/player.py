"""p4kube on a node that is a namespace: an agent of its own, gone at the end."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import yaml

from p4kube_core import errors, protos
from p4kube_core.agent import client, settings
from p4kube_core.catalog import package
from p4kube_core.cli import compilation, private_agent
from p4kube_core.cli.demo import hosts
from p4kube_core.model import artifact as artifacts
from p4kube_core.reconciler import desire, plan
from p4kube_core.switch import blocking, schema


@final
@dataclass(frozen=True, slots=True)
class Player:
    node: hosts.Host
    state: Path
    target: str

    def play(self, ports: Mapping[int, str], **spec: object) -> None:
        """A function between interfaces, by P4 port; the rest of its spec as in YAML."""
        wired = [{"port": port, "interface": name} for port, name in ports.items()]
        name = Path(str(spec["program"])).stem
        self._play(_object("NetworkFunction", name, {**spec, "ports": wired}))

    def attach(
        self, program: str, parameters: Mapping[str, Any], interfaces: Sequence[str]
    ) -> None:
        """A function of the catalogue on each of these interfaces, as on a pod's wire."""
        found = package.load(program)
        made = compilation.artifact_of(found.program, "ebpf")
        known = schema.from_p4info(protos.p4info.P4Info.FromString(made.p4info))
        wanted = desire.table_entries(known, found.state(parameters).entries)
        sizes = {table.name: table.size for table in made.manifest.tables}
        self._start()
        with client.AgentClient(self.state) as agent:
            first = 1 + max((int(d["device_id"]) for d in agent.status()["devices"]), default=0)
            for device_id, interface in enumerate(interfaces, start=first):
                name = f"{program}-{interface}"
                ports = [
                    client.Port(number, "tc", {"interface": interface, "hook": hook})
                    for number, hook in ((1, "egress"), (2, "ingress"))
                ]
                agent.put_device(device_id, name, target="ebpf")
                with blocking.connect(agent.address, device_id) as session:
                    session.set_pipeline(artifacts.pack(made), made.p4info, cookie=1)
                    for write in plan.writes(wanted, list(session.read_table()), sizes):
                        session.write(write)
                agent.put_device(device_id, name, ports, "ebpf")

    def detach(self, interfaces: Sequence[str]) -> None:
        """Take away what was attached there."""
        with client.AgentClient(self.state) as agent:
            for device in agent.status()["devices"]:
                if {port.get("interface") for port in device["ports"]} & set(interfaces):
                    agent.remove_device(int(device["device_id"]))

    def _start(self) -> None:
        wanted = settings.Settings(state=self.state)
        self.node.inside(lambda: client.spawn(wanted))

    def status(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self._p4kube("status", "--json"))
        return said

    def _play(self, *objects: Mapping[str, Any]) -> None:
        file = self.state / "played.yaml"
        file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        self._p4kube("play", "--target", self.target, str(file))

    def _p4kube(self, *words: str) -> str:
        command = (sys.executable, "-m", "p4kube_core.cli.main", words[0])
        done = self.node.run(*command, "--state", str(self.state), *words[1:], check=False)
        if done.returncode != 0:
            raise errors.MachineError(f"p4kube {' '.join(words)} failed: {done.stderr.strip()}")
        return done.stdout


def _object(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "p4kube.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": dict(spec),
    }


@contextmanager
def playing(node: hosts.Host, target: str = "ebpf") -> Iterator[Player]:
    state = Path(tempfile.mkdtemp(prefix="p4kube-bench-"))
    try:
        yield Player(node, state, target)
    finally:
        with private_agent.undisturbed():
            private_agent.stop(state)
            shutil.rmtree(state, ignore_errors=True)
