"""The control socket under malformed input, on the build that finds what goes wrong."""

from __future__ import annotations

import json
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from tests.dataplane.daemon import conftest, dataplane

OPERATIONS = [
    "hello",
    "port_add",
    "port_remove",
    "port_list",
    "device_add",
    "device_replace",
    "device_remove",
    "device_list",
    "wire",
    "unwire",
    "entries_write",
    "entries_read",
    "default_write",
    "default_read",
    "counter_read",
    "counter_write",
    "direct_counter_write",
    "meter_read",
    "meter_write",
    "direct_meter_write",
    "register_read",
    "register_write",
    "inject",
    "collect",
    "packet_out",
    "subscribe",
    "nonsense",
]
FIELDS = [
    "id",
    "object",
    "name",
    "kind",
    "interface",
    "socket",
    "server",
    "devargs",
    "peer",
    "device",
    "port",
    "table",
    "mode",
    "count",
    "cursor",
    "limit",
    "counter",
    "meter",
    "register",
    "from",
    "like",
    "first",
]
CODES = ["not_found", "exists", "invalid", "full", "busy", "unsupported", "io"]


pytestmark = pytest.mark.parametrize("variant", ["asan"], indirect=True, scope="session")


@pytest.fixture(scope="module")
def shared(variant: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dataplane.Dataplane]:
    """One data plane for all that ought not to change it."""
    process = dataplane.Dataplane(tmp_path_factory.mktemp("shared"), variant=variant)
    try:
        yield process
    finally:
        code = process.stop()
    assert code == 0, process.text()


def raw(dp: dataplane.Dataplane, data: bytes) -> bytes:
    """What the peer of these bytes reads before the end."""
    peer = dataplane.Client(dp.path)
    try:
        peer.socket.sendall(data)
        peer.socket.shutdown(socket.SHUT_WR)
        parts = bytearray()
        while part := peer.socket.recv(65536):
            parts += part
        return bytes(parts)
    except ConnectionError:
        return b""
    finally:
        peer.close()


