"""The agent's socket for CNI: who may ask, and what becomes of calls when the agent stops."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.agent.cni import server
from p4kube_core.agent.cni.verbs import Verbs
from tests.dataplane.cni import plugin
from tests.unit.agent.cni import calls
from tests.unit.agent.cni.calls import KERNEL, FakeEndpoints

NOBODY = 65534


def ask(path: Path, command: str = "ADD") -> tuple[int, bytes]:
    block, text = calls.block(calls.variables(command)), calls.text()
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(plugin.PATIENCE_S)
        asking.connect(str(path))
        asking.sendall(server.HEADER.pack(server.MAGIC, len(block), len(text)) + block + text)
        with asking.makefile("rb") as reading:
            answer = reading.read()
    _, status, _ = server.HEADER.unpack_from(answer)
    return status, answer[server.HEADER.size :]


def test_only_root_is_answered(socket_path: Path) -> None:
    endpoints = FakeEndpoints()
    with plugin.real_server(socket_path, endpoints, kernel=KERNEL):
        assert stat.S_IMODE(socket_path.stat().st_mode) == 0o600
        assert ask(socket_path)[0] == 0
        # Even where the file's mode would let others in.
        socket_path.chmod(0o666)
        socket_path.parent.chmod(0o755)
        code = (
            f"import os, socket; os.setuid({NOBODY}); s = socket.socket(socket.AF_UNIX); "
            f"s.connect({str(socket_path)!r}); s.settimeout(20); print(s.recv(100))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout == "b''\n", done.stderr
        assert ask(socket_path)[0] == 0
    assert [call[0] for call in endpoints.calls] == ["add", "add"]
    assert not socket_path.exists()


def test_a_socket_that_an_agent_left_behind_is_replaced(socket_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(socket_path))
    with plugin.real_server(socket_path, FakeEndpoints(), kernel=KERNEL):
        assert ask(socket_path)[0] == 0


def test_a_socket_that_another_agent_serves_stays_its(socket_path: Path) -> None:
    with plugin.real_server(socket_path, FakeEndpoints(), kernel=KERNEL):
        other = server.Server(socket_path, Verbs(FakeEndpoints()))
        with pytest.raises(errors.MachineError, match="another agent does"):
            asyncio.run(other.start())
        asyncio.run(other.stop())
        assert ask(socket_path)[0] == 0


@pytest.mark.parametrize(
    ("path", "why"),
    [("/nonexistent/cni.sock", "No such file or directory"), (f"/{'a' * 200}", "path too long")],
)
def test_a_path_that_cannot_be_had_is_said_so(path: str, why: str) -> None:
    made = server.Server(Path(path), Verbs(FakeEndpoints()))
    with pytest.raises(errors.MachineError, match=why):
        asyncio.run(made.start())


def test_calls_under_way_end_before_the_agent_does(socket_path: Path) -> None:
    endpoints = FakeEndpoints()
    endpoints.takes_s = 0.3
    answers: list[tuple[int, bytes]] = []
    asking = threading.Thread(target=lambda: answers.append(ask(socket_path)))
    with plugin.real_server(socket_path, endpoints, kernel=KERNEL):
        asking.start()
        while not endpoints.busy:
            os.sched_yield()
    asking.join()
    assert [status for status, _ in answers] == [0]


def test_calls_that_do_not_end_are_told_that_the_agent_stops(
    socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_GRACE_S", 0.05)
    endpoints = FakeEndpoints()
    endpoints.takes_s = 600
    answers: list[tuple[int, bytes]] = []
    asking = threading.Thread(target=lambda: answers.append(ask(socket_path)))
    with plugin.real_server(socket_path, endpoints, kernel=KERNEL):
        asking.start()
        while not endpoints.busy:
            os.sched_yield()
    asking.join()
    ((status, answer),) = answers
    assert status == 1
    assert json.loads(answer)["code"] == 11
    assert (endpoints.busy, endpoints.held) == (0, {})


def test_many_at_once_are_all_answered(socket_path: Path) -> None:
    endpoints = FakeEndpoints()
    endpoints.takes_s = 0.05
    answers: list[tuple[int, bytes]] = []

    def add_and_delete() -> None:
        answers.extend(ask(socket_path, command) for command in ("ADD", "DEL"))

    with plugin.real_server(socket_path, endpoints, kernel=KERNEL):
        threads = [threading.Thread(target=add_and_delete) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [status for status, _ in answers] == [0] * 128
