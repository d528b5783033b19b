"""What the program telemetry.p4 has to be told for its parameters; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from p4kube_core import errors
from p4kube_core.catalog import quantity, traffic
from p4kube_core.model.entry import NamedEntry
from p4kube_core.model.state import NamedDigest

FIRST_PRIORITY: Final = 1_000_000
PRIORITY_STEP: Final = 10
WITH_PORTS: Final = ("tcp", "udp", "sctp", "dccp", "udplite")
MOST_THRESHOLD: Final = (1 << 40) - 1
SHORTEST_EPOCH_S: Final = 1
LONGEST_EPOCH_S: Final = 24 * 3600
TICK_S: Final = Fraction(65_536, 10**6)  # the program's clock

REPORTS_A_MESSAGE: Final = 256


def entries(parameters: Mapping[str, Any]) -> Iterable[NamedEntry | NamedDigest]:
    """The flows' counters, what is reported, and that a controller is to get it.

    Raises:
        errors.ManifestError: all that contradicts itself, each with its path.
    """
    found: list[NamedEntry | NamedDigest] = []
    problems: list[str] = []
    flows = (_flow(index, one) for index, one in enumerate(parameters["flows"]))
    for part in (*flows, _others(parameters), _settings(parameters), _digests(parameters)):
        try:
            found.extend(part)
        except errors.ManifestError as e:
            problems.extend(e.problems)
    if problems:
        raise errors.ManifestError(problems)
    return found


def _flow(index: int, written: Mapping[str, Any]) -> Iterator[NamedEntry]:
    place = f"flows[{index}]"
    there = traffic.read(written, place, WITH_PORTS)
    ways = (there, there.reversed()) if written["replies"] else (there,)
    for way in dict.fromkeys(ways):
        for version in way.versions():
            yield NamedEntry(
                f"ingress.flows{version}", tuple(way.key()), f"count{version}",
                (("watched", int(written["watch"])),), FIRST_PRIORITY - PRIORITY_STEP * index,
                label=written.get("name", place), place=place,
            )  # fmt: skip


def _others(parameters: Mapping[str, Any]) -> Iterator[NamedEntry]:
    for version in (4, 6):
        yield NamedEntry(
            f"ingress.flows{version}", (), f"count{version}",
            (("watched", int(parameters["watchOthers"])),), is_default=True, label="others",
        )  # fmt: skip


def _settings(parameters: Mapping[str, Any]) -> Iterator[NamedEntry]:
    threshold = _threshold(parameters["heavyFlows"])
    params = (
        ("report_new", int(parameters["newFlows"])),
        ("in_bytes", int(not threshold.packets)),
        ("threshold", threshold.value),
        ("pace", _pace(_time(parameters, "epoch"))),
    )
    yield NamedEntry("ingress.settings", (), "set", params, is_default=True, label="settings")


def _digests(parameters: Mapping[str, Any]) -> Iterator[NamedDigest]:
    within_ns = int(_time(parameters, "reportWithin") * 10**9)
    for name in ("new_flow_t", "heavy_flow_t"):
        yield NamedDigest(name, max_timeout_ns=within_ns, max_list_size=REPORTS_A_MESSAGE)


def _threshold(written: str) -> quantity.Amount:
    if written == "none":
        return quantity.Amount(0, packets=False)
    try:
        found = quantity.size(written)
    except quantity.BadForm as e:
        raise errors.ManifestError(f"heavyFlows: {e}") from e
    if found.value > MOST_THRESHOLD:
        raise errors.ManifestError(f"heavyFlows: want at most 1TB, got {written!r}")
    return found


def _pace(epoch_s: Fraction) -> int:
    """How many epochs a tick of the program's clock is, times 2^32."""
    if not SHORTEST_EPOCH_S <= epoch_s <= LONGEST_EPOCH_S:
        raise errors.ManifestError(f"epoch: want 1s to 24h, got {float(epoch_s):g}s")
    return round(TICK_S / epoch_s * (1 << 32))


def _time(parameters: Mapping[str, Any], name: str) -> Fraction:
    try:
        return quantity.time_s(parameters[name])
    except quantity.BadForm as e:
        raise errors.ManifestError(f"{name}: {e}") from e
