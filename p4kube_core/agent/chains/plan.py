"""The steps that take one endpoint from what it has to what it is to have; pure.

What is new is made first, devices before what is wired to them; then all wires that differ change
hands at once, those on the interface too; what is no longer wanted goes last, from the interface
inwards. So no packet meets half a chain: each goes through the one that was or the one that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from p4kube_core.agent.chains.desire import NOTHING, Part, Port, is_hook


@final
@dataclass(frozen=True, slots=True)
class AddDevice:
    target: str
    device: int


@final
@dataclass(frozen=True, slots=True)
class ChangeDevice:
    """It holds what another edition of its function says."""

    target: str
    device: int


@final
@dataclass(frozen=True, slots=True)
class AddPort:
    target: str
    name: str
    port: Port


@final
@dataclass(frozen=True, slots=True)
class Wire:
    target: str
    wires: tuple[tuple[str, int, int], ...]  # port, device, P4 port: all at once


@final
@dataclass(frozen=True, slots=True)
class Unwire:
    target: str
    wires: tuple[tuple[str, int, int], ...]  # port, device, P4 port: all at once


@final
@dataclass(frozen=True, slots=True)
class RemovePort:
    target: str
    name: str


@final
@dataclass(frozen=True, slots=True)
class RemoveDevice:
    target: str
    device: int


@final
@dataclass(frozen=True, slots=True)
class Splice:
    """The pod's end of the wire comes to the host, and the pod gets another one."""


@final
@dataclass(frozen=True, slots=True)
class Unsplice:
    """The pod has its own end of the wire again."""


Step = (
    AddDevice
    | ChangeDevice
    | AddPort
    | Wire
    | Unwire
    | RemovePort
    | RemoveDevice
    | Splice
    | Unsplice
)


@final
@dataclass(frozen=True, slots=True)
class State:
    """What one endpoint has, or is to have."""

    parts: Mapping[str, Part]  # by target; one that is not there is nothing
    spliced: bool = False


def steps(observed: State, desired: State) -> tuple[Step, ...]:
    """None if it is so already."""
    targets = sorted({*observed.parts, *desired.parts})
    pairs = [
        (target, observed.parts.get(target, NOTHING), desired.parts.get(target, NOTHING))
        for target in targets
    ]
    made: list[Step] = []
    for target, old, new in pairs:
        made += _devices(target, old, new)
    if desired.spliced and not observed.spliced:
        made.append(Splice())
    for target, old, new in pairs:
        made += _ports(target, old, new)
    for target, old, new in pairs:
        made += _removals(target, old, new)
    if observed.spliced and not desired.spliced:
        made.append(Unsplice())
    return tuple(made)


def _devices(target: str, old: Part, new: Part) -> list[Step]:
    made: list[Step] = []
    for device, digest in new.devices.items():
        if device not in old.devices:
            made.append(AddDevice(target, device))
        elif old.devices[device] != digest:
            made.append(ChangeDevice(target, device))
    return made


def _ports(target: str, old: Part, new: Part) -> list[Step]:
    made: list[Step] = []
    renewed = {name for name, port in new.ports.items() if old.ports.get(name, port) != port}
    made += [RemovePort(target, name) for name in renewed]
    made += [
        AddPort(target, name, port)
        for name, port in new.ports.items()
        if name in renewed or name not in old.ports
    ]
    # What leads from function to function before what leads to the first of them.
    wires = tuple(
        (name, *new.wires[name])
        for name in sorted(new.wires, key=is_hook)
        if name in renewed or old.wires.get(name) != new.wires[name]
    )
    return [*made, Wire(target, wires)] if wires else made


def _removals(target: str, old: Part, new: Part) -> list[Step]:
    gone = [name for name in old.ports if name not in new.ports]
    hooks = tuple((n, *old.wires[n]) for n in gone if is_hook(n) and n in old.wires)
    made: list[Step] = [Unwire(target, hooks)] if hooks else []
    made += [RemovePort(target, name) for name in sorted(gone, key=is_hook, reverse=True)]
    made += [RemoveDevice(target, device) for device in old.devices if device not in new.devices]
    return made
