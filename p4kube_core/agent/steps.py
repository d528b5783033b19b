"""What a batch of updates asks of the data plane, one step after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, final


@final
@dataclass(slots=True)
class EntriesStep:
    """Records of one table, one mode; `positions` says which update each record is of."""

    table: int
    mode: str
    records: list[bytes] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)


@final
@dataclass(frozen=True, slots=True)
class DefaultStep:
    table: int
    data: bytes  # empty: the program's own
    position: int


@final
@dataclass(frozen=True, slots=True)
class DirectCounterStep:
    table: int
    record: bytes
    packets: int
    bytes: int
    position: int


@final
@dataclass(frozen=True, slots=True)
class CounterStep:
    counter: int
    first: int
    count: int
    packets: int
    bytes: int
    position: int


@final
@dataclass(frozen=True, slots=True)
class DirectMeterStep:
    table: int
    record: bytes
    config: bytes | None  # as metering.py packs it; None: green for all
    position: int


@final
@dataclass(frozen=True, slots=True)
class MeterStep:
    meter: int
    first: int
    count: int
    config: bytes | None
    position: int


@final
@dataclass(frozen=True, slots=True)
class RegisterStep:
    register: int
    first: int
    count: int
    value: int
    position: int


Step = (
    EntriesStep
    | DefaultStep
    | DirectCounterStep
    | CounterStep
    | DirectMeterStep
    | MeterStep
    | RegisterStep
)
LASTING: Final = (CounterStep, DirectCounterStep, RegisterStep)
"""What the store does not hold: a former value cannot be brought back."""
