"""Digests on their way to a controller: put together, held back while unacknowledged; pure.

Source: P4Runtime 1.5.0, "DigestEntry".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final

from p4kube_core.agent.refusal import INVALID_ARGUMENT, Refusal

MOST_IN_LIST: Final = 1 << 16  # a list that is bounded no further is sent when it has so many
MOST_UNACKNOWLEDGED: Final = 1 << 16  # of one digest, in all lists; older lists are forgotten


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
    """What one DigestList holds, all of it distinct."""

    list_id: int
    data: tuple[bytes, ...]


class _Sent(NamedTuple):
    at_ns: int
    data: tuple[bytes, ...]


@final
class Lists:
    """One digest of one device. Times are of one monotonic clock, in nanoseconds.

    Args:
        numbers: ids of lists; none comes twice.
        most: digests in a list, whatever the configuration says.
    """

    def __init__(self, numbers: Iterator[int], most: int = MOST_IN_LIST) -> None:
        self._numbers = numbers
        self._most = most
        self._waiting: dict[bytes, None] = {}  # in order
        self._since_ns = 0  # when the first of those waiting came
        self._held: set[bytes] = set()  # the data of `_sent`
        self._sent: dict[int, _Sent] = {}  # by list, the oldest first, not acknowledged

    def take(self, config: Config, data: Iterable[bytes], now_ns: int) -> Iterator[Batch]:
        """Take what the data plane sent; gives the lists that are to be sent now.

        Of each that could be sent `sent` is to be told before the next is asked for.
        """
        self._expire(config, now_ns)
        for one in data:
            if one in self._held:
                continue
            if one in self._waiting:
                if config.max_timeout_ns or config.ack_timeout_ns:
                    continue
                yield self._cut()  # neither waits for others: two lists have it
            if not self._waiting:
                self._since_ns = now_ns
            self._waiting[one] = None
            if len(self._waiting) >= self._size(config):
                yield self._cut()
        yield from self.due(config, now_ns)

    def due(self, config: Config, now_ns: int) -> Iterator[Batch]:
        """The list that is to be sent now, as `take` gives it."""
        while len(self._waiting) >= self._size(config):  # it was configured anew
            yield self._cut(self._size(config))
        if self._waiting and now_ns >= self._since_ns + config.max_timeout_ns:
            yield self._cut()

    def sent(self, config: Config, batch: Batch, now_ns: int) -> None:
        """A list was sent: its data are held back until they are acknowledged or too old."""
        if not config.ack_timeout_ns:
            return
        self._sent[batch.list_id] = _Sent(now_ns, batch.data)
        self._held.update(batch.data)
        while len(self._held) > MOST_UNACKNOWLEDGED:
            self.acknowledge(next(iter(self._sent)))

    def wait_ns(self, config: Config, now_ns: int) -> int | None:
        """How long until the next list is due; None where nothing waits."""
        if not self._waiting:
            return None
        return max(self._since_ns + config.max_timeout_ns - now_ns, 0)

    def acknowledge(self, list_id: int) -> None:
        """The controller has a list: its data may be sent again. Fine where none waits for that."""
        found = self._sent.pop(list_id, None)
        if found is not None:
            self._held.difference_update(found.data)

    def forget_sent(self) -> None:
        """Hold nothing back any more, as for a controller that was told nothing."""
        self._sent.clear()
        self._held.clear()

    def _cut(self, size: int | None = None) -> Batch:
        data = tuple(self._waiting)[:size]
        for one in data:
            del self._waiting[one]
        return Batch(next(self._numbers), data)

    def _size(self, config: Config) -> int:
        return min(config.max_list_size or self._most, self._most)

    def _expire(self, config: Config, now_ns: int) -> None:
        while self._sent:
            oldest = next(iter(self._sent))
            if now_ns < self._sent[oldest].at_ns + config.ack_timeout_ns:
                return
            self.acknowledge(oldest)


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
