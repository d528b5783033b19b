"""Hostile calls through the real plug-in and the real socket, and bytes that are no call at all."""

from __future__ import annotations

import contextlib
import random
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from p4kube_core.agent.cni import server
from tests.dataplane.cni import plugin
from tests.unit.agent.cni import hostile
from tests.unit.agent.cni.calls import KERNEL, FakeEndpoints

MANY = 400
SEED = 99


@pytest.fixture
def serving(socket_path: Path) -> Iterator[Path]:
    with plugin.real_server(socket_path, FakeEndpoints(), kernel=KERNEL):
        yield socket_path


def test_each_call_gets_an_error_of_cni_or_a_result(program: Path, serving: Path) -> None:
    seen: Counter[int] = Counter()
    for block, text in hostile.generate(MANY, SEED):
        ran = plugin.run(program, serving, variables(block), text)
        assert ran.said == ""
        made = ran.json if ran.output else {}
        if ran.status == 0:
            assert "code" not in made
        else:
            assert ran.status == 1
            assert set(made) == {"cniVersion", "code", "msg", "details"}
        seen[made.get("code", 0)] += 1
    assert all(seen[code] for code in (0, 1, 4, 6, 7)), seen


def variables(block: bytes) -> dict[str, bytes]:
    """The variables of a block as far as an environment can hold them."""
    made: dict[str, bytes] = {}
    for item in block.split(b"\0"):
        name, _, value = item.partition(b"=")
        if name:
            made[name.decode(errors="surrogateescape")] = value
    return made


def test_bytes_that_are_no_request_get_an_answer_or_an_end(serving: Path) -> None:
    chance = random.Random(SEED)
    right = server.HEADER.pack(server.MAGIC, 4, 2) + b"A=1\0{}"
    for _ in range(MANY):
        cut = right[: chance.randrange(len(right) + 1)]
        given = bytearray(cut + chance.randbytes(chance.randrange(40)))
        if given and chance.random() < 0.7:
            given[chance.randrange(len(given))] ^= 1 << chance.randrange(8)
        assert_answered(serving, bytes(given))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (b"", "the request ended 12 bytes before it was whole"),
        (b"GET / HTTP/1.1\r\n\r\n", "want a request in the form P4C1, found b'GET '"),
        (
            server.HEADER.pack(server.MAGIC, 65_537, 0),
            "want at most 65536 bytes of variables and 1048576 of configuration, found 65537 and 0",
        ),
        (server.HEADER.pack(server.MAGIC, 0, 1 << 31), "found 0 and 2147483648"),
        (
            server.HEADER.pack(server.MAGIC, 0, 9) + b"{",
            "the request ended 8 bytes before it was whole",
        ),
    ],
)
def test_what_is_no_request_is_said_to_be_none(serving: Path, given: bytes, sentence: str) -> None:
    answer = assert_answered(serving, given)
    assert b'"code": 5' in answer
    assert sentence.encode() in answer


def assert_answered(path: Path, given: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(plugin.PATIENCE_S)
        asking.connect(str(path))
        with contextlib.suppress(BrokenPipeError):
            asking.sendall(given)
            asking.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # it left some of ours unread
            while part := asking.recv(65536):
                answer += part
    magic, status, length = server.HEADER.unpack_from(answer)
    assert (magic, length) == (server.MAGIC, len(answer) - server.HEADER.size)
    assert status == 1
    return answer
