"""Digests on their way to a controller: put together, held back while unacknowledged; pure.

Source: P4Runtime 1.5.0, "DigestEntry" and "DigestList".
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, final

from p4kube_core.agent.refusal import INVALID_ARGUMENT, NOT_FOUND, Refusal

MOST_WAITING: Final = 1 << 16  # of one digest, not sent yet; more are lost
MOST_UNACKNOWLEDGED: Final = 1 << 16  # of one digest, remembered


@final
@dataclass(frozen=True, slots=True)
class Config:
    """How one digest is sent, as p4.v1.DigestEntry.Config says."""

    max_timeout_ns: int  # how long one may wait for others; 0: not at all
    max_list_size: int  # 0: no bound
    ack_timeout_ns: int  # how long equal data are held back; 0: not at all


@final
@dataclass(frozen=True, slots=True)
class Batch:
    """What one DigestList holds."""

    list_id: int
    data: tuple[bytes, ...]


@final
class Lists:
    """One digest of one device. Times are of one monotonic clock, in nanoseconds."""

    def __init__(self) -> None:
        self.lost = 0
        self._numbers = itertools.count(1)
        self._waiting: list[bytes] = []
        self._since_ns = 0  # when the first of those waiting came
        self._held: dict[bytes, int] = {}  # data that are held back, until when
        self._sent: dict[int, tuple[bytes, ...]] = {}  # by list, not acknowledged

    def take(self, config: Config, data: Iterable[bytes], now_ns: int) -> None:
        """Take what the data plane sent."""
        for one in data:
            until = self._held.get(one)
            if until is not None and now_ns < until:
                continue
            if len(self._waiting) >= MOST_WAITING:
                self.lost += 1
                continue
            if not self._waiting:
                self._since_ns = now_ns
            if config.ack_timeout_ns:
                self._hold(one, now_ns + config.ack_timeout_ns)
            self._waiting.append(one)

    def due(self, config: Config, now_ns: int) -> list[Batch]:
        """Lists that are to be sent now: those that are full, and all once one waited long."""
        batches = []
        size = config.max_list_size or MOST_WAITING
        late = now_ns >= self._since_ns + config.max_timeout_ns
        while self._waiting and (late or len(self._waiting) >= size):
            part, self._waiting = tuple(self._waiting[:size]), self._waiting[size:]
            batch = Batch(next(self._numbers), part)
            if config.ack_timeout_ns:
                self._sent[batch.list_id] = part
                while len(self._sent) > MOST_UNACKNOWLEDGED:
                    del self._sent[next(iter(self._sent))]
            batches.append(batch)
        return batches

    def wait_ns(self, config: Config, now_ns: int) -> int | None:
        """How long until the next list is due; None where nothing waits."""
        if not self._waiting:
            return None
        return max(self._since_ns + config.max_timeout_ns - now_ns, 0)

    def acknowledge(self, list_id: int) -> None:
        """The controller has a list: its data may be sent again.

        Raises:
            Refusal: no such list was sent, or too long ago.
        """
        if list_id < 0:
            raise Refusal(INVALID_ARGUMENT, f"want the id of a list that was sent, got {list_id}")
        data = self._sent.pop(list_id, None)
        if data is None:
            raise Refusal(NOT_FOUND, f"no list {list_id} of this digest waits to be acknowledged")
        for one in data:
            self._held.pop(one, None)

    def _hold(self, data: bytes, until_ns: int) -> None:
        self._held.pop(data, None)  # the latest stand last
        self._held[data] = until_ns
        while len(self._held) > MOST_UNACKNOWLEDGED:
            del self._held[next(iter(self._held))]


def config_of(entry: Any) -> Config:
    """Read the config of a p4.v1.DigestEntry.

    Raises:
        Refusal: a number below zero.
    """
    config = entry.config
    for name in ("max_timeout_ns", "max_list_size", "ack_timeout_ns"):
        if getattr(config, name) < 0:
            raise Refusal(
                INVALID_ARGUMENT,
                f"digest {entry.digest_id}: want {name} of at least 0, got {getattr(config, name)}",
            )
    return Config(config.max_timeout_ns, config.max_list_size, config.ack_timeout_ns)
