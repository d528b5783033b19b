"""A thousand rules, the same for both sides: as parameters of our firewall, and as nftables.

All but the last six deny, in fifteen shapes (five prefix lengths; TCP, UDP or neither), what does
not come meanwhile; the last six let it through: every packet is matched as late as can be.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

PREFIXES: Final = (32, 28, 24, 20, 16)
PROTOCOLS: Final = ("tcp", "udp", "any")
SEED: Final = 1


@final
@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of our table, one rule of theirs; what is None is not looked at."""

    action: str  # allow, deny
    protocol: str
    source: str
    destination: str | None = None
    destination_port: int | None = None


def rules(count: int, client: str, server: str, denied_port: int) -> tuple[Rule, ...]:
    """So many rules: between the two ICMP, TCP and UDP pass, but TCP to that port does not."""
    allowed = [
        Rule("allow", protocol, *ends)
        for protocol in ("icmp", "udp", "tcp")
        for ends in ((client, server), (server, client))
    ]
    denied = list(_denied(count - len(allowed) - 1))
    denied.insert(len(denied) // 2, Rule("deny", "tcp", f"{client}/32", None, denied_port))
    return (*denied, *allowed)


def _denied(count: int) -> Iterable[Rule]:
    """Sources from 11.0.0.0/8 up, no two of which overlap."""
    rng = random.Random(SEED)
    blocks = rng.sample(range(11 << 8, 200 << 8), count)  # of /16
    for number, block in enumerate(blocks):
        length = PREFIXES[number % len(PREFIXES)]
        protocol = PROTOCOLS[number // len(PREFIXES) % len(PROTOCOLS)]
        within = rng.getrandbits(16) >> (32 - length) << (32 - length)
        network = ipaddress.ip_network((block << 16 | within, length))
        port = rng.randrange(1, 1 << 16) if protocol != "any" else None
        yield Rule("deny", protocol, str(network), destination_port=port)


def parameters(wanted: Iterable[Rule]) -> dict[str, Any]:
    """Of the catalogue's firewall."""
    return {"default": "deny", "rules": [_parameter(rule) for rule in wanted]}


def _parameter(rule: Rule) -> dict[str, Any]:
    said = {
        "action": rule.action,
        "protocol": rule.protocol,
        "source": rule.source,
        "destination": rule.destination,
        "destinationPort": rule.destination_port,
    }
    return {name: value for name, value in said.items() if value is not None}


def nftables(wanted: Sequence[Rule]) -> str:
    """One rule each, in order, as `nft -f` reads it."""
    return _table("", map(_words, wanted))


def nftables_sets(wanted: Sequence[Rule]) -> str:
    """The same as an expert writes it: what is denied is in sets, one look-up each.

    No two of the rules that deny overlap, so their order does not matter.
    """
    denied = [rule for rule in wanted if rule.action == "deny"]
    sets = []
    lines = []
    for protocol in PROTOCOLS:
        chosen = [rule for rule in denied if rule.protocol == protocol]
        if not chosen:
            continue
        ports = protocol != "any"
        elements = ", ".join(
            f"{rule.source} . {rule.destination_port}" if ports else rule.source for rule in chosen
        )
        kind = "ipv4_addr . inet_service" if ports else "ipv4_addr"
        sets.append(
            f"set denied_{protocol} {{ type {kind}; flags interval; elements = {{ {elements} }}; }}"
        )
        key = f"ip saddr . {protocol} dport" if ports else "ip saddr"
        lines.append(f"{key} @denied_{protocol} drop")
    lines += [_words(rule) for rule in wanted if rule.action == "allow"]
    return _table("\n".join(sets), lines)


def _table(sets: str, lines: Iterable[str]) -> str:
    body = "\n".join(lines)
    hook = "type filter hook forward priority 0; policy drop;"
    return f"table ip bench {{\n{sets}\nchain forward {{\n{hook}\n{body}\n}}\n}}\n"


def _words(rule: Rule) -> str:
    words = [f"ip saddr {rule.source}"]
    if rule.destination is not None:
        words.append(f"ip daddr {rule.destination}")
    if rule.destination_port is not None:
        words.append(f"{rule.protocol} dport {rule.destination_port}")
    elif rule.protocol != "any":
        words.append(f"ip protocol {rule.protocol}")
    words.append("accept" if rule.action == "allow" else "drop")
    return " ".join(words)
