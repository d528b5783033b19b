"""Which chain is wanted on each interface, and what a chain is made of on a data plane; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from p4kube_core.agent.chains.function import Excuse, Function
from p4kube_core.agent.endpoint import Endpoint
from p4kube_core.agent.node import FIRST_INSTANCE_ID
from p4kube_core.agent.settings import TARGETS
from p4kube_core.model.attachment import Attachment, InterfaceTarget, PodTarget, Target

Key = tuple[str, str]
"""Of an endpoint: container id and interface; no container: an interface of this machine."""

OUTSIDE: Final = "outside"
INSIDE: Final = "inside"
SIDES: Final = (OUTSIDE, INSIDE)
_HOOKS: Final = {OUTSIDE: "egress", INSIDE: "ingress"}  # of the host's end of a pod's wire
_DEVICES_A_CHAIN: Final = 16  # ids set aside for one
FUNCTION_MISSING: Final = "FunctionMissing"
Known = Mapping[str, Function | Excuse]
"""Functions by name; or why one that was put is not there."""
_PORT: Final = re.compile(r"([ce])([1-9][0-9]*)\.")


@final
@dataclass(frozen=True, slots=True)
class Chain:
    """Functions on one interface, the first nearest the outside, on one target."""

    attachment: str
    target: str
    functions: tuple[str, ...]

    def is_like(self, other: Chain | None) -> bool:
        """Say whether it is made of the same in the same place."""
        mine = self.target, self.functions
        return other is not None and mine == (other.target, other.functions)


@final
@dataclass(frozen=True, slots=True)
class Port:
    kind: str
    options: tuple[tuple[str, str], ...]


@final
@dataclass(frozen=True, slots=True)
class Part:
    """What one endpoint has, or is to have, on one data plane."""

    devices: Mapping[int, str] = field(default_factory=dict)  # digest of the function, by id
    ports: Mapping[str, Port] = field(default_factory=dict)  # by name
    wires: Mapping[str, tuple[int, int]] = field(
        default_factory=dict
    )  # device and P4 port, by name


NOTHING: Final = Part()


def endpoint_of(interface: str) -> Endpoint:
    """An interface of this machine, as an endpoint without a pod."""
    return Endpoint("", interface, "", interface, "", "", "")


def target_of(endpoint: Endpoint) -> Target:
    """What an attachment names to stand on this endpoint."""
    if not endpoint.container_id:
        return InterfaceTarget(endpoint.host_interface)
    return PodTarget(endpoint.namespace, endpoint.name, endpoint.interface)


def wanted(
    functions: Known,
    attachments: Mapping[Target, Attachment],
    endpoint: Endpoint,
    others: Iterable[Endpoint] = (),
) -> Chain | Excuse | None:
    """The chain that an endpoint is to have, or why it cannot; None: it is to have none.

    Args:
        others: endpoints beside it.
    """
    attachment = attachments.get(target_of(endpoint))
    if attachment is None:
        return None
    if not endpoint.container_id:
        for other in others:
            holder = attachments.get(target_of(other)) if other.container_id else None
            if holder is not None and other.host_interface == endpoint.host_interface:
                return Excuse(
                    "InterfaceInUse",
                    f"interface {endpoint.host_interface} has functions by attachment "
                    f"{holder.name}, as {holder.target}",
                )
    return chain(functions, attachment)


def chain(functions: Known, attachment: Attachment) -> Chain | Excuse:
    """The chain that an attachment speaks of."""
    members = members_of(functions, attachment)
    if isinstance(members, Excuse):
        return members
    target = target_for(members)
    if isinstance(target, Excuse):
        return target
    if target == "dpdk" and isinstance(attachment.target, InterfaceTarget):
        why = unfit_for_ebpf(members) or "one of its functions is for target dpdk alone"
        return Excuse(
            "Unsupported",
            "functions of target dpdk stand between ports or at a pod, not on an interface of the "
            f"machine; and {why}",
        )
    return Chain(attachment.name, target, attachment.functions)


def members_of(functions: Known, attachment: Attachment) -> list[Function] | Excuse:
    """The functions that an attachment names, in their order."""
    found: list[Function] = []
    for name in attachment.functions:
        member = functions.get(name)
        if member is None:
            return Excuse(FUNCTION_MISSING, f"want function {name}, found none: play it once more")
        if isinstance(member, Excuse):
            return member
        found.append(member)
    return found


def target_for(members: Sequence[Function]) -> str | Excuse:
    """The target that all functions of a chain have; the kernel's, where there are several."""
    for target in reversed(TARGETS):
        if all(target in member.stores for member in members):
            return target
    names = ", ".join(f"{member.name} ({' and '.join(member.stores)})" for member in members)
    return Excuse(
        "NoCommonTarget",
        f"want functions that have a target in common, found {names}: play them once more, "
        "together",
    )


