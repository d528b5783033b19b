"""Who is primary for one device and role: the server's side of arbitration, without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from p4kube_core.agent.refusal import (
    ALREADY_EXISTS,
    INVALID_ARGUMENT,
    NOT_FOUND,
    RESOURCE_EXHAUSTED,
    Refusal,
)

OK: Final = 0
MAX_STREAMS: Final = 32
"""Most controllers connected for one device and role."""


@final
@dataclass(frozen=True, slots=True)
class Notice:
    """One MasterArbitrationUpdate to send."""

    stream: int
    status: int  # OK, ALREADY_EXISTS, NOT_FOUND
    highest: int | None  # election id; None: there was no primary ever


@final
class Election:
    """The live controllers of one device and role, each known by the number of its stream.

    At most one is primary: the one whose election id is the highest that was ever received.
    Taking a primary over goes in two steps: `stand` names the successor and says what the others
    are to be told, `settle` puts it in office once the writes under way have ended.

    Source: P4Runtime 1.5.0, "Client Arbitration and Controller Replication".
    """

    def __init__(self, highest: int | None = None) -> None:
        self.highest = highest
        self.primary: int | None = None
        self._successor: int | None = None
        self._streams: dict[int, int | None] = {}  # election id by stream

    def stand(self, stream: int, election_id: int | None) -> list[Notice]:
        """Take a controller's election id; None never becomes primary.

        Returns:
            What to send before the writes under way have ended; then `settle` is to be called.

        Raises:
            Refusal: the stream is to be ended.
        """
        if election_id is not None and any(
            held == election_id for other, held in self._streams.items() if other != stream
        ):
            raise Refusal(
                INVALID_ARGUMENT,
                f"election id {election_id} is in use by another live controller of this device "
                "and role",
            )
        if stream not in self._streams and len(self._streams) >= MAX_STREAMS:
            raise Refusal(
                RESOURCE_EXHAUSTED,
                f"{MAX_STREAMS} controllers are connected for this device and role",
            )
        self._streams[stream] = election_id
        if election_id is not None and (self.highest is None or election_id >= self.highest):
            self.primary = None
            self._successor = stream
            self.highest = election_id
            return [self._notice(other) for other in self._streams if other != stream]
        if self.primary == stream:
            self.primary = None
            return [self._notice(other) for other in self._streams]
        return [self._notice(stream)]

    def settle(self) -> list[Notice]:
        """Put the successor in office, if there is one."""
        successor, self._successor = self._successor, None
        if successor is None:
            return []
        self.primary = successor
        return [self._notice(successor)]

    def leave(self, stream: int) -> list[Notice]:
        """Take a controller off; the others hear of it when it was primary, or about to be."""
        self._streams.pop(stream, None)
        if stream not in (self.primary, self._successor):
            return []
        self.primary = self._successor = None
        return [self._notice(other) for other in self._streams]

    def is_primary(self, election_id: int | None) -> bool:
        """Say whether a request with this election id comes from the primary."""
        return (
            self.primary is not None
            and election_id is not None
            and self._streams[self.primary] == election_id
        )

    def _notice(self, stream: int) -> Notice:
        if stream == self.primary:
            status = OK
        elif self.primary is not None or self._successor is not None:
            status = ALREADY_EXISTS
        else:
            status = NOT_FOUND
        return Notice(stream, status, self.highest)
