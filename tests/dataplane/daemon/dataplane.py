"""A data plane process for one test, and a client for its control socket."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterable, Iterator
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[3]
DPDK = ROOT / "p4kube_core/dataplane/dpdk"
START_PATIENCE_S = 30.0


class RefusedError(Exception):
    """The data plane's `error` answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Client:
    def __init__(self, path: pathlib.Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        self.socket.connect(str(path))

    def close(self) -> None:
        self.socket.close()

    def _receive(self, n: int) -> bytes:
        parts = bytearray()
        while len(parts) < n:
            part = self.socket.recv(n - len(parts))
            if not part:
                raise ConnectionError("the data plane closed the connection")
            parts += part
        return bytes(parts)

    def answer(self) -> tuple[dict[str, Any], bytes]:
        """The next answer, whatever it says."""
        length, json_length = struct.unpack("!II", self._receive(8))
        body = self._receive(length - 4)
        return json.loads(body[:json_length]), body[json_length:]

    def ask(self, op: str, blob: bytes = b"", /, **fields: Any) -> tuple[dict[str, Any], bytes]:
        text = json.dumps({"op": op, **fields}).encode()
        self.socket.sendall(struct.pack("!II", 4 + len(text) + len(blob), len(text)) + text + blob)
        return self.answer()

    def call(self, op: str, blob: bytes = b"", /, **fields: Any) -> tuple[dict[str, Any], bytes]:
        answer, blob = self.ask(op, blob, **fields)
        if "error" in answer:
            raise RefusedError(answer["error"]["code"], answer["error"]["message"])
        return answer, blob

    def inject(self, port: str, *packets: bytes) -> None:
        self.call("inject", pack(packets), port=port)

    def collect(self, port: str) -> list[bytes]:
        answer, blob = self.call("collect", port=port)
        packets = list(unpack(blob))
        assert len(packets) == answer["count"]
        return packets

    def ports(self) -> dict[str, dict[str, Any]]:
        return {port["name"]: port for port in self.call("port_list")[0]["ports"]}

    def devices(self) -> dict[int, dict[str, Any]]:
        return {device["id"]: device for device in self.call("device_list")[0]["devices"]}

    def rings(self, device: int, *ports: int) -> None:
        """Ring ports `r1`, `r2`, ... wired to the device's ports of these numbers."""
        for port in ports:
            self.call("port_add", name=f"r{port}", kind="ring")
            self.call("wire", device=device, port=port, name=f"r{port}")


class Subscriber(Client):
    """A connection on which the data plane tells what happens."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__(path)
        self.call("subscribe")

    def events(self, count: int) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Digests, packets and losses as they come, until there have been so many."""
        while count > 0:
            event, blob = self.answer()
            count -= event.get("count", len(list(unpack(blob))))
            yield event, blob


def pack(packets: Iterable[bytes]) -> bytes:
    return b"".join(struct.pack("!H", len(packet)) + packet for packet in packets)


def unpack(blob: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(blob):
        (length,) = struct.unpack_from("!H", blob, at)
        yield blob[at + 2 : at + 2 + length]
        at += 2 + length


class Dataplane(Client):
    """The process and a connection to it."""

    def __init__(self, directory: pathlib.Path, *options: str, variant: str = "release") -> None:
        self.path = directory / "dataplane.sock"
        self.log = directory / "dataplane.log"
        self.directory = directory
        binary = DPDK / "build" / variant / "p4kube-dataplane"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [binary, "--socket", self.path, *options],
                stdout=log,
                stderr=log,
                env={**os.environ, "ASAN_OPTIONS": "exitcode=99:detect_leaks=1"},
            )
        give_up = time.monotonic() + START_PATIENCE_S
        while True:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                super().__init__(self.path)
                return
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise RuntimeError(f"no data plane: {self.text()}")
            time.sleep(0.005)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        with contextlib.suppress(AttributeError):
            self.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        with contextlib.suppress(AttributeError):
            self.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
