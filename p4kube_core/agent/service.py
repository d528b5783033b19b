"""The gRPC service p4kube.agent.v1.Agent: devices and ports, in JSON; docs/seams.md, 5."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, final

import grpc
import grpc.aio

from p4kube_core.agent import converge
from p4kube_core.agent.control import DataplaneLost, DataplaneRefused
from p4kube_core.agent.device import Device
from p4kube_core.agent.keeper import Keeper
from p4kube_core.agent.node import Node
from p4kube_core.agent.record import PortWish
from p4kube_core.agent.refusal import INVALID_ARGUMENT, Refusal, listed
from p4kube_core.agent.settings import TARGETS

SERVICE: Final = "p4kube.agent.v1.Agent"
VERSION: Final = "0.1.0"
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

    def __init__(self, node: Node, stop: Callable[[bool], None]) -> None:
        self._node = node
        self._stop = stop

    async def put_device(self, request: Mapping[str, Any]) -> dict[str, Any]:
        device_id = _wanted(request, "device_id", int, "the request")
        name = _wanted(request, "name", str, "the request")
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
        device_id = _wanted(request, "device_id", int, "the request")
        await self._node.remove(device_id)
        return {}

    async def get_status(self, _: Mapping[str, Any]) -> dict[str, Any]:
        keepers = self._node.keepers
        observed = {target: await _observe(keeper) for target, keeper in keepers.items()}
        return {
            "agent": {"version": VERSION, "pid": os.getpid(), "memory_bytes": _memory(os.getpid())},
            "dataplanes": {target: _dataplane(keeper) for target, keeper in keepers.items()},
            "devices": [
                _device(device, observed[device.record.target])
                for _, device in sorted(self._node.devices.items())
            ],
        }

    async def stop(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._stop(bool(request.get("dataplane", False)))
        return {}


def handler(node: Node, stop: Callable[[bool], None]) -> grpc.GenericRpcHandler[Any, Any]:
    """The service, for a gRPC server. `stop` is called with True to stop the data planes too."""
    service = AgentService(node, stop)
    methods = {
        "PutDevice": service.put_device,
        "RemoveDevice": service.remove_device,
        "GetStatus": service.get_status,
        "Stop": service.stop,
    }
    return grpc.method_handlers_generic_handler(
        SERVICE, {name: _method(behaviour) for name, behaviour in methods.items()}
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


def _wanted(request: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    value = request.get(key)
    if type(value) is not kind:
        found = "none" if key not in request else f"{value!r:.60}"
        raise Refusal(INVALID_ARGUMENT, f"{where}: want {kind.__name__} {key}, found {found}")
    return value


def _port(port: Any) -> PortWish:
    if not isinstance(port, dict):
        raise Refusal(INVALID_ARGUMENT, f"want an object for each port, got {port!r:.60}")
    number = _wanted(port, "port", int, "a port")
    where = f"port {number}"
    if not 0 <= number <= MAX_PORT:
        raise Refusal(INVALID_ARGUMENT, f"{where}: want a number from 0 to {MAX_PORT}")
    kind = _wanted(port, "kind", str, where)
    if kind not in _OPTIONS:
        raise Refusal(INVALID_ARGUMENT, f"{where}: no kind {kind!r}; kinds: {listed(_OPTIONS)}")
    options = {}
    for key, wanted in _OPTIONS[kind].items():
        options[key] = _wanted({**_DEFAULTS, **port}, key, wanted, where)
    unknown = set(port) - set(options) - {"port", "kind"}
    if unknown:
        raise Refusal(
            INVALID_ARGUMENT,
            f"{where}: a {kind} port has no {min(unknown)!r}; it has: {listed(_OPTIONS[kind])}",
        )
    return PortWish(number, kind, options)


async def _observe(keeper: Keeper) -> converge.Observed:
    if keeper.running:
        try:
            return await converge.observe(await keeper.control(0.5))
        except (DataplaneLost, DataplaneRefused):
            pass
    return converge.Observed({}, {})


def _dataplane(keeper: Keeper) -> dict[str, Any]:
    pid = keeper.hello.get("pid")
    return {
        **keeper.hello,
        "running": keeper.running,
        "needed": keeper.needed,
        "restarts": keeper.restarts,
        "memory_bytes": _memory(pid) if pid else 0,
        "problem": keeper.failure if keeper.needed and not keeper.running else None,
    }


def _device(device: Device, observed: converge.Observed) -> dict[str, Any]:
    held = device.record
    seen = observed.devices.get(held.device_id, {})
    store = held.current
    status: dict[str, Any] = {
        "device_id": held.device_id,
        "name": held.name,
        "target": held.target,
        "program": store.pipeline.manifest.name if store else None,
        "digest": store.pipeline.manifest.digest if store else None,
        "committed": held.committed is not None and held.saved is None,
        "problems": list(device.problems),
        "packets": seen.get("packets", 0),
        "drops": seen.get("drops", {}),
        "ports": [_port_status(held.device_id, wish, observed) for wish in held.ports],
        "tables": [],
        "counters": [],
    }
    if store is not None:
        status["tables"] = [
            {"name": t.packer.name, "entries": len(t.entries), "size": t.packer.size}
            for t in store.tables.values()
        ]
        status["counters"] = [
            {"name": c.name, "size": c.size} for c in store.pipeline.counters.values()
        ]
    return status


def _port_status(device_id: int, wish: PortWish, observed: converge.Observed) -> dict[str, Any]:
    name = converge.port_name(device_id, wish)
    seen = observed.ports.get(name, {})
    counts = ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes")
    return {
        **wish.to_json(),
        "name": name,
        "present": bool(seen),
        "link": seen.get("link", False),
        **{key: seen.get(key, 0) for key in counts},
        "drops": seen.get("drops", {}),
    }


def _memory(pid: int) -> int:
    """Resident bytes of a process; 0 if it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
