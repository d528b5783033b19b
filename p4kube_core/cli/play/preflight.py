"""What this machine has to have for a function's ports; asked before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from p4kube_core.model import function as model

INTERFACES: Final = Path("/sys/class/net")


def problems(
    wanted: Sequence[tuple[model.NetworkFunction, str]], devices: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Everything that is in the way.

    Args:
        wanted: functions with their targets.
        devices: what runs already, from the agent's status; those of the same name are ours.
    """
    ours = {function.name for function, _ in wanted}
    targets = {device["name"]: device["target"] for device in devices}
    held = {
        wire: device["name"]
        for device in devices
        for port in device["ports"]
        if (wire := _held(port)) is not None
    }
    found: list[str] = []
    for function, target in wanted:
        held_on = targets.get(function.name, target)
        if held_on != target:
            found.append(
                f"{function.place}: {function.name} plays on target {held_on}: want `p4kube play "
                f"--down` before it is played on target {target}"
            )
        for port in function.ports:
            wire = model.wire_name(port.wire)
            holder = held.get(wire)
            if holder is not None and holder not in ours:
                found.append(f"{port.place}: {wire} is in use by {holder!r}")
            elif holder is None:
                found.extend(_missing(port))
    return found


def _held(port: Mapping[str, Any]) -> str | None:
    if port.get("interface"):
        return f"interface {port['interface']}"
    if port.get("socket"):
        return f"socket {port['socket']}"
    return None


def _missing(port: model.Port) -> Iterable[str]:
    match port.wire:
        case model.InterfacePort(name):
            if not (INTERFACES / name).exists():
                yield f"{port.place}: no interface {name!r} on this machine"
        case model.TapPort(name):
            if (INTERFACES / name).exists():
                yield f"{port.place}: interface {name} is in use: there is one already"
        case model.VhostUserPort(socket, server):
            if not socket.parent.is_dir():
                yield f"{port.place}: no such directory: {socket.parent}"
            elif server and socket.exists() and not socket.is_socket():
                yield f"{port.place}: {socket} is in use: it is there, and no socket"
