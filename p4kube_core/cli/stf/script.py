"""What an STF script says, as values; nothing here knows a program or a device."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import final

from p4kube_core.model.entry import NamedEntry
from p4kube_core.model.match import Match
from p4kube_core.switch import values


@final
@dataclass(frozen=True, slots=True)
class Add:
    line: int
    entry: NamedEntry
    id: str | None  # what later lines may call this entry


@final
@dataclass(frozen=True, slots=True)
class SetDefault:
    line: int
    entry: NamedEntry


@final
@dataclass(frozen=True, slots=True)
class Remove:
    """All entries; or the one that an `add` gave this id; or the one of this table and key."""

    line: int
    id: str | None
    entry: NamedEntry | None  # its action is empty


@final
@dataclass(frozen=True, slots=True)
class Packet:
    line: int
    port: int
    data: bytes


@final
@dataclass(frozen=True, slots=True)
class Expect:
    """The next packet out of this port. `*` in the pattern is any nibble."""

    line: int
    port: int
    pattern: str | None  # hexadecimal digits, lower case; None: any packet
    exact: bool  # no byte more than the pattern has


@final
@dataclass(frozen=True, slots=True)
class NoPacket:
    """Nothing has come out of this port (None: of any) since the last packet went in."""

    line: int
    port: int | None


@final
@dataclass(frozen=True, slots=True)
class Wait:
    line: int


class Unit(StrEnum):
    PACKETS = "packets"
    BYTES = "bytes"


@final
@dataclass(frozen=True, slots=True)
class CheckCounter:
    """`name` is a counter's, with an index; or a direct counter's or its table's, with a key."""

    line: int
    name: str
    index: int | None
    key: tuple[tuple[str, Match], ...]
    id: str | None  # an `add`'s
    unit: Unit
    operator: str  # == != < <= > >=
    number: int


@final
@dataclass(frozen=True, slots=True)
class Write:
    """Of BMv2's command line: a counter, meter or register is written."""

    line: int
    entity: values.CounterEntry | values.MeterEntry | values.RegisterEntry


@final
@dataclass(frozen=True, slots=True)
class Read:
    """Of BMv2's command line: something is read, and has to be there to be read."""

    line: int
    entity: values.CounterEntry | values.MeterEntry | values.RegisterEntry


@final
@dataclass(frozen=True, slots=True)
class CheckRegister:
    """Ours: what a cell of a register holds."""

    line: int
    name: str
    index: int
    operator: str  # == != < <= > >=
    number: int


@final
@dataclass(frozen=True, slots=True)
class CpuPort:
    """Ours: the P4 port that leads to controllers."""

    line: int
    port: int


@final
@dataclass(frozen=True, slots=True)
class PacketOut:
    """Ours: a controller sends a packet."""

    line: int
    metadata: tuple[tuple[str, int], ...]
    data: bytes


@final
@dataclass(frozen=True, slots=True)
class ExpectPacketIn:
    """Ours: the next packet that a controller gets; metadata that are not named may be any."""

    line: int
    metadata: tuple[tuple[str, int], ...]
    pattern: str | None
    exact: bool


@final
@dataclass(frozen=True, slots=True)
class ExpectDigest:
    """Ours: the next digest of this name; fields that are not named may be any."""

    line: int
    name: str
    fields: tuple[tuple[str, int], ...]


Command = (
    Add
    | SetDefault
    | Remove
    | Packet
    | Expect
    | NoPacket
    | Wait
    | CheckCounter
    | CheckRegister
    | Write
    | Read
    | CpuPort
    | PacketOut
    | ExpectPacketIn
    | ExpectDigest
)


@final
@dataclass(frozen=True, slots=True)
class Script:
    path: Path
    commands: tuple[Command, ...]

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port that a line names, in order of number."""
        used = {
            command.port
            for command in self.commands
            if isinstance(command, Packet | Expect | NoPacket) and command.port is not None
        }
        return tuple(sorted(used - {self.cpu_port}))

    @property
    def cpu_port(self) -> int | None:
        """The port that leads to controllers, if a line names it."""
        return next((c.port for c in self.commands if isinstance(c, CpuPort)), None)

    @property
    def digests(self) -> tuple[str, ...]:
        """Every digest that a line names."""
        names = [c.name for c in self.commands if isinstance(c, ExpectDigest)]
        return tuple(dict.fromkeys(names))
