"""The plug-in as a runtime runs it, and agents of all kinds for it to talk to."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from p4kube_core.agent.cni import server
from p4kube_core.agent.cni.verbs import Verbs
from p4kube_core.agent.endpoint import Endpoints

SOURCES: Final = Path(__file__).parents[3] / "p4kube_core/dataplane/cni"
PATIENCE_S: Final = 30.0  # of tests, with a plug-in that must not hang

Conversation = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Ran:
    status: int
    output: bytes
    said: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


def run(
    program: Path,
    path: Path,
    variables: Mapping[str, str | bytes],
    text: bytes = b"{}",
    timeout_s: int | str = 20,
) -> Ran:
    """Run the plug-in to its end; its environment is exactly what is said here."""
    done = subprocess.run(
        [program],
        input=text,
        env=environment(path, variables, timeout_s),
        capture_output=True,
        timeout=PATIENCE_S,
    )
    return Ran(done.returncode, done.stdout, done.stderr.decode())


def environment(
    path: Path, variables: Mapping[str, str | bytes], timeout_s: int | str = 20
) -> dict[str, Any]:
    made = {"P4KUBE_CNI_SOCKET": str(path), "P4KUBE_CNI_TIMEOUT": str(timeout_s)}
    return {"PATH": "/usr/bin:/bin", **made, **variables}


@contextmanager
def agent(path: Path, conversation: Conversation, backlog: int = 16) -> Iterator[None]:
    """Something at the agent's socket that does as it likes with one caller after the other."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(backlog)
        thread = threading.Thread(target=_converse, args=(listening, conversation))
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            path.unlink(missing_ok=True)


def _converse(listening: socket.socket, conversation: Conversation) -> None:
    while True:
        try:
            caller, _ = listening.accept()
        except OSError:
            return
        with caller:
            conversation(caller)


def request(caller: socket.socket) -> tuple[bytes, bytes]:
    """Take a request whole: its variables and its configuration."""
    magic, variables, text = server.HEADER.unpack(_exactly(caller, server.HEADER.size))
    assert magic == server.MAGIC
    return _exactly(caller, variables), _exactly(caller, text)


def answer(status: int, text: bytes) -> bytes:
    return server.HEADER.pack(server.MAGIC, status, len(text)) + text


def _exactly(caller: socket.socket, size: int) -> bytes:
    held = b""
    while len(held) < size:
        part = caller.recv(size - len(held))
        assert part, f"{size - len(held)} bytes are missing"
        held += part
    return held


@contextmanager
def real_server(path: Path, endpoints: Endpoints, **options: Any) -> Iterator[server.Server]:
    """The agent's own CNI server, in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = server.Server(path, Verbs(endpoints, **options))
    try:
        asyncio.run_coroutine_threadsafe(made.start(), loop).result(PATIENCE_S)
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(made.stop(), loop).result(PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
