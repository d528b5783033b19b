"""What the program firewall.p4 has to be told for its parameters; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from p4kube_core import errors
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry

FIRST_PRIORITY: Final = 1_000_000
PRIORITY_STEP: Final = 10

SIDES: Final = {"outside": 1, "inside": 2}
OTHER_SIDE: Final = {"outside": "inside", "inside": "outside", "any": "any"}
PROTOCOLS: Final = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}
WITH_PORTS: Final = (6, 17)
KINDS: Final = {"others": 0, "neighbours": 1, "fragments": 2}  # as in firewall.p4
POLICIES: Final = {"allow": "pass", "deny": "refuse", "match": "consult_rules"}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@final
@dataclass(frozen=True, slots=True)
class _Rule:
    place: str
    name: str | None
    action: str
    side: str
    protocol: int | None
    source: Network | None
    destination: Network | None
    source_ports: tuple[int, int] | None  # from, to
    destination_ports: tuple[int, int] | None
    priority: int

    def reversed(self) -> _Rule:
        """The rule for the way back."""
        return _Rule(
            self.place, self.name, self.action, OTHER_SIDE[self.side], self.protocol,
            self.destination, self.source, self.destination_ports, self.source_ports,
            self.priority,
        )  # fmt: skip


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
    protocol = written["protocol"]
    number = None if protocol == "any" else PROTOCOLS.get(protocol, protocol)
    ports = _ports(written, "sourcePort", place), _ports(written, "destinationPort", place)
    if any(ports) and number not in WITH_PORTS:
        raise errors.ManifestError(
            f"{place}.protocol: want tcp or udp beside ports, got {protocol}"
        )
    source = _network(written, "source", place)
    destination = _network(written, "destination", place)
    if source and destination and source.version != destination.version:
        raise errors.ManifestError(
            f"{place}.destination: want an IPv{source.version} address as the source is, "
            f"got {written['destination']}"
        )
    return _Rule(
        place, written.get("name"), written["action"], written["from"], number, source,
        destination, *ports, written.get("priority", FIRST_PRIORITY - PRIORITY_STEP * index),
    )  # fmt: skip


def _network(written: Mapping[str, Any], name: str, place: str) -> Network | None:
    text = written.get(name, "any")
    if text == "any":
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise errors.ManifestError(
            f"{place}.{name}: want an IPv4 or IPv6 address, one with a prefix length, or any, "
            f"got {text!r}"
        ) from None


def _ports(written: Mapping[str, Any], name: str, place: str) -> tuple[int, int] | None:
    text = str(written.get(name, "any"))
    if text == "any":
        return None
    low, _, high = text.partition("-")
    first, last = int(low), int(high or low)
    if not 0 <= first <= last <= 0xFFFF:
        raise errors.ManifestError(
            f"{place}.{name}: want a port, or low-high up to 65535, got {text!r}"
        )
    return first, last


def _of(rule: _Rule) -> Iterator[NamedEntry]:
    """A rule's entries: by IP version, and by the prefixes that its port ranges fall into."""
    named = next((n.version for n in (rule.source, rule.destination) if n is not None), None)
    for version in (4, 6):
        other_icmp = PROTOCOLS["icmpv6"] if version == 4 else PROTOCOLS["icmp"]
        if named not in (None, version) or rule.protocol == other_icmp:
            continue
        table, suffix = ("ingress.acl4", "") if version == 4 else ("ingress.acl6", "6")
        for source_port in _prefixes(rule.source_ports):
            for destination_port in _prefixes(rule.destination_ports):
                yield NamedEntry(
                    table=table,
                    match=tuple(_key(rule, source_port, destination_port)),
                    action=rule.action + suffix,
                    priority=rule.priority,
                    label=rule.name or rule.place,
                    place=rule.place,
                )


def _key(
    rule: _Rule, source_port: match.Match, destination_port: match.Match
) -> Iterator[tuple[str, match.Match]]:
    if rule.side != "any":
        yield "ingress_port", match.Exactly(SIDES[rule.side])
    for name, network in (("src", rule.source), ("dst", rule.destination)):
        if network is not None:
            yield name, match.Prefixed(int(network.network_address), network.prefixlen)
    if rule.protocol is not None:
        yield "protocol", match.Exactly(rule.protocol)
    # Later fragments have no ports, and must not match as if theirs were 0.
    if rule.source_ports or rule.destination_ports:
        yield "has_ports", match.Exactly(1)
        yield "src_port", source_port
        yield "dst_port", destination_port


def _prefixes(ports: tuple[int, int] | None) -> Iterator[match.Match]:
    """The fewest prefixes that make up a range of ports."""
    if ports is None:
        yield match.Anything()
        return
    first, last = ports
    while first <= last:
        size = first & -first or 0x10000
        while size > last - first + 1:
            size //= 2
        yield match.Prefixed(first, 16 - (size.bit_length() - 1))
        first += size