def framed(text: bytes, blob: bytes = b"") -> bytes:
    return struct.pack("!II", 4 + len(text) + len(blob), len(text)) + text + blob


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"[]", b"5", b"null", b'{"op"}', b'{"op": 5}', b'{"op": "no"}', b"\xff\xfe"),
        *(b'{"op": "hello"} x', b'{"op": "hello", "op": "hello"}', b"[" * 5000),
        b'{"op":"\\u0000"}',
    ],
)
def test_malformed_json_gets_an_error(shared: dataplane.Dataplane, text: bytes) -> None:
    answer = raw(shared, framed(text))
    assert json.loads(answer[8:])["error"]["code"] in ("invalid", "unsupported")
    assert shared.call("hello")[0]["ok"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        struct.pack("!I", 2**32 - 1),
        struct.pack("!I", (64 << 20) + 1),
        struct.pack("!II", 10, 5) + b"cut",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_message_gets_the_connection_closed(
    shared: dataplane.Dataplane, data: bytes
) -> None:
    assert raw(shared, data) == b""
    assert shared.call("hello")[0]["ok"]


@pytest.mark.parametrize("data", [struct.pack("!I", 0), struct.pack("!II", 4, 5)])
def test_lengths_that_disagree_get_an_error(shared: dataplane.Dataplane, data: bytes) -> None:
    assert b"invalid" in raw(shared, data)


def test_requests_in_a_row_are_answered_in_order(shared: dataplane.Dataplane) -> None:
    answers = raw(shared, framed(b'{"op":"hello"}') * 100 + framed(b'{"op":"no"}'))
    assert answers.count(b'"ok"') == 100
    assert b"unsupported" in answers[-100:]


def test_byte_after_byte(shared: dataplane.Dataplane) -> None:
    for byte in framed(b'{"op":"hello"}'):
        shared.socket.sendall(bytes([byte]))
    assert shared.answer()[0]["ok"]


def test_a_peer_that_does_not_read_does_not_hold_up_others(shared: dataplane.Dataplane) -> None:
    deaf = dataplane.Client(shared.path)
    deaf.socket.setblocking(False)
    request = framed(b'{"op":"port_list"}')
    give_up = time.monotonic() + 30
    while select.select([], [deaf.socket], [], 0.2)[1] and time.monotonic() < give_up:
        deaf.socket.send(request * 10)
    assert shared.call("hello")[0]["ok"]
    deaf.close()


def test_too_many_peers(shared: dataplane.Dataplane) -> None:
    peers = [dataplane.Client(shared.path) for _ in range(100)]
    assert shared.call("hello")[0]["ok"]
    for peer in peers:
        peer.close()
    late = dataplane.Client(shared.path)
    try:
        late.call("hello")
    finally:
        late.close()


def test_injecting_what_is_no_packet(dp: dataplane.Dataplane) -> None:
    dp.call("port_add", name="r", kind="ring")
    for blob in (b"\0", b"\0\5abcd", b"\xff\xff" + bytes(65535), b"\0\1aX"):
        with pytest.raises(dataplane.RefusedError, match="invalid"):
            dp.call("inject", blob, port="r")
    assert dp.ports()["r"]["rx_packets"] == 0


def random_value(rng: random.Random, objects: list[str]) -> object:
    return rng.choice(
        [
            *(rng.randrange(4), rng.randrange(-5, 70000), 2**63 - 1, -(2**63), 1.5, None, True),
            *("", "r1", "ring", "insert", "upsert", "delete", "modify", "/", "\u20ac" * 40, [], {}),
            *(rng.randbytes(4).hex(), rng.choice(objects)),
        ]
    )


@pytest.mark.parametrize("seed", range(3))
def test_random_requests(dp: dataplane.Dataplane, program: conftest.Program, seed: int) -> None:
    """Well-framed requests of every operation with fields at random."""
    rng = random.Random(seed)
    objects = [str(program(name)) for name in ("forward", "switch", "state")]
    dp.call("device_add", id=1, object=objects[rng.randrange(1, 3)], name="s")
    dp.rings(1, 1, 2)
    stop = threading.Event()
    other = dataplane.Client(dp.path)

    def traffic() -> None:
        while not stop.is_set():
            try:
                other.inject("r1", *[rng.randbytes(40)] * 50)
            except dataplane.RefusedError:
                time.sleep(0.01)

    thread = threading.Thread(target=traffic)
    thread.start()
    try:
        for _ in range(3000):
            op = rng.choice(OPERATIONS)
            fields = {name: random_value(rng, objects) for name in FIELDS if rng.random() < 0.7}
            # No interface of the host is touched, nothing is bound outside.
            fields["kind"] = rng.choice(["ring", "cpu", "patch", "rin", 3])
            if rng.random() < 0.6:
                fields |= {"device": 1, "table": rng.randrange(4), "count": rng.randrange(3)}
            blob = rng.randbytes(rng.choice([0, 2, 4, 8, 10, 12, 16, 20, 26, 32, 33, 100]))
            answer, _ = dp.ask(op, blob, **fields)
            while "event" in answer:
                answer, _ = dp.answer()
            assert answer.get("ok") or answer["error"]["code"] in CODES
    finally:
        stop.set()
        thread.join()
        other.close()
    assert dp.process.poll() is None


@pytest.mark.parametrize("seed", range(3))
def test_mutated_bytes(dp: dataplane.Dataplane, seed: int) -> None:
    """Requests with bits turned, cut short or repeated."""
    rng = random.Random(seed)
    whole = [
        framed(b'{"op":"hello"}'),
        framed(b'{"op":"port_add","name":"r","kind":"ring"}'),
        framed(b'{"op":"inject","port":"r"}', b"\0\4abcd" * 10),
        framed(b'{"op":"collect","port":"r"}'),
        framed(b'{"op":"entries_read","device":1,"table":0}'),
    ]
    for _ in range(300):
        data = bytearray(b"".join(rng.choices(whole, k=5)))
        for _ in range(rng.randrange(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        raw(dp, bytes(data[: rng.randrange(1, len(data) + 1)]))
    assert dp.call("hello")[0]["ok"]


def test_mutated_packets(dp: dataplane.Dataplane, program: conftest.Program) -> None:
    """100,000 packets of every length and content; the program reads up to their ends."""
    rng = random.Random(1)
    dp.call("device_add", id=1, object=str(program("switch")), name="s")
    dp.rings(1, 1, 2)
    total = 0
    for _ in range(20):
        packets = [rng.randbytes(rng.randrange(70)) for _ in range(5000)]
        dp.inject("r1", *packets)
        total += len(packets)
    drops = dp.devices()[1]["drops"]
    assert sum(drops.values()) == total == 100_000
