"""p4kube on a node that is a namespace: an agent of its own, gone at the end."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import yaml

from p4kube_core import errors
from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import hosts


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
        spec = {"program": program, "parameters": parameters}
        function = _object("NetworkFunction", program, spec)
        self._play(function, *(_attachment(program, name) for name in interfaces))

    def detach(self, interfaces: Sequence[str]) -> None:
        """Take away what is attached there; the function stays for others."""
        self._down(*(_attachment("none", name) for name in interfaces))

    def status(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self._p4kube("status", "--json"))
        return said

    def _play(self, *objects: Mapping[str, Any]) -> None:
        self._p4kube("play", "--target", self.target, self._written(objects))

    def _down(self, *objects: Mapping[str, Any]) -> None:
        self._p4kube("play", "--down", self._written(objects))

    def _written(self, objects: Iterable[Mapping[str, Any]]) -> str:
        file = self.state / "played.yaml"
        file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        return str(file)

    def _p4kube(self, *words: str) -> str:
        command = (sys.executable, "-m", "p4kube_core.cli.main", words[0])
        done = self.node.run(*command, "--state", str(self.state), *words[1:], check=False)
        if done.returncode != 0:
            raise errors.MachineError(f"p4kube {' '.join(words)} failed: {done.stderr.strip()}")
        return done.stdout


def _attachment(function: str, interface: str) -> dict[str, Any]:
    target = {"kind": "Interface", "name": interface}
    spec = {"target": target, "functions": [function]}
    return _object("NetworkFunctionAttachment", interface, spec)


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
