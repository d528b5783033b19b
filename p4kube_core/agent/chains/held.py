"""One endpoint as the site holds it: what stands on it, what is known of that, how it went."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from p4kube_core.agent.chains.desire import NOTHING, Chain, Key, Part
from p4kube_core.agent.chains.function import Excuse
from p4kube_core.agent.endpoint import Endpoint
from p4kube_core.agent.settings import TARGETS


@final
@dataclass(slots=True)
class Held:
    """Changed by who holds its lock; `going` by anyone, and it stays so."""

    number: int  # no other endpoint has had it
    endpoint: Endpoint
    index: int  # of the interface on the host
    chain: Chain | None = None
    chain_number: int = 0  # no other chain has had it
    former: tuple[int, ...] = ()  # numbers of chains of which something may be left
    splice: dict[str, Any] | None = None
    """The pod's wire is spliced, or on its way to or from that; what belonged to the pod's end of
    it, and whether it is `done`."""
    going: bool = False  # what is left of it is to be taken away
    excuse: Excuse | None = None  # why it is not as it is to be
    took_ms: dict[str, float] = field(default_factory=dict)  # by phase, the last time
    settled: bool = False  # it is as it is to be, as far as is known
    kept: bool = True  # its file says the same
    failures: int = 0  # in a row
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    seen: dict[str, tuple[int | None, Part]] = field(
        default_factory=lambda: dict.fromkeys(TARGETS, (None, NOTHING))
    )
    """What it has on each data plane, and the epoch of the connection that this is true for; no
    epoch: it never had anything there. A target that is not there is unknown."""

    @property
    def key(self) -> Key:
        return self.endpoint.container_id, self.endpoint.interface

    def concerns(self, target: str) -> bool:
        """Say whether it may have something on that data plane."""
        return target not in self.seen or self.seen[target] != (None, NOTHING)

    @property
    def is_spliced(self) -> bool:
        return self.splice is not None and bool(self.splice.get("done"))

    def chains(self) -> tuple[int, ...]:
        """Numbers of all chains of which there may be something."""
        return (self.chain_number, *self.former)

    @property
    def name(self) -> str:
        """For people, and in the names of devices."""
        endpoint = self.endpoint
        if not endpoint.container_id:
            return endpoint.host_interface
        return f"{endpoint.namespace}/{endpoint.name}/{endpoint.interface}"

    def to_json(self) -> dict[str, Any]:
        """What is kept of it."""
        return {
            "number": self.number,
            "endpoint": dataclasses.asdict(self.endpoint),
            "index": self.index,
            "chain": dataclasses.asdict(self.chain) if self.chain else None,
            "chain_number": self.chain_number,
            "former": list(self.former),
            "splice": self.splice,
            "going": self.going,
        }


def read(value: Mapping[str, Any]) -> Held:
    """Make one of what was kept; what it has on the data planes is unknown.

    Raises:
        KeyError: something is missing.
        TypeError: it is of another making.
    """
    chain = value["chain"]
    if chain is not None:
        chain = Chain(chain["attachment"], chain["target"], tuple(chain["functions"]))
    return Held(
        number=value["number"],
        endpoint=Endpoint(**value["endpoint"]),
        index=value["index"],
        chain=chain,
        chain_number=value["chain_number"],
        former=tuple(value["former"]),
        splice=value["splice"],
        going=value["going"],
        seen={},
    )
