"""CNI as runtimes do it by way of libcni: a list of plug-ins run in order, results kept for DEL.

Source: CNI specification 1.1.0, "Execution of Network Configurations". Real plug-ins are run.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DEBIAN: Final = Path("/usr/lib/cni")
PATIENCE_S: Final = 120.0

Object = dict[str, Any]


class PluginFailed(Exception):
    """A plug-in's error object."""

    def __init__(self, plugin: str, error: Object) -> None:
        self.plugin = plugin
        self.code = error["code"]
        super().__init__(f"{plugin}: {error}")


@dataclass(frozen=True)
class Attachment:
    """One interface of one container, as the runtime sees it."""

    container: str
    netns: str
    pod: str | None = None  # NAMESPACE/NAME
    interface: str = "eth0"

    @property
    def arguments(self) -> str:
        if self.pod is None:
            return "IgnoreUnknown=1"
        namespace, _, name = self.pod.partition("/")
        return (
            f"IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};"
            f"K8S_POD_INFRA_CONTAINER_ID={self.container};K8S_POD_UID={self.container[:8]}"
        )


@dataclass(frozen=True)
class Network:
    """A configuration list, where its plug-ins are, and where results are cached.

    Plug-ins run in the network namespace of the thread that calls, which is the node's.
    """

    conflist: Mapping[str, Any]
    path: Sequence[Path]
    cache: Path
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        return str(self.conflist["name"])

    @property
    def version(self) -> str:
        return str(self.conflist["cniVersion"])

    def add(self, wanted: Attachment) -> Object:
        result: Object | None = None
        for plugin in self.conflist["plugins"]:
            result = self._ask("ADD", plugin, wanted, result)
        assert result is not None
        cached = self._cached(wanted)
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_text(json.dumps(result))
        return result

    def check(self, wanted: Attachment, only: str | None = None) -> None:
        """All plug-ins, or those of one type."""
        result = json.loads(self._cached(wanted).read_text())
        for plugin in self.conflist["plugins"]:
            if only in (None, plugin["type"]):
                self._ask("CHECK", plugin, wanted, result)

    def delete(self, wanted: Attachment) -> None:
        """In reverse order, with the result of the ADD if there was one."""
        cached = self._cached(wanted)
        result = json.loads(cached.read_text()) if cached.exists() else None
        for plugin in reversed(self.conflist["plugins"]):
            self._ask("DEL", plugin, wanted, result)
        cached.unlink(missing_ok=True)

    def collect(self, valid: Sequence[Attachment], only: str) -> None:
        """GC of the plug-ins of one type: Debian's are older than the verb."""
        listed = [{"containerID": one.container, "ifname": one.interface} for one in valid]
        more = {"cni.dev/valid-attachments": listed, "cni.dev/attachments": listed}
        for plugin in self.conflist["plugins"]:
            if plugin["type"] == only:
                self._ask("GC", {**plugin, **more}, None, None)

    def status(self, only: str) -> None:
        for plugin in self.conflist["plugins"]:
            if plugin["type"] == only:
                self._ask("STATUS", plugin, None, None)

    def versions(self, plugin: str) -> Object:
        answer = self._run(plugin, {"CNI_COMMAND": "VERSION"}, {"cniVersion": self.version})
        assert answer is not None
        return answer

    def _ask(
        self,
        command: str,
        plugin: Mapping[str, Any],
        wanted: Attachment | None,
        previous: Object | None,
    ) -> Object | None:
        # The keys in the order of Go's encoder: sorted.
        given = {**plugin, "cniVersion": self.version, "name": self.name}
        if previous is not None:
            given["prevResult"] = previous
        variables = {"CNI_COMMAND": command, "CNI_PATH": ":".join(map(str, self.path))}
        if wanted is not None:
            variables |= {
                "CNI_CONTAINERID": wanted.container,
                "CNI_NETNS": wanted.netns,
                "CNI_IFNAME": wanted.interface,
                "CNI_ARGS": wanted.arguments,
            }
        return self._run(plugin["type"], variables, given)

    def _run(self, plugin: str, variables: Mapping[str, str], given: Object) -> Object | None:
        program = next(place / plugin for place in self.path if (place / plugin).exists())
        done = subprocess.run(
            [program],
            input=json.dumps(given, sort_keys=True).encode(),
            env={"PATH": os.environ["PATH"], **self.environment, **variables},
            capture_output=True,
            timeout=PATIENCE_S,
        )
        if done.returncode != 0:
            raise PluginFailed(plugin, json.loads(done.stdout))
        return json.loads(done.stdout) if done.stdout else None

    def _cached(self, wanted: Attachment) -> Path:
        return self.cache / f"{self.name}-{wanted.container}-{wanted.interface}"


def bridged(version: str, place: Path, name: str = "pods", main: str = "bridge") -> Object:
    """A list as clusters have it, a bridge and addresses of the node's own, between ours."""
    own = {"bridge": "cni0", "isGateway": True} if main == "bridge" else {}
    return {
        "cniVersion": version,
        "name": name,
        "plugins": [
            {"type": "p4kube-cni"},
            {
                "type": main,
                **own,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(place / "addresses"),
                    "ranges": [[{"subnet": "10.97.0.0/16"}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "p4kube-cni"},
        ],
    }
