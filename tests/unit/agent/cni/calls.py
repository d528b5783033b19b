"""CNI calls as a runtime makes them, and endpoints that remember what was asked of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from p4kube_core.agent.cni.verbs import Kernel
from p4kube_core.agent.endpoint import Endpoint
from p4kube_core.agent.refusal import NOT_FOUND, Refusal

CONTAINER: Final = "f1d2" * 16
NETNS: Final = "/var/run/netns/cni-1"
RESULT: Final[Mapping[str, Any]] = {
    "cniVersion": "1.0.0",
    "interfaces": [
        {"name": "cni0", "mac": "00:11:22:33:44:55"},
        {"name": "veth3243", "mac": "55:44:33:22:11:11"},
        {"name": "eth0", "mac": "99:88:77:66:55:44", "sandbox": NETNS},
    ],
    "ips": [{"address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 2}],
    "dns": {},
}
POD: Final = (
    f"IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;"
    f"K8S_POD_INFRA_CONTAINER_ID={CONTAINER};K8S_POD_UID=7f1c"
)
ENDPOINT: Final = Endpoint(
    container_id=CONTAINER,
    interface="eth0",
    netns=NETNS,
    host_interface="veth3243",
    namespace="shop",
    name="web-0",
    network="pods",
)


def variables(command: str, **changed: str | None) -> dict[str, str]:
    """The environment of a call; None takes a variable away, and names go without CNI_."""
    made: dict[str, str | None] = {
        "COMMAND": command,
        "CONTAINERID": CONTAINER,
        "NETNS": NETNS,
        "IFNAME": "eth0",
        "ARGS": POD,
        "PATH": "/opt/cni/bin",
        **changed,
    }
    return {f"CNI_{name}": value for name, value in made.items() if value is not None}


def block(given: Mapping[str, str]) -> bytes:
    return b"".join(f"{name}={value}\0".encode() for name, value in given.items())


def configuration(**changed: Any) -> dict[str, Any]:
    """A plug-in's configuration; None takes a key away."""
    made = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "type": "p4kube-cni",
        "prevResult": RESULT,
        **changed,
    }
    return {key: value for key, value in made.items() if value is not None}


def text(**changed: Any) -> bytes:
    return json.dumps(configuration(**changed)).encode()


def _nothing(*_: str) -> None:
    pass


KERNEL: Final = Kernel(lambda netns, interface: "veth0", _nothing, _nothing, _nothing)


class FakeEndpoints:
    """Does nothing, remembers it, and refuses what it was told to refuse."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], Endpoint] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.refusal: BaseException | None = None
        self.takes_s = 0.0
        self.busy = self.busiest = 0

    async def add(self, endpoint: Endpoint) -> None:
        await self._call("add", endpoint)
        self.held[endpoint.container_id, endpoint.interface] = endpoint

    async def remove(self, container_id: str, interface: str) -> None:
        await self._call("remove", container_id, interface)
        self.held.pop((container_id, interface), None)

    async def check(self, endpoint: Endpoint) -> None:
        await self._call("check", endpoint)
        if (endpoint.container_id, endpoint.interface) not in self.held:
            raise Refusal(NOT_FOUND, "it was never added")

    async def keep_only(self, network: str, valid: frozenset[tuple[str, str]]) -> None:
        await self._call("keep_only", network, valid)
        for key, endpoint in list(self.held.items()):
            if endpoint.network == network and key not in valid:
                del self.held[key]

    async def ready(self) -> None:
        await self._call("ready")

    async def _call(self, *what: Any) -> None:
        self.calls.append(what)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.busy -= 1
        if self.refusal is not None:
            raise self.refusal
