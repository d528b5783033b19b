"""The control socket's client: requests to the data plane, answered in order.

The messages are docs/seams.md, "The control socket".
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, final

_LENGTHS: Final = struct.Struct(">II")
MAX_MESSAGE_BYTES: Final = 64 << 20
RECORDS_A_REQUEST: Final = 8192
CELL: Final = struct.Struct(">QQ")  # packets, bytes
REQUEST_TIMEOUT_S: Final = 30.0


Answer = tuple[dict[str, Any], bytes]  # JSON and blob


class DataplaneLost(Exception):
    """The connection ended; whether the last requests took effect is not known."""


@final
class DataplaneRefused(Exception):
    """The data plane answered with an error. `code` is one of docs/seams.md's words."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


@final
class Control:
    """One connection. Requests may overlap; each answer goes to the oldest request without one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: deque[asyncio.Future[Answer]] = deque()
        self._task = asyncio.create_task(self._read_answers())
        self.lost = asyncio.Event()

    async def call(self, op: str, blob: bytes = b"", **fields: Any) -> Answer:
        """Send one request and wait for its answer: its JSON and its blob.

        Raises:
            DataplaneRefused: the data plane answered with an error.
            DataplaneLost: no answer came.
        """
        return await self.send(op, blob, **fields)

    def send(self, op: str, blob: bytes = b"", **fields: Any) -> asyncio.Future[Answer]:
        """Send one request now; the future is its answer. Raises through the future, as `call`."""
        future: asyncio.Future[Answer] = asyncio.Future()
        if self.lost.is_set():
            future.set_exception(DataplaneLost("the data plane is gone"))
            return future
        text = json.dumps({"op": op, **fields}).encode()
        self._waiting.append(future)
        self._writer.write(_LENGTHS.pack(4 + len(text) + len(blob), len(text)) + text)
        if blob:
            self._writer.write(blob)
        return asyncio.ensure_future(self._bounded(future))

    def entries_write(
        self, device: int, table: int, mode: str, records: Sequence[bytes]
    ) -> Coroutine[Any, Any, dict[int, DataplaneRefused]]:
        """Send records of one table now; await the result for refusals by position in `records`."""
        sent = []
        for first in range(0, len(records), RECORDS_A_REQUEST):
            part = records[first : first + RECORDS_A_REQUEST]
            answer = self.send(
                "entries_write",
                b"".join(part),
                device=device,
                table=table,
                mode=mode,
                count=len(part),
            )
            sent.append((first, answer))
        return _failed_records(sent)

    async def entries_read(
        self, device: int, table: int, record_bytes: int
    ) -> AsyncIterator[tuple[bytes, int, int]]:
        """Every record of a table with its packets and bytes."""
        size = record_bytes + CELL.size
        cursor: dict[str, Any] = {}
        while True:
            answer, blob = await self.call("entries_read", device=device, table=table, **cursor)
            for at in range(0, answer["count"] * size, size):
                packets, count = CELL.unpack_from(blob, at + record_bytes)
                yield blob[at : at + record_bytes], packets, count
            if "cursor" not in answer:
                return
            cursor = {"cursor": answer["cursor"]}

    def close(self) -> None:
        self._task.cancel()
        self._fail()
        self._writer.close()

    async def _bounded(self, future: asyncio.Future[Answer]) -> Answer:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                return await future
        except TimeoutError as e:
            self.close()
            raise DataplaneLost("the data plane did not answer in time") from e

    async def _read_answers(self) -> None:
        try:
            while True:
                answer, blob = await _message(self._reader)
                future = self._waiting.popleft()
                if future.done():
                    continue  # its caller was cancelled
                if "error" in answer:
                    error = answer["error"]
                    future.set_exception(DataplaneRefused(error["code"], error["message"]))
                else:
                    future.set_result((answer, blob))
        except (OSError, DataplaneLost, IndexError):
            pass  # an end as good as any: the keeper finds out why
        finally:
            self._fail()

    def _fail(self) -> None:
        self.lost.set()
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(DataplaneLost("the data plane is gone"))


async def _failed_records(
    sent: Sequence[tuple[int, asyncio.Future[Answer]]],
) -> dict[int, DataplaneRefused]:
    failed: dict[int, DataplaneRefused] = {}
    # All are awaited, so that no failure goes unnoticed when the connection ends.
    answers = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
    for (first, _), answer in zip(sent, answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        for position, code, sentence in answer[0]["failed"]:
            failed[first + position] = DataplaneRefused(code, sentence)
    return failed


async def subscribe(path: Path) -> AsyncGenerator[Answer]:
    """Have a data plane tell its events from now on, each its JSON and its blob.

    The iterator ends by OSError or DataplaneLost, when the connection does.

    Raises:
        OSError: none listens there.
        DataplaneLost: the connection ended.
        DataplaneRefused: it tells no events.
    """
    reader, writer = await asyncio.open_unix_connection(path)
    text = json.dumps({"op": "subscribe"}).encode()
    writer.write(_LENGTHS.pack(4 + len(text), len(text)) + text)
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            answer, _ = await _message(reader)
        if "error" in answer:
            raise DataplaneRefused(answer["error"]["code"], answer["error"]["message"])
    except BaseException:
        writer.close()
        raise
    return _events(reader, writer)


async def _events(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncGenerator[Answer]:
    try:
        while True:
            yield await _message(reader)
    finally:
        writer.close()


async def _message(reader: asyncio.StreamReader) -> Answer:
    """The next message of the data plane; raises DataplaneLost, or OSError."""
    try:
        length, json_length = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        if length > MAX_MESSAGE_BYTES or json_length > length - 4:
            raise DataplaneLost("the data plane sent what is no message")
        body = await reader.readexactly(length - 4)
        return json.loads(body[:json_length]), body[json_length:]
    except (EOFError, ValueError) as e:
        raise DataplaneLost("the data plane is gone") from e


async def connect(path: Path) -> Control:
    """Connect to a data plane.

    Raises:
        OSError: none listens there.
    """
    reader, writer = await asyncio.open_unix_connection(path)
    return Control(reader, writer)
