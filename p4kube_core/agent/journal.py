"""An append-only file of frames, each whole or not there; what they mean is record.py's.

A frame is u32 length of its body, u32 CRC-32 of its body, body (big-endian). It is written with one
write(2) before the change is acknowledged, so it outlives the process that wrote it. Nothing is
flushed to disk for each frame: what survives is a crash of processes, not of the machine.
"""

from __future__ import annotations

import logging
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, final

log = logging.getLogger(__name__)

_HEAD: Final = struct.Struct(">II")
MAX_FRAME_BYTES: Final = 1 << 30
COMPACT_FROM_BYTES: Final = 1 << 20
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_GROWTH: Final = 4  # a journal is rewritten when it is so many times what it would be if rewritten


def frame(body: bytes) -> bytes:
    """Wrap a body."""
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def frames(data: bytes) -> tuple[list[bytes], int]:
    """Read frames from the start of a journal.

    Returns:
        The bodies of all whole frames up to the first that is not, and the bytes that they take.
    """
    found: list[bytes] = []
    offset = 0
    while offset + _HEAD.size <= len(data):
        length, crc = _HEAD.unpack_from(data, offset)
        body = data[offset + _HEAD.size : offset + _HEAD.size + length]
        if length > MAX_FRAME_BYTES or len(body) != length or zlib.crc32(body) != crc:
            break
        found.append(body)
        offset += _HEAD.size + length
    return found, offset


@final
class Journal:
    """One open journal file. Written by the agent's event loop only."""

    def __init__(self, path: Path) -> None:
        """Open the file, if it is there; a torn tail is cut off.

        The first `append` makes one that is not. `recovered` holds the frames found.
        """
        self._path = path
        self._fd: int | None = None
        self.recovered: list[bytes] = []
        self._size = 0
        self._base = 0  # bytes after the last rewriting
        if path.exists():
            self._recover()

    def _recover(self) -> None:
        fd = self._open()
        data = self._path.read_bytes()
        self.recovered, self._size = frames(data)
        if self._size < len(data):
            torn = len(data) - self._size
            log.warning("cut a torn tail off journal=%s bytes=%d", self._path.name, torn)
            os.ftruncate(fd, self._size)

    def _open(self) -> int:
        if self._fd is None:
            self._fd = os.open(self._path, _FLAGS, 0o600)
        return self._fd

    @property
    def wants_compaction(self) -> bool:
        return self._size > max(COMPACT_FROM_BYTES, _GROWTH * self._base)

    def append(self, body: bytes) -> None:
        """Write one frame; it is in the kernel's hands, thus safe from our crash, on return.

        Raises:
            OSError: not written, or only in part; what was written in part is cut off again.
        """
        data = frame(body)
        fd = self._open()
        try:
            written = os.write(fd, data)
            while written < len(data):
                written += os.write(fd, data[written:])
        except OSError:
            os.ftruncate(fd, self._size)
            raise
        self._size += len(data)

    def rewrite(self, bodies: Iterable[bytes]) -> None:
        """Replace all frames at once: after a crash the old ones or the new ones are there."""
        beside = self._path.with_suffix(".new")
        fd = os.open(beside, _FLAGS | os.O_TRUNC, 0o600)
        size = 0
        for body in bodies:
            data = frame(body)
            size += len(data)
            while data:
                data = data[os.write(fd, data) :]
        beside.replace(self._path)
        self.close()
        self._fd, self._size, self._base = fd, size, size

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def remove(self) -> None:
        self.close()
        self._size = 0
        self._path.unlink(missing_ok=True)
