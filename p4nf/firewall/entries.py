"""What the program firewall.p4 has to be told for its parameters; pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, final

from p4kube_core import errors
from p4kube_core.catalog import traffic
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry

FIRST_PRIORITY: Final = 1_000_000
PRIORITY_STEP: Final = 10

WITH_PORTS: Final = ("tcp", "udp")
KINDS: Final = {"others": 0, "neighbours": 1, "fragments": 2}  # as in firewall.p4
POLICIES: Final = {"allow": "pass", "deny": "refuse", "match": "consult_rules"}


@final
@dataclass(frozen=True, slots=True)
class _Rule:
    place: str
    name: str | None
    action: str
    traffic: traffic.Traffic
    priority: int

    def reversed(self) -> _Rule:
        """The rule for the way back."""
        return replace(self, traffic=self.traffic.reversed())


def entries(parameters: Mapping[str, Any]) -> Iterable[NamedEntry]:
    """Policies by kind, defaults, and each rule as entries of acl4, acl6 or both.

    Raises:
        errors.ManifestError: all rules that contradict themselves, each with its path.
    """
    found: list[NamedEntry] = []
    for name, kind in KINDS.items():
        policy = POLICIES[parameters[name]]
        found.append(NamedEntry("ingress.policy", (("kind", match.Exactly(kind)),), policy))
    for table, suffix in (("ingress.acl4", ""), ("ingress.acl6", "6")):
        default = parameters["default"] + suffix
        found.append(NamedEntry(table, (), default, is_default=True, label="default"))
    problems: list[str] = []
    for index, written in enumerate(parameters["rules"]):
        try:
            rule = _rule(index, written)
            found.extend(_of(rule))
            if written["replies"] and rule.reversed() != rule:
                found.extend(_of(rule.reversed()))
        except errors.ManifestError as e:
            problems.extend(e.problems)
    if problems:
        raise errors.ManifestError(problems)
    return found


def _rule(index: int, written: Mapping[str, Any]) -> _Rule:
    place = f"rules[{index}]"
    return _Rule(
        place, written.get("name"), written["action"], traffic.read(written, place, WITH_PORTS),
        written.get("priority", FIRST_PRIORITY - PRIORITY_STEP * index),
    )  # fmt: skip


def _of(rule: _Rule) -> Iterator[NamedEntry]:
    """A rule's entries: by IP version, and by the prefixes that its port ranges fall into."""
    for version in rule.traffic.versions():
        table, suffix = ("ingress.acl4", "") if version == 4 else ("ingress.acl6", "6")
        for key in _keys(rule.traffic):
            yield NamedEntry(
                table=table,
                match=key,
                action=rule.action + suffix,
                priority=rule.priority,
                label=rule.name or rule.place,
                place=rule.place,
            )


def _keys(of: traffic.Traffic) -> Iterator[tuple[tuple[str, match.Match], ...]]:
    """The keys that make up one: every combination of its ranges' prefixes."""
    alternatives = [[(name, one) for one in _alternatives(wanted)] for name, wanted in of.key()]
    return itertools.product(*alternatives)


def _alternatives(wanted: match.Match) -> Iterable[match.Match]:
    return _prefixes(wanted) if isinstance(wanted, match.Between) else (wanted,)


def _prefixes(ports: match.Between) -> Iterator[match.Match]:
    """The fewest prefixes that make up a range of ports."""
    first, last = ports.low, ports.high
    while first <= last:
        size = first & -first or 0x10000
        while size > last - first + 1:
            size //= 2
        yield match.Prefixed(first, 16 - (size.bit_length() - 1))
        first += size