def unfit_for_ebpf(members: Sequence[Function]) -> str | None:
    """Why a chain is not on target ebpf, in a sentence; None: nothing stands against it."""
    for member in members:
        excuse = member.unfit.get("ebpf")
        if excuse is not None:
            return f"{member.name} cannot be on target ebpf: {excuse.message}"
    return None


@final
@dataclass(frozen=True, slots=True)
class Place:
    """Where a chain stands."""

    endpoint: int  # its number; ports on the wire keep their names when the chain changes
    host_interface: str
    namespace: str  # where spliced wires are


def part(place: Place, number: int, chain: Chain, functions: Mapping[str, Function]) -> Part:
    """What makes a chain.

    Args:
        number: the chain's, by which its devices and patches are named; no other has had it.
    """
    devices: dict[int, str] = {}
    ports: dict[str, Port] = {}
    wires: dict[str, tuple[int, int]] = {}
    last = len(chain.functions) - 1
    for member, name in enumerate(chain.functions):
        function = functions[name]
        device = instance_id(number, member)
        devices[device] = function.digest
        for side, p4_port, end, neighbour in (
            (OUTSIDE, function.sides.outside, 0, member - 1),
            (INSIDE, function.sides.inside, last, member + 1),
        ):
            if member == end:
                port = hook_name(place.endpoint, side)
                ports[port] = _hook(place, side, chain.target)
            else:
                other = INSIDE if side == OUTSIDE else OUTSIDE
                port = _patch_name(number, member, side)
                ports[port] = Port("patch", (("peer", _patch_name(number, neighbour, other)),))
            wires[port] = (device, p4_port)
    return Part(devices, ports, wires)


def instance_id(number: int, member: int) -> int:
    return FIRST_INSTANCE_ID + number * _DEVICES_A_CHAIN + member


def chain_of_instance(device_id: int) -> int:
    """The number of the chain whose device it is."""
    return (device_id - FIRST_INSTANCE_ID) // _DEVICES_A_CHAIN


def owner_of_port(name: str) -> tuple[str, int] | None:
    """Whose a port is: `c` and a chain's number, `e` and an endpoint's, or nobody's of these."""
    match = _PORT.match(name)
    return (match[1], int(match[2])) if match else None


def hook_name(endpoint: int, side: str) -> str:
    return f"e{endpoint}.{side}"


def is_hook(port: str) -> bool:
    return port.startswith("e")


def spliced(endpoint: int, side: str) -> str:
    """The interface that is one side of a spliced endpoint."""
    return f"p4k{endpoint}{side[0]}"


def _hook(place: Place, side: str, target: str) -> Port:
    if target == "ebpf":
        return Port("tc", (("interface", place.host_interface), ("hook", _HOOKS[side])))
    interface = spliced(place.endpoint, side)
    return Port("packet", (("interface", interface), ("netns", place.namespace)))


def _patch_name(number: int, member: int, side: str) -> str:
    return f"c{number}.{member}.{side}"
