"""How the agent is: itself, its data planes, devices and what is attached, as JSON for people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from p4kube_core.agent import converge
from p4kube_core.agent.chains import report as chains
from p4kube_core.agent.chains.site import Site
from p4kube_core.agent.control import DataplaneLost, DataplaneRefused
from p4kube_core.agent.device import Device
from p4kube_core.agent.keeper import Keeper
from p4kube_core.agent.node import Node, is_instance
from p4kube_core.agent.record import PortWish

VERSION: Final = "0.1.0"


async def status(node: Node, site: Site) -> dict[str, Any]:
    """The answer to GetStatus."""
    observed = {target: await _observe(keeper) for target, keeper in node.keepers.items()}
    devices = [
        _device(device, observed[device.record.target])
        for _, device in sorted(node.devices.items())
    ]
    return {
        "agent": {"version": VERSION, "pid": os.getpid(), "memory_bytes": _memory(os.getpid())},
        "dataplanes": {target: _dataplane(keeper) for target, keeper in node.keepers.items()},
        "devices": [device for device in devices if not is_instance(device["device_id"])],
        "functions": chains.functions(site),
        "attachments": chains.attachments(site),
        "endpoints": chains.endpoints(site),
        "instances": [device for device in devices if is_instance(device["device_id"])],
    }


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
