"""Which packets a rule of a function speaks of, as people write it, and the key that this becomes.

Functions that look at flows share this: the words in their parameters (`from`, `protocol`,
`source`, `destination`, `sourcePort`, `destinationPort`, `dscp`), and the names of their tables'
fields.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, final

from p4kube_core import errors
from p4kube_core.model import match

SIDES: Final = {"outside": 1, "inside": 2}  # and the port of each
OTHER_SIDE: Final = {"outside": "inside", "inside": "outside", "any": "any"}
PROTOCOLS: Final = {
    "tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132, "dccp": 33, "udplite": 136,
}  # fmt: skip

# RFC 2474, 2597, 3246, 8622.
DSCPS: Final = {
    "default": 0, "ef": 46, "le": 1,
    **{f"cs{i}": 8 * i for i in range(8)},
    **{f"af{c}{d}": 8 * c + 2 * d for c in range(1, 5) for d in range(1, 4)},
}  # fmt: skip

DSCP: Final = "af11 to af43, cs0 to cs7, ef, le, default or a number from 0 to 63"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Ports = tuple[int, int]  # the first and the last


@final
@dataclass(frozen=True, slots=True)
class Traffic:
    """Packets that have all of this; None: whatever it is."""

    side: str = "any"  # that they come from
    protocol: int | None = None
    source: Network | None = None
    destination: Network | None = None
    source_ports: Ports | None = None
    destination_ports: Ports | None = None
    dscp: int | None = None

    def reversed(self) -> Traffic:
        """The way back."""
        return replace(
            self,
            side=OTHER_SIDE[self.side],
            source=self.destination,
            destination=self.source,
            source_ports=self.destination_ports,
            destination_ports=self.source_ports,
        )

    def versions(self) -> tuple[int, ...]:
        """The versions of IP that such packets can have: of 4 and 6."""
        named = {n.version for n in (self.source, self.destination) if n is not None}
        named |= {4} if self.protocol == PROTOCOLS["icmp"] else set()
        named |= {6} if self.protocol == PROTOCOLS["icmpv6"] else set()
        return tuple(v for v in (4, 6) if named <= {v})

    def key(self) -> Iterator[tuple[str, match.Match]]:
        """The fields of a table that such packets, and no others, match."""
        if self.side != "any":
            yield "ingress_port", match.Exactly(SIDES[self.side])
        for name, network in (("src", self.source), ("dst", self.destination)):
            if network is not None:
                yield name, match.Prefixed(int(network.network_address), network.prefixlen)
        if self.protocol is not None:
            yield "protocol", match.Exactly(self.protocol)
        if self.dscp is not None:
            yield "dscp", match.Exactly(self.dscp)
        # Later fragments have no ports, and must not match as if theirs were 0.
        if self.source_ports or self.destination_ports:
            yield "has_ports", match.Exactly(1)
        for name, ports in (("src_port", self.source_ports), ("dst_port", self.destination_ports)):
            if ports is not None:
                yield name, match.Between(*ports)


def read(written: Mapping[str, Any], place: str, with_ports: tuple[str, ...]) -> Traffic:
    """What a rule says of packets, checked beyond what its schema can say.

    Args:
        with_ports: protocols that the function finds ports in.

    Raises:
        errors.ManifestError: a value that is none, or contradicts another; starts with `place`.
    """
    protocol = written.get("protocol", "any")
    ports = _ports(written, "sourcePort", place), _ports(written, "destinationPort", place)
    number = None if protocol == "any" else PROTOCOLS.get(protocol, protocol)
    if any(ports) and number not in [PROTOCOLS[name] for name in with_ports]:
        *some, last = with_ports
        raise errors.ManifestError(
            f"{place}.protocol: want {', '.join(some)} or {last} beside ports, got {protocol}"
        )
    source = _network(written, "source", place)
    destination = _network(written, "destination", place)
    if source and destination and source.version != destination.version:
        raise errors.ManifestError(
            f"{place}.destination: want an IPv{source.version} address as the source is, "
            f"got {written['destination']}"
        )
    dscp = written.get("dscp", "any")
    return Traffic(
        written.get("from", "any"), number, source, destination, *ports,
        None if dscp == "any" else dscp_of(dscp, f"{place}.dscp"),
    )  # fmt: skip


def dscp_of(written: str | int, place: str) -> int:
    """The code point of a name, or of a number from 0 to 63.

    Raises:
        errors.ManifestError: neither; starts with `place`.
    """
    found = written if isinstance(written, int) else DSCPS.get(written)
    if found is None or not 0 <= found <= 63:
        raise errors.ManifestError(f"{place}: want {DSCP}, got {written!r}")
    return found


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


def _ports(written: Mapping[str, Any], name: str, place: str) -> Ports | None:
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
