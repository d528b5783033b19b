"""One StreamChannel's way out: the messages queued for its client, and why it is to end."""

from __future__ import annotations

import asyncio
from typing import Any, Final, final

from p4kube_core.agent.refusal import RESOURCE_EXHAUSTED, Refusal

MOST_QUEUED: Final = 10_000  # messages for a client that does not read
MOST_QUEUED_BYTES: Final = 32 << 20
NEWS_OF: Final = 2
"""News may take one part in so many of the queue: answers go on fitting in behind them."""
FAREWELL_S: Final = 1.0  # for a client that does not read
Seat = tuple[int, str]  # device, role


@final
class Channel:
    def __init__(self, number: int) -> None:
        self.number = number
        self.seat: Seat | None = None
        self.ended: asyncio.Future[Refusal] = asyncio.Future()
        """Set when the agent wants the stream to end."""
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._bytes = 0

    def put(self, message: Any) -> None:
        """Queue an answer; the stream is ended where its client has left too many unread."""
        if self._is_full(MOST_QUEUED, MOST_QUEUED_BYTES):
            self.end(
                Refusal(
                    RESOURCE_EXHAUSTED,
                    f"{self._queue.qsize()} messages ({self._bytes} bytes) wait to be read by "
                    "this controller",
                )
            )
            return
        self._add(message)

    def offer(self, message: Any) -> bool:
        """Queue news unless too much waits already; say whether it was."""
        if self._is_full(MOST_QUEUED // NEWS_OF, MOST_QUEUED_BYTES // NEWS_OF):
            return False
        self._add(message)
        return True

    def end(self, why: Refusal) -> None:
        """Have the stream end; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(why)

    async def send_all(self, context: Any) -> None:
        """Send what is queued, until the farewell."""
        while (message := await self._queue.get()) is not None:
            self._bytes -= message.ByteSize()
            await context.write(message)

    async def farewell(self, sender: asyncio.Task[None]) -> None:
        """Send what is queued; a write cut off half-way could keep the end from its client."""
        self._queue.put_nowait(None)
        await asyncio.wait((sender,), timeout=FAREWELL_S)

    def _is_full(self, messages: int, size: int) -> bool:
        return self._queue.qsize() >= messages or self._bytes >= size

    def _add(self, message: Any) -> None:
        self._bytes += message.ByteSize()
        self._queue.put_nowait(message)
