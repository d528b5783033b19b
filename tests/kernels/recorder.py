"""Stands between an agent and `p4kube-bpf` and writes down what they say to each other.

Run as a data plane's program: `recorder.py REAL RECORDING --bpffs DIR --socket PATH`. The recording
is a file of JSON lines, one an exchange: request and answer in hexadecimal. Objects that requests
name are copied beside it, since the agent removes them.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

_LENGTHS = struct.Struct(">II")


def read_frame(source: socket.socket) -> bytes:
    """One message with its lengths; empty at the end."""
    head = _read(source, _LENGTHS.size)
    if not head:
        return b""
    return head + _read(source, _LENGTHS.unpack(head)[0] - 4)


def text_of(frame: bytes) -> dict[str, Any]:
    """The JSON of a message."""
    length = _LENGTHS.unpack_from(frame)[1]
    found: dict[str, Any] = json.loads(frame[8 : 8 + length])
    return found


def blob_of(frame: bytes) -> bytes:
    """What follows the JSON."""
    return frame[8 + _LENGTHS.unpack_from(frame)[1] :]


def frame_of(text: dict[str, Any], blob: bytes) -> bytes:
    """A message."""
    data = json.dumps(text).encode()
    return _LENGTHS.pack(4 + len(data) + len(blob), len(data)) + data + blob


def _read(source: socket.socket, wanted: int) -> bytes:
    got = b""
    while len(got) < wanted:
        part = source.recv(wanted - len(got))
        if not part:
            return b""
        got += part
    return got


def _keep_object(frame: bytes, directory: Path) -> bytes:
    """Copy the object that a request names; the request as it is written down."""
    text = text_of(frame)
    path = text.get("object")
    if not isinstance(path, str):
        return frame
    number = len(list(directory.glob("*.o")))
    shutil.copy(path, directory / f"{number}.o")
    return frame_of({**text, "object": f"{number}.o"}, blob_of(frame))


def _serve(client: socket.socket, real: str, recording: Path, lock: threading.Lock) -> None:
    with client, socket.socket(socket.AF_UNIX) as server:
        server.connect(real)
        while request := read_frame(client):
            if text_of(request)["op"] == "subscribe":
                _pass_through(request, client, server)
                return
            with lock:
                written = _keep_object(request, recording.parent)
                server.sendall(request)
                answer = read_frame(server)
                with recording.open("a") as file:
                    file.write(json.dumps([written.hex(), answer.hex()]) + "\n")
            if not answer:
                return
            client.sendall(answer)


def _pass_through(request: bytes, client: socket.socket, server: socket.socket) -> None:
    """Events come when they come: nothing that a later run could be held to."""
    server.sendall(request)
    while data := server.recv(65536):
        client.sendall(data)


def main(words: list[str]) -> int:
    real, recording, *options = words
    place = options.index("--socket") + 1
    listening = options[place]
    options[place] += ".real"
    process = subprocess.Popen([real, *options])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.terminate())
    while not Path(options[place]).exists() and process.poll() is None:
        time.sleep(0.01)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(listening)
        server.listen()
        threading.Thread(
            target=_accept, args=(server, options[place], Path(recording)), daemon=True
        ).start()
        return process.wait()


def _accept(server: socket.socket, real: str, recording: Path) -> None:
    lock = threading.Lock()
    while True:
        client, _ = server.accept()
        threading.Thread(target=_serve, args=(client, real, recording, lock), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
