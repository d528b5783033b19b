"""What the program rate-limiter.p4 has to be told for its parameters; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from p4kube_core import errors
from p4kube_core.catalog import quantity, traffic
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry
from p4kube_core.model.meter import Rates

FIRST_PRIORITY: Final = 1_000_000
PRIORITY_STEP: Final = 10
WITH_PORTS: Final = ("tcp", "udp", "sctp", "dccp", "udplite")
COLOURS: Final = ("green", "yellow", "red")  # by number, as in rate-limiter.p4
YELLOW: Final[Mapping[str, str]] = {"mark": "af12"}

# A burst has to let a TCP segment of the kernel's through whole: on a pod's wire they have 64 KiB.
BURSTS_A_SECOND: Final = 10
LEAST_BURST_BYTES: Final = 128 << 10
LEAST_BURST_PACKETS: Final = 100


@final
@dataclass(frozen=True, slots=True)
class _Class:
    place: str
    name: str
    number: int  # what the program knows it by
    traffic: tuple[traffic.Traffic, ...]
    packets: bool  # what its rates count; else bytes
    rates: Rates
    outcomes: tuple[str | Mapping[str, Any], ...]  # by colour
    priority: int


def entries(parameters: Mapping[str, Any]) -> Iterable[NamedEntry]:
    """Each class: what is in it, its limit, and what becomes of each colour.

    Raises:
        errors.ManifestError: all classes that contradict themselves, each with its path.
    """
    written = parameters["classes"]
    problems = list(_same_names(written))
    found: list[NamedEntry] = []
    numbers = _numbers(one["name"] for one in written)
    for index, one in enumerate(written):
        try:
            found.extend(_of(_class(index, one, numbers[one["name"]])))
        except errors.ManifestError as e:
            problems.extend(e.problems)
    if problems:
        raise errors.ManifestError(problems)
    return found


def _same_names(classes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    first: dict[str, int] = {}
    for index, one in enumerate(classes):
        if first.setdefault(one["name"], index) != index:
            yield f"classes[{index}].name: the same as that of classes[{first[one['name']]}]"


def _numbers(names: Iterable[str]) -> dict[str, int]:
    """A number of 16 bits for each name, made of it: a class keeps its own, and with it its meter's
    state and its counters, whatever comes and goes beside it.
    """
    numbers: dict[str, int] = {}
    taken: set[int] = set()
    for name in dict.fromkeys(names):
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big")
        while number in taken:
            number = (number + 1) & 0xFFFF
        taken.add(number)
        numbers[name] = number
    return numbers


def _class(index: int, written: Mapping[str, Any], number: int) -> _Class:
    place = f"classes[{index}]"
    found: list[traffic.Traffic] = []
    for position, one in enumerate(written["match"]):
        there = traffic.read(one, f"{place}.match[{position}]", WITH_PORTS)
        found.append(there)
        if one["replies"]:
            found.append(there.reversed())
    packets, rates = _rates(written, place)
    yellow = YELLOW if "peak" in written else written["conform"]
    for name in ("exceed", "peakBurst"):
        if name in written and "peak" not in written:
            raise errors.ManifestError(
                f"{place}.{name}: want a peak beside it: without one no packet is yellow"
            )
    outcomes = written["conform"], written.get("exceed", yellow), written["violate"]
    return _Class(
        place, written["name"], number, tuple(dict.fromkeys(found)), packets, rates, outcomes,
        FIRST_PRIORITY - PRIORITY_STEP * index,
    )  # fmt: skip


def _rates(written: Mapping[str, Any], place: str) -> tuple[bool, Rates]:
    """Whether packets are counted, and the rates."""
    rate = _read(quantity.rate, written, "rate", place)
    peak = _read(quantity.rate, written, "peak", place) if "peak" in written else rate
    burst, peak_burst = _burst(written, "burst", rate, place), None
    if "peak" in written:
        peak_burst = _burst(written, "peakBurst", peak, place)
    for name, amount in (("peak", peak), ("burst", burst), ("peakBurst", peak_burst or burst)):
        if amount.packets is not rate.packets:
            counted = "packets" if rate.packets else "bits or bytes"
            raise errors.ManifestError(
                f"{place}.{name}: want {counted} as in rate, got {written[name]!r}"
            )
    if peak.value < rate.value:
        raise errors.ManifestError(
            f"{place}.peak: want at least the rate, {written['rate']}, got {written['peak']}"
        )
    peaks = (peak_burst or burst).value
    return rate.packets, Rates(rate.value, burst.value, peak.value, peaks)


def _burst(
    written: Mapping[str, Any], name: str, rate: quantity.Amount, place: str
) -> quantity.Amount:
    if name in written:
        return _read(quantity.size, written, name, place)
    least = LEAST_BURST_PACKETS if rate.packets else LEAST_BURST_BYTES
    return quantity.Amount(max(rate.value // BURSTS_A_SECOND, least), rate.packets)


def _read(form: Any, written: Mapping[str, Any], name: str, place: str) -> quantity.Amount:
    try:
        found: quantity.Amount = form(written[name])
    except quantity.BadForm as e:
        raise errors.ManifestError(f"{place}.{name}: {e}") from e
    return found


def _of(one: _Class) -> Iterator[NamedEntry]:
    unit = "packets" if one.packets else "bytes"
    number = match.Exactly(one.number)
    for which in one.traffic:
        for version in which.versions():
            yield NamedEntry(
                f"ingress.classes{version}", tuple(which.key()), f"limit_{unit}",
                (("class", one.number),), one.priority, label=one.name, place=one.place,
            )  # fmt: skip
    yield NamedEntry(
        f"ingress.{unit.removesuffix('s')}_limits", (("class", number),), f"measure_{unit}",
        label=one.name, place=one.place, rates=one.rates,
    )  # fmt: skip
    for colour, (name, outcome) in enumerate(zip(COLOURS, one.outcomes, strict=True)):
        action, params = _action(outcome, f"{one.place}.{('conform', 'exceed', 'violate')[colour]}")
        yield NamedEntry(
            "ingress.outcomes", (("class", number), ("colour", match.Exactly(colour))), action,
            params, label=f"{one.name}: {name}", place=one.place,
        )  # fmt: skip


def _action(
    outcome: str | Mapping[str, Any], place: str
) -> tuple[str, tuple[tuple[str, int], ...]]:
    if isinstance(outcome, Mapping):
        return "mark", (("dscp", traffic.dscp_of(outcome["mark"], f"{place}.mark")),)
    return {"pass": "let_pass", "drop": "drop_it"}[outcome], ()
