"""What the plug-in hands on, what it answers by itself, and that it always comes to an end."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from p4kube_core.agent.cni import configuration, server
from tests.dataplane.cni import plugin
from tests.unit.agent import processes
from tests.unit.agent.cni import calls

ADD = calls.variables("ADD")
RIGHT = b'{"cniVersion": "0.4.0", "ips": []}\n'


def test_it_is_one_small_file_that_needs_no_library() -> None:
    subprocess.run(["make", "-s", "-C", plugin.SOURCES], check=True)
    made = plugin.SOURCES / "build/release/p4kube-cni"
    assert (
        "not a dynamic executable"
        in subprocess.run(["ldd", made], capture_output=True, text=True).stderr
    )
    assert made.stat().st_size < 1 << 20


def test_all_cni_variables_and_all_of_standard_input_reach_the_agent(
    program: Path, socket_path: Path
) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def converse(caller: socket.socket) -> None:
        seen.append(plugin.request(caller))
        caller.sendall(plugin.answer(0, RIGHT))

    text = os.urandom(configuration_bytes := server.MAX_CONFIGURATION_BYTES)
    variables: dict[str, str | bytes] = {
        **ADD,
        "CNI_OTHER": b"\xff\n",
        "CNI_": "",
        "XCNI_ARGS": "no",
        "HOME": "no",
    }
    with plugin.agent(socket_path, converse):
        ran = plugin.run(program, socket_path, variables, text)
        assert plugin.run(program, socket_path, ADD, b"").status == 0
    assert (ran.status, ran.output, ran.said) == (0, RIGHT, "")
    block, given = seen[0]
    assert len(given) == configuration_bytes
    assert given == text
    wanted = [*calls.block(ADD).split(b"\x00"), b"CNI_OTHER=\xff\n", b"CNI_="]
    assert sorted(block.split(b"\0")) == sorted(wanted)
    assert seen[1][1] == b""


@pytest.mark.parametrize("status", [0, 1])
@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_the_agents_answer_is_handed_on_as_it_is(
    program: Path, socket_path: Path, status: int, size: int
) -> None:
    text = os.urandom(size)

    def converse(caller: socket.socket) -> None:
        plugin.request(caller)
        caller.sendall(plugin.answer(status, text))

    with plugin.agent(socket_path, converse):
        ran = plugin.run(program, socket_path, ADD)
    assert (ran.status, ran.output) == (status, text)


def test_an_answer_that_trickles_in_is_waited_for(program: Path, socket_path: Path) -> None:
    def converse(caller: socket.socket) -> None:
        plugin.request(caller)
        for byte in plugin.answer(0, RIGHT):
            caller.sendall(bytes([byte]))
            time.sleep(0.002)

    with plugin.agent(socket_path, converse):
        ran = plugin.run(program, socket_path, ADD)
    assert (ran.status, ran.output) == (0, RIGHT)


def test_who_answers_before_the_request_is_whole_is_heard(program: Path, socket_path: Path) -> None:
    def converse(caller: socket.socket) -> None:
        caller.recv(1)
        caller.sendall(plugin.answer(1, RIGHT))
        caller.shutdown(socket.SHUT_RD)  # what more it writes is an error to it
        time.sleep(0.2)

    with plugin.agent(socket_path, converse):
        ran = plugin.run(program, socket_path, ADD, bytes(server.MAX_CONFIGURATION_BYTES))
    assert (ran.status, ran.output) == (1, RIGHT)


def silent(caller: socket.socket) -> None:
    plugin.request(caller)
    caller.settimeout(plugin.PATIENCE_S)
    assert caller.recv(1) == b""  # the plug-in goes before we do


def deaf(caller: socket.socket) -> None:
    time.sleep(2)


def short(text: bytes) -> plugin.Conversation:
    def converse(caller: socket.socket) -> None:
        plugin.request(caller)
        caller.sendall(text)

    return converse


ENDED = "it ended before its answer was whole"
LATE = "it did not answer in time"
STRANGE = "what it says is something else; plug-in and agent must be of one release"
WAYS: dict[str, tuple[plugin.Conversation, str]] = {
    "hangs up": (short(b""), ENDED),
    "hangs up unread": (lambda caller: None, f"Connection reset by peer|{ENDED}"),
    "is silent": (silent, LATE),
    "reads nothing": (deaf, LATE),
    "ends in the header": (short(plugin.answer(0, RIGHT)[:7]), ENDED),
    "ends in the text": (short(plugin.answer(0, RIGHT)[:-1]), ENDED),
    "speaks another form": (short(b"HTTP/1.1 400 Bad Request\r\n\r\n"), STRANGE),
    "promises too much": (short(server.HEADER.pack(server.MAGIC, 0, 9 << 20) + b"{"), STRANGE),
}
CODES = {"ADD": 11, "CHECK": 11, "STATUS": 50, "NONSENSE": 11}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("command", ["ADD", "DEL"])
def test_an_agent_that_does_not_answer(
    program: Path, socket_path: Path, command: str, way: str
) -> None:
    conversation, why = WAYS[way]
    text = calls.text() + bytes(900_000 if way in ("reads nothing", "hangs up unread") else 0)
    with plugin.agent(socket_path, conversation):
        ran = plugin.run(program, socket_path, calls.variables(command), text, timeout_s=1)
    assert_without_agent(ran, command, socket_path, why)


@pytest.mark.parametrize("command", ["ADD", "CHECK", "STATUS", "DEL", "GC", "NONSENSE"])
@pytest.mark.parametrize("way", ["never there", "gone", "not a socket", "full"])
def test_an_agent_that_is_not_there(
    program: Path, socket_path: Path, command: str, way: str
) -> None:
    why = {
        "never there": "No such file or directory",
        "gone": "Connection refused",
        "not a socket": "Connection refused",
        "full": "it takes no more callers",
    }[way]
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as waiting:
        if way == "not a socket":
            socket_path.touch()
        elif way != "never there":
            listening.bind(str(socket_path))
        if way == "full":
            listening.listen(0)
            waiting.connect(str(socket_path))
        ran = plugin.run(program, socket_path, calls.variables(command), calls.text(), timeout_s=1)
    assert_without_agent(ran, command, socket_path, why)


def assert_without_agent(ran: plugin.Ran, command: str, path: Path, why: str) -> None:
    """A pod can go without the agent, but not come."""
    if command in ("DEL", "GC"):
        assert (ran.status, ran.output) == (0, b"")
        assert ran.said.startswith(f"p4kube-cni: {command}: want ")
        assert re.search(f"({why}).*; the agent cleans up when it is back\n$", ran.said)
        return
    assert ran.status == 1
    error = ran.json
    assert set(error) == {"cniVersion", "code", "msg", "details"}
    assert (error["cniVersion"], error["code"]) == ("1.0.0", CODES[command])
    assert str(path) in error["details"]
    assert re.search(why, error["details"])


def test_the_agent_is_killed_while_the_plugin_waits(program: Path, socket_path: Path) -> None:
    code = (
        "import asyncio\n"
        "from pathlib import Path\n"
        "from p4kube_core.agent.cni import server, verbs\n"
        "from tests.unit.agent.cni.calls import KERNEL, FakeEndpoints\n"
        "async def main():\n"
        "    endpoints = FakeEndpoints()\n"
        "    endpoints.takes_s = 600\n"
        "    held = verbs.Verbs(endpoints, KERNEL)\n"
        f"    await server.Server(Path({str(socket_path)!r}), held).start()\n"
        "    while not endpoints.busy:\n"
        "        await asyncio.sleep(0.01)\n"
        "    print('busy', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE
    ) as running:
        try:
            deadline = time.monotonic() + plugin.PATIENCE_S
            while not socket_path.exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            with subprocess.Popen(
                [program],
                env=plugin.environment(socket_path, ADD),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ) as waiting:
                assert waiting.stdin is not None
                waiting.stdin.write(calls.text())
                waiting.stdin.close()
                waiting.stdin = None
                assert running.stdout is not None
                assert running.stdout.readline() == b"busy\n"
                processes.end(running.pid)
                output, said = waiting.communicate(timeout=plugin.PATIENCE_S)
        finally:
            running.kill()
    ran = plugin.Ran(waiting.returncode, output, said.decode())
    assert_without_agent(ran, "ADD", socket_path, ENDED)


@pytest.mark.parametrize("version", configuration.VERSIONS)
def test_version_needs_no_agent(program: Path, socket_path: Path, version: str) -> None:
    text = b'{ "cniVersion" :\n"%s" }' % version.encode()
    ran = plugin.run(program, socket_path, {"CNI_COMMAND": "VERSION"}, text)
    assert ran.status == 0
    assert ran.json == {"cniVersion": version, "supportedVersions": list(configuration.VERSIONS)}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b'{"cniVersion"',
        b'{"cniVersion":"1.0',
        b'{"cniVersion":"a\\"b"}',
        b'"cniVersion":""',
        b'{"cniVersion": 1}',
        b'{"cniVersion":"1111111111111111111111111"}',
        bytes(100),
    ],
)
def test_who_says_no_version_is_answered_in_our_newest(
    program: Path, socket_path: Path, text: bytes
) -> None:
    ran = plugin.run(program, socket_path, {"CNI_COMMAND": "VERSION"}, text)
    assert (ran.status, ran.json["cniVersion"]) == (0, configuration.NEWEST)


def test_who_types_its_name_is_told_what_it_is(program: Path, socket_path: Path) -> None:
    ran = plugin.run(program, socket_path, {})
    assert (ran.status, ran.json["code"]) == (1, 4)
    assert "CNI_COMMAND: want ADD, DEL, CHECK" in ran.json["details"]


def test_a_configuration_that_is_too_long_is_refused(program: Path, socket_path: Path) -> None:
    text = bytes(server.MAX_CONFIGURATION_BYTES + 1)
    ran = plugin.run(program, socket_path, calls.variables("DEL"), text)
    assert (ran.status, ran.json["code"]) == (1, 7)
    assert "at most 1048576 bytes" in ran.json["details"]


def test_variables_that_are_too_long_are_refused(program: Path, socket_path: Path) -> None:
    ran = plugin.run(program, socket_path, {**ADD, "CNI_ARGS": "x" * server.MAX_ENVIRONMENT_BYTES})
    assert (ran.status, ran.json["code"]) == (1, 4)
    assert "at most 65536 bytes of CNI_* variables" in ran.json["details"]


@pytest.mark.parametrize("seconds", ["", "0", "-1", "601", "1s", "9" * 40])
def test_a_timeout_that_is_none_is_refused(program: Path, socket_path: Path, seconds: str) -> None:
    ran = plugin.run(program, socket_path, ADD, timeout_s=seconds)
    assert (ran.status, ran.json["code"]) == (1, 4)
    assert "P4KUBE_CNI_TIMEOUT: want seconds from 1 to 600" in ran.json["details"]


def test_a_socket_that_can_be_none_is_refused(program: Path) -> None:
    path = Path("/" + 'a"\\\x01é' * 40)
    for command in ("ADD", "DEL"):
        ran = plugin.run(program, path, calls.variables(command), calls.text())
        assert (ran.status, ran.json["code"]) == (1, 4)
        assert "P4KUBE_CNI_SOCKET: want a path of fewer than 108 bytes" in ran.json["details"]


def test_standard_input_that_never_ends_is_given_up(program: Path, socket_path: Path) -> None:
    with subprocess.Popen(
        [program],
        env=plugin.environment(socket_path, ADD, 1),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.wait(plugin.PATIENCE_S) == 1
        assert running.stdout is not None
        said = plugin.Ran(1, running.stdout.read(), "").json
    assert said["code"] == 5
    assert "it did not end in time" in said["details"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_no_sockets(
    program: Path, socket_path: Path, closed: str
) -> None:
    """Nothing that the plug-in opens takes their place: the agent gets a request and no more."""
    seen: list[bytes] = []

    def converse(caller: socket.socket) -> None:
        plugin.request(caller)
        caller.sendall(plugin.answer(0, RIGHT))
        seen.append(caller.recv(100))

    with plugin.agent(socket_path, converse):
        subprocess.run(
            ["sh", "-c", f'exec "$0" {closed}', program],
            env=plugin.environment(socket_path, ADD),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=plugin.PATIENCE_S,
        )
    assert seen == [b""]


def test_a_runtime_that_does_not_listen_is_no_crash(program: Path, socket_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [program],
        env=plugin.environment(socket_path, ADD),
        input=b"{}",
        stdout=writing,
        timeout=plugin.PATIENCE_S,
    )
    os.close(writing)
    assert done.returncode == 1


def test_a_runtime_that_never_reads_does_not_hold_it(program: Path, socket_path: Path) -> None:
    def converse(caller: socket.socket) -> None:
        plugin.request(caller)
        caller.sendall(plugin.answer(0, bytes(1 << 20)))

    with (
        plugin.agent(socket_path, converse),
        subprocess.Popen(
            [program],
            env=plugin.environment(socket_path, ADD),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        ) as running,
    ):
        assert running.wait(plugin.PATIENCE_S) == 1
