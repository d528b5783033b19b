"""What a device holds, as frozen values with P4's names in them: entries, counters, updates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import final

from p4kube_core.model.meter import Rates


@final
@dataclass(frozen=True, slots=True)
class Exact:
    value: int


@final
@dataclass(frozen=True, slots=True)
class Lpm:
    value: int
    prefix_bits: int


@final
@dataclass(frozen=True, slots=True)
class Ternary:
    value: int
    mask: int


@final
@dataclass(frozen=True, slots=True)
class Range:
    low: int
    high: int  # included


@final
@dataclass(frozen=True, slots=True)
class OptionalMatch:
    value: int


Match = Exact | Lpm | Ternary | Range | OptionalMatch


@final
@dataclass(frozen=True, slots=True)
class CounterData:
    packets: int = 0
    bytes: int = 0


@final
@dataclass(frozen=True, slots=True)
class TableEntry:
    """An entry of a table, or its default entry.

    In a read, what is left out selects all: no table, no matches, priority 0, no action; `counter`
    set asks for the direct counter, `rates` for the direct meter's.
    """

    table: str = ""
    matches: Mapping[str, Match] = field(default_factory=dict)  # by field; left out: don't care
    priority: int = 0  # the higher wins; from 1 where a key is ternary, range or optional, else 0
    action: str | None = None
    params: Mapping[str, int] = field(default_factory=dict)
    counter: CounterData | None = None
    default: bool = False
    metadata: bytes = b""
    const: bool = False  # only in what was read
    rates: Rates | None = None  # of the direct meter; None: green for all


@final
@dataclass(frozen=True, slots=True)
class CounterEntry:
    """An index of an indirect counter; without one, all of it; without a name, all counters."""

    counter: str = ""
    index: int | None = None
    data: CounterData | None = None


@final
@dataclass(frozen=True, slots=True)
class DirectCounterEntry:
    """The direct counter of an entry, which names table, matches and priority."""

    entry: TableEntry
    data: CounterData | None = None


@final
@dataclass(frozen=True, slots=True)
class MeterEntry:
    """A cell of an indirect meter; without an index, all of it; without a name, all meters."""

    meter: str = ""
    index: int | None = None
    rates: Rates | None = None  # None: green for all


@final
@dataclass(frozen=True, slots=True)
class DirectMeterEntry:
    """The direct meter of an entry, which names table, matches and priority."""

    entry: TableEntry
    rates: Rates | None = None


@final
@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """A cell of a register; without an index, all of it; without a name, all registers."""

    register: str = ""
    index: int | None = None
    value: int | None = None  # None only to read


@final
@dataclass(frozen=True, slots=True)
class DigestEntry:
    """A digest that is to be sent, and how they are put together; without a name, all of them."""

    digest: str = ""
    max_timeout_ns: int = 0
    max_list_size: int = 0
    ack_timeout_ns: int = 0


Entity = (
    TableEntry
    | CounterEntry
    | DirectCounterEntry
    | MeterEntry
    | DirectMeterEntry
    | RegisterEntry
    | DigestEntry
)


@final
@dataclass(frozen=True, slots=True)
class Packet:
    """A packet to or from a device, with its metadata by name."""

    payload: bytes
    metadata: Mapping[str, int] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class Digests:
    """Digests that a device sent together; of each its scalars, in P4Info's order."""

    digest: str
    list_id: int
    data: tuple[tuple[int, ...], ...]


@final
@dataclass(frozen=True, slots=True)
class Refused:
    """A message on the stream that the device could not take; its own sentence."""

    message: str


Heard = Packet | Digests | Refused


class Kind(StrEnum):
    INSERT = "INSERT"
    MODIFY = "MODIFY"
    DELETE = "DELETE"


class Atomicity(StrEnum):
    CONTINUE_ON_ERROR = "CONTINUE_ON_ERROR"
    ROLLBACK_ON_ERROR = "ROLLBACK_ON_ERROR"
    DATAPLANE_ATOMIC = "DATAPLANE_ATOMIC"


class PipelineAction(StrEnum):
    VERIFY = "VERIFY"
    VERIFY_AND_SAVE = "VERIFY_AND_SAVE"
    VERIFY_AND_COMMIT = "VERIFY_AND_COMMIT"
    COMMIT = "COMMIT"
    RECONCILE_AND_COMMIT = "RECONCILE_AND_COMMIT"


@final
@dataclass(frozen=True, slots=True)
class Update:
    kind: Kind
    entity: Entity
