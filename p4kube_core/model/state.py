"""What a program is to hold, by names, before anyone has looked at the program: its state.

Made by the catalogue from parameters and by `play` from YAML. reconciler/desire.py checks it
against P4Info and makes P4Runtime's entities of it; whoever keeps a device writes those (cli/play,
the agent's functions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from p4kube_core.model.entry import NamedEntry
from p4kube_core.model.meter import Rates


@final
@dataclass(frozen=True, slots=True)
class NamedMeter:
    """A cell of an indirect meter. A direct meter's rates are its entry's: NamedEntry.rates."""

    meter: str
    index: int
    rates: Rates
    label: str | None = None  # for people
    place: str = ""  # as NamedEntry.place


@final
@dataclass(frozen=True, slots=True)
class NamedDigest:
    """A digest that a controller is to be sent; without one, a device keeps it to itself."""

    digest: str
    max_timeout_ns: int = 0  # longest that one waits for others; 0: each is sent at once
    max_list_size: int = 0  # most in one message; 0: no bound but the device's
    ack_timeout_ns: int = 0  # how long an equal one is held back, if not acknowledged
    place: str = ""  # as NamedEntry.place


@final
@dataclass(frozen=True, slots=True)
class State:
    entries: tuple[NamedEntry, ...] = ()
    meters: tuple[NamedMeter, ...] = ()
    digests: tuple[NamedDigest, ...] = ()
