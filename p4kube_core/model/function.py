"""A network function as its author wrote it: program, its state, ports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from p4kube_core.model.state import State


@final
@dataclass(frozen=True, slots=True)
class InterfacePort:
    """An interface of the host: one end of a veth pair, a NIC."""

    interface: str


@final
@dataclass(frozen=True, slots=True)
class TapPort:
    """A TAP interface, made for this port."""

    interface: str


@final
@dataclass(frozen=True, slots=True)
class VhostUserPort:
    socket: Path
    server: bool  # whether we listen, or the VM does


@final
@dataclass(frozen=True, slots=True)
class CpuPort:
    """The way between the program and P4Runtime's controllers: packet-in and packet-out."""


Wire = InterfacePort | TapPort | VhostUserPort | CpuPort


def wire_name(wire: Wire) -> str:
    """What two ports cannot share, in words."""
    match wire:
        case InterfacePort(name) | TapPort(name):
            return f"interface {name}"
        case VhostUserPort(socket):
            return f"socket {socket}"
        case CpuPort():
            return "the CPU port"


@final
@dataclass(frozen=True, slots=True)
class Sides:
    """The P4 ports of a program that can stand on a wire. A program of one's own has these."""

    outside: int = 1
    inside: int = 2


@final
@dataclass(frozen=True, slots=True)
class Port:
    number: int  # the P4 port
    wire: Wire
    place: str  # where it was written, for messages


@final
@dataclass(frozen=True, slots=True)
class NetworkFunction:
    """Checked for form; not yet against its program."""

    name: str
    program: Path
    state: State
    ports: tuple[Port, ...]  # none: it can be attached
    sides: Sides | None  # None: the program does not say which is which
    target: str | None  # dpdk or ebpf, where the author says so
    place: str  # file and name, for messages
