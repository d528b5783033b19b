"""The socket that the plug-in `p4kube-cni` asks at: one request, one answer, for root alone."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from pathlib import Path
from typing import Final, final

from p4kube_core import errors
from p4kube_core.agent.cni.configuration import NEWEST
from p4kube_core.agent.cni.fault import Code, Fault
from p4kube_core.agent.cni.verbs import Verbs

log = logging.getLogger(__name__)

MAGIC: Final = b"P4C1"
HEADER: Final = struct.Struct(
    ">4sII"
)  # magic, then environment and configuration or status and text
MAX_ENVIRONMENT_BYTES: Final = 64 << 10
MAX_CONFIGURATION_BYTES: Final = 1 << 20
MAX_ANSWER_BYTES: Final = 8 << 20
_READ_S: Final = 10.0
_WRITE_S: Final = 10.0
_GRACE_S: Final = 5.0
_CREDENTIALS: Final = struct.Struct("=iii")  # pid, uid, gid


@final
class Server:
    def __init__(self, path: Path, verbs: Verbs) -> None:
        self._path = path
        self._verbs = verbs
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            errors.MachineError: that path cannot be had.
        """
        await _want_unserved(self._path)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path)
        except OSError as e:
            raise errors.MachineError(f"cannot listen at {self._path}: {e.strerror or e}") from e
        finally:
            os.umask(before)
        log.info("serving CNI: socket=%s", self._path)

    async def stop(self) -> None:
        """Take no more calls, let those there end, and those that do not be told so."""
        if self._server is None:
            return
        self._server.close()
        self._path.unlink(missing_ok=True)
        if self._calls:
            _, unfinished = await asyncio.wait(self._calls, timeout=_GRACE_S)
            for call in unfinished:
                call.cancel()
            if unfinished:
                await asyncio.wait(unfinished)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        try:
            if _is_root(writer):
                await _send(writer, *await self._answer(reader))
        except (OSError, TimeoutError) as e:
            log.info("a CNI caller went away: %s", e)
        except asyncio.CancelledError:
            fault = Fault(Code.TRY_AGAIN_LATER, "the agent stops; it is back after its restart")
            writer.write(_frame(1, fault.to_json(NEWEST)))
        finally:
            self._calls.discard(call)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, str]:
        try:
            async with asyncio.timeout(_READ_S):
                variables, text = await _read(reader)
        except Fault as fault:
            return 1, fault.to_json(NEWEST)
        status, answer = await self._verbs.answer(variables, text)
        if len(answer.encode()) <= MAX_ANSWER_BYTES:
            return status, answer
        sentence = f"the result is longer than {MAX_ANSWER_BYTES} bytes"
        return 1, Fault(Code.IO_FAILURE, sentence).to_json(NEWEST)


async def _want_unserved(path: Path) -> None:
    """A socket that a killed agent left behind is replaced; one that is listened at is not."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return
    writer.close()
    raise errors.MachineError(f"cannot listen at {path}: another agent does")


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    magic, variables, text = HEADER.unpack(await _part(reader, HEADER.size))
    if magic != MAGIC:
        raise Fault(
            Code.IO_FAILURE,
            f"want a request in the form {MAGIC.decode()}, found {magic!r}: plug-in and agent must "
            "be of one release",
        )
    if variables > MAX_ENVIRONMENT_BYTES or text > MAX_CONFIGURATION_BYTES:
        raise Fault(
            Code.IO_FAILURE,
            f"want at most {MAX_ENVIRONMENT_BYTES} bytes of variables and "
            f"{MAX_CONFIGURATION_BYTES} of configuration, found {variables} and {text}",
        )
    return await _part(reader, variables), await _part(reader, text)


async def _part(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as e:
        missing = size - len(e.partial)
        sentence = f"the request ended {missing} bytes before it was whole"
        raise Fault(Code.IO_FAILURE, sentence) from e


async def _send(writer: asyncio.StreamWriter, status: int, text: str) -> None:
    async with asyncio.timeout(_WRITE_S):
        writer.write(_frame(status, text))
        await writer.drain()


def _frame(status: int, text: str) -> bytes:
    body = text.encode()
    return HEADER.pack(MAGIC, status, len(body)) + body


def _is_root(writer: asyncio.StreamWriter) -> bool:
    peer = writer.get_extra_info("socket")
    held = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(held)
    if user != 0:
        log.warning("turned a CNI caller away that is not root: pid=%d uid=%d", pid, user)
    return bool(user == 0)
