"""Puts packets into ring ports and takes out what came, through the data plane's control socket."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, final

from p4kube_core import errors

_LENGTHS: Final = struct.Struct(">II")
_PACKET: Final = struct.Struct(">H")
TIMEOUT_S: Final = 30.0


@final
class Injector:
    """One connection; a context manager."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(TIMEOUT_S)
        try:
            self._socket.connect(str(path))
        except OSError as e:
            self._socket.close()
            raise errors.SwitchUnavailable(f"no data plane at {path}: {e.strerror}") from e

    def port_names(self, device: int) -> dict[int, str]:
        """What the data plane calls a device's ports, by P4 port number."""
        answer, _ = self._call("port_list")
        return {
            port["port"]: port["name"] for port in answer["ports"] if port.get("device") == device
        }

    def inject(self, port: str, data: bytes) -> None:
        """Put one packet in; it has been through the workers when this returns."""
        self._call("inject", _PACKET.pack(len(data)) + data, port=port)

    def collect(self, port: str) -> Iterable[bytes]:
        """Take what has come out since the last time."""
        _, blob = self._call("collect", port=port)
        position = 0
        while position < len(blob):
            (length,) = _PACKET.unpack_from(blob, position)
            position += _PACKET.size
            yield blob[position : position + length]
            position += length

    def _call(self, op: str, blob: bytes = b"", **fields: Any) -> tuple[dict[str, Any], bytes]:
        text = json.dumps({"op": op, **fields}).encode()
        try:
            self._socket.sendall(_LENGTHS.pack(4 + len(text) + len(blob), len(text)) + text + blob)
            length, text_length = _LENGTHS.unpack(self._receive(_LENGTHS.size))
            body = self._receive(length - 4)
        except OSError as e:
            raise errors.SwitchUnavailable(f"the data plane does not answer {op}: {e}") from e
        answer: dict[str, Any] = json.loads(body[:text_length])
        if "error" in answer:
            raise errors.InvariantViolated(f"{op}: {answer['error']['message']}")
        return answer, body[text_length:]

    def _receive(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            part = self._socket.recv(count)
            if not part:
                raise ConnectionResetError("connection closed")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()
