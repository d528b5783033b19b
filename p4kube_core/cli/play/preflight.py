"""What this machine has to have for a function's ports; asked before anything is touched."""

from __future__ import annotations

import difflib
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from p4kube_core.agent.chains import attachment as form
from p4kube_core.cli.play.manifest import Manifest
from p4kube_core.model import function as model


def at_odds(read: Manifest, status: Mapping[str, Any]) -> list[str]:
    """What is read that does not go with what plays already."""
    held = {function["name"]: function for function in status["functions"]}
    devices = {device["name"] for device in status["devices"]}
    found: list[str] = []
    for function in read.functions:
        if function.ports and function.name in held:
            found.append(
                f"{function.place}: {function.name} is held for attachments: want `p4kube play "
                "--down` before it stands between ports"
            )
        elif not function.ports and function.name in devices:
            found.append(
                f"{function.place}: {function.name} plays between ports: want `p4kube play --down` "
                "before it is attached, or spec.ports"
            )
    known = {function.name for function in read.functions if not function.ports} | set(held)
    targets = {str(form.read_target(a["target"])): a["name"] for a in status["attachments"]}
    for attachment in read.attachments:
        for index, name in enumerate(attachment.functions):
            if name not in known:
                found.append(
                    f"{attachment.place}: spec.functions[{index}]: {_unknown(name, known)}"
                )
        holder = targets.get(str(attachment.target), attachment.name)
        if holder != attachment.name:
            found.append(
                f"{attachment.place}: spec.target: {attachment.target} has functions by {holder}; "
                "want all in one attachment, in their order"
            )
    return found


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"no function {name!r}{hint}; there are: {', '.join(sorted(known)) or 'none'}"


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
            if name not in _interfaces():
                yield f"{port.place}: no interface {name!r} on this machine"
        case model.TapPort(name):
            if name in _interfaces():
                yield f"{port.place}: interface {name} is in use: there is one already"
        case model.VhostUserPort(socket, server):
            if not socket.parent.is_dir():
                yield f"{port.place}: no such directory: {socket.parent}"
            elif server and socket.exists() and not socket.is_socket():
                yield f"{port.place}: {socket} is in use: it is there, and no socket"


def _interfaces() -> set[str]:
    """By the kernel's word: /sys may be another network namespace's, as under `nsenter --net`."""
    return {name for _, name in socket.if_nameindex()}
