"""The gRPC service p4kube.agent.v1.Agent: devices and what is attached; docs/seams.md, 5."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, final

import grpc
import grpc.aio

from p4kube_core.agent import form, report
from p4kube_core.agent.chains.site import Site
from p4kube_core.agent.chains.wishes import Wishes
from p4kube_core.agent.node import Node
from p4kube_core.agent.record import PortWish
from p4kube_core.agent.refusal import INVALID_ARGUMENT, Refusal, listed
from p4kube_core.agent.settings import TARGETS

SERVICE: Final = "p4kube.agent.v1.Agent"
MAX_PORT: Final = 0xFFFE
MAX_NAME_BYTES: Final = 127
_OPTIONS: Final[Mapping[str, Mapping[str, type]]] = {
    "packet": {"interface": str},
    "tap": {"interface": str},
    "vhost": {"socket": str, "server": bool},
    "ring": {},
    "ethdev": {"devargs": str},
    "tc": {"interface": str, "hook": str},  # target ebpf
    "patch": {"peer": str},
    "cpu": {},  # to and from controllers, by P4Runtime's packet-in and packet-out
}
_DEFAULTS: Final[Mapping[str, Any]] = {"server": True}
_GRPC_CODES: Final = {status.value[0]: status for status in grpc.StatusCode}


@final
class AgentService:
    """Handlers, one a method; each takes and gives JSON objects."""

    def __init__(self, node: Node, site: Site, stop: Callable[[bool], None]) -> None:
        self._node = node
        self._site = site
        self._wishes = Wishes(site)
        self._stop = stop
        self.methods = {
            "PutDevice": self.put_device,
            "RemoveDevice": self.remove_device,
            "PutFunction": self._wishes.put_function,
            "RemoveFunction": self.remove_function,
            "PutAttachment": self._wishes.put_attachment,
            "RemoveAttachment": self.remove_attachment,
            "GetStatus": self.get_status,
            "Stop": self.stop,
        }

    async def put_device(self, request: Mapping[str, Any]) -> dict[str, Any]:
        device_id = form.wanted(request, "device_id", int, "the request")
        name = form.wanted(request, "name", str, "the request")
        if not 0 < len(name.encode()) <= MAX_NAME_BYTES:
            raise Refusal(INVALID_ARGUMENT, f"want a name of 1 to {MAX_NAME_BYTES} bytes")
        target = request.get("target", "dpdk")
        if target not in TARGETS:
            raise Refusal(INVALID_ARGUMENT, f"want target {' or '.join(TARGETS)}, got {target!r}")
        ports = request.get("ports", [])
        if not isinstance(ports, list):
            raise Refusal(INVALID_ARGUMENT, f"want a list of ports, got {ports!r:.60}")
        await self._node.put(device_id, name, target, tuple(_port(port) for port in ports))
        return {}

    async def remove_device(self, request: Mapping[str, Any]) -> dict[str, Any]:
        device_id = form.wanted(request, "device_id", int, "the request")
        await self._node.remove(device_id)
        return {}

    async def get_status(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return await report.status(self._node, self._site)

    async def remove_function(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._wishes.remove_function(form.wanted(request, "name", str, "the request"))
        return {}

    async def remove_attachment(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name = form.wanted(request, "name", str, "the request")
        return await self._wishes.remove_attachment(name)

    async def stop(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._stop(bool(request.get("dataplane", False)))
        return {}


def handler(
    node: Node, site: Site, stop: Callable[[bool], None]
) -> grpc.GenericRpcHandler[Any, Any]:
    """The service, for a gRPC server. `stop` is called with True to stop the data planes too."""
    service = AgentService(node, site, stop)
    return grpc.method_handlers_generic_handler(
        SERVICE, {name: _method(behaviour) for name, behaviour in service.methods.items()}
    )


def _method(behaviour: Any) -> Any:
    async def handle(data: bytes, context: Any) -> bytes:
        try:
            request = json.loads(data or b"{}")
            if not isinstance(request, dict):
                raise Refusal(INVALID_ARGUMENT, "want a JSON object")
            return json.dumps(await behaviour(request)).encode()
        except ValueError as e:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"want JSON: {e}")
        except Refusal as refusal:
            await context.abort(_GRPC_CODES[refusal.code], refusal.message)
        raise AssertionError("abort does not return")

    return grpc.unary_unary_rpc_method_handler(handle)


def _port(port: Any) -> PortWish:
    if not isinstance(port, dict):
        raise Refusal(INVALID_ARGUMENT, f"want an object for each port, got {port!r:.60}")
    number = form.wanted(port, "port", int, "a port")
    where = f"port {number}"
    if not 0 <= number <= MAX_PORT:
        raise Refusal(INVALID_ARGUMENT, f"{where}: want a number from 0 to {MAX_PORT}")
    kind = form.wanted(port, "kind", str, where)
    if kind not in _OPTIONS:
        raise Refusal(INVALID_ARGUMENT, f"{where}: no kind {kind!r}; kinds: {listed(_OPTIONS)}")
    options = {}
    for key, wanted in _OPTIONS[kind].items():
        options[key] = form.wanted({**_DEFAULTS, **port}, key, wanted, where)
    unknown = set(port) - set(options) - {"port", "kind"}
    if unknown:
        raise Refusal(
            INVALID_ARGUMENT,
            f"{where}: a {kind} port has no {min(unknown)!r}; it has: {listed(_OPTIONS[kind])}",
        )
    return PortWish(number, kind, options)
