"""Digests, and packets to and from a controller, over the control socket."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator

import pytest

from tests.dataplane.daemon import conftest, dataplane

Subscribe = Callable[[], dataplane.Subscriber]
CPU = 2  # the P4 port that packets from port 1 of programs/forward.c leave by


@pytest.fixture
def subscribe(dp: dataplane.Dataplane) -> Iterator[Subscribe]:
    made: list[dataplane.Subscriber] = []

    def one() -> dataplane.Subscriber:
        made.append(dataplane.Subscriber(dp.path))
        return made[-1]

    yield one
    for subscriber in made:
        subscriber.close()


@pytest.fixture
def digests(dp: dataplane.Dataplane, program: conftest.Program) -> dataplane.Dataplane:
    dp.call("device_add", id=7, object=str(program("state")), name="state")
    dp.rings(7, 1, 2)
    return dp


@pytest.fixture
def cpu(dp: dataplane.Dataplane, program: conftest.Program) -> dataplane.Dataplane:
    dp.call("device_add", id=1, object=str(program("forward")), name="forward")
    dp.rings(1, 1)
    dp.call("port_add", name="c", kind="cpu")
    dp.call("wire", device=1, port=CPU, name="c")
    return dp


def sending(digests: int) -> bytes:
    return bytes([0xDD, digests])


def test_digests_come_in_order_from_the_packets_that_sent_them(
    digests: dataplane.Dataplane, subscribe: Subscribe
) -> None:
    first, second = subscribe(), subscribe()
    digests.inject("r1", sending(3), b"\1\1", sending(2), *[sending(200)] * 100)
    wanted = [(3, 0), (3, 1), (3, 2), (2, 0), (2, 1), *[(200, i) for i in range(200)] * 100]
    for subscriber in (first, second):
        seen: list[tuple[int, ...]] = []
        for event, blob in subscriber.events(len(wanted)):
            assert event == {
                "event": "digest",
                "device": 7,
                "digest": 1,
                "count": len(blob) // 2,
            }
            seen += struct.iter_unpack("!BB", blob)
        assert seen == wanted
    assert len(digests.collect("r2")) == 103


def test_who_did_not_subscribe_gets_answers_alone(
    digests: dataplane.Dataplane, subscribe: Subscribe
) -> None:
    subscriber = subscribe()
    for _ in range(20):
        digests.inject("r1", sending(9))
    assert sum(event["count"] for event, _ in subscriber.events(180)) == 180
    late = subscribe()
    digests.inject("r1", sending(1))
    assert late.answer()[0]["count"] == 1


def test_answers_and_events_share_a_connection(
    digests: dataplane.Dataplane, subscribe: Subscribe
) -> None:
    subscriber = subscribe()
    subscriber.call("subscribe")
    blob = dataplane.pack([sending(5)])
    answers = count = 0
    for _ in range(20):
        text = json.dumps({"op": "inject", "port": "r1"}).encode()
        subscriber.socket.sendall(
            struct.pack("!II", 4 + len(text) + len(blob), len(text)) + text + blob
        )
    while answers < 20 or count < 100:
        answer, _ = subscriber.answer()
        answers += "ok" in answer
        count += answer.get("count", 0)
    assert (answers, count) == (20, 100)


def test_what_finds_no_room_on_the_way_is_told_as_lost(
    digests: dataplane.Dataplane, subscribe: Subscribe
) -> None:
    """The control thread is injecting all the while, and so takes nothing."""
    subscriber = subscribe()
    digests.inject("r1", *[sending(250)] * 400)
    told = {"digest": 0, "lost": 0}
    for event, _ in subscriber.events(100_000):
        assert event["device"] == 7
        told[event["event"]] += event["count"]
    assert sum(told.values()) == 100_000
    assert told["digest"] > 10_000
    assert told["lost"] > 10_000
    assert len(digests.collect("r2")) == 400


def test_a_subscriber_that_does_not_read_loses_what_it_has_no_room_for(
    cpu: dataplane.Dataplane, subscribe: Subscribe
) -> None:
    deaf, keen = subscribe(), subscribe()
    packets = [bytes([i % 256]) * 1000 for i in range(200)]
    for _ in range(40):
        cpu.inject("r1", *packets)
        seen = [p for _, blob in keen.events(200) for p in dataplane.unpack(blob)]
        assert seen == packets
    heard = lost = 0
    for event, blob in deaf.events(8000):
        if event["event"] == "lost":
            assert event["device"] == 1
            lost += event["count"]
        else:
            heard += len(list(dataplane.unpack(blob)))
    assert heard + lost == 8000
    assert heard > 4000
    assert lost > 1000
    cpu.inject("r1", b"later")
    assert next(deaf.events(1))[1] == b"\0\5later"


def test_packets_that_leave_by_the_cpu_port_are_told_byte_for_byte(
    cpu: dataplane.Dataplane, subscribe: Subscribe
) -> None:
    subscriber = subscribe()
    packets = [bytes(range(n % 256)) + bytes(n) for n in (0, 1, 60, 64, 500, 1000, 1700)]
    cpu.inject("r1", *packets)
    seen: list[bytes] = []
    for event, blob in subscriber.events(len(packets)):
        assert event == {"event": "packet_in", "device": 1, "port": CPU}
        seen += dataplane.unpack(blob)
    assert seen == packets
    port = cpu.ports()["c"]
    assert (port["tx_packets"], port["tx_bytes"]) == (len(packets), sum(map(len, packets)))


def test_packet_outs_enter_the_program_by_the_cpu_port(cpu: dataplane.Dataplane) -> None:
    packets = [b"x" * n for n in (0, 1, 100, 2000)]
    cpu.call("packet_out", dataplane.pack(packets), device=1)
    seen: list[bytes] = []
    while len(seen) < len(packets):
        seen += cpu.collect("r1")
    assert seen == packets
    assert cpu.ports()["c"]["rx_packets"] == len(packets)


def test_packet_outs_that_cannot_all_go_do_not_go_at_all(
    cpu: dataplane.Dataplane, program: conftest.Program
) -> None:
    def refused(code: str, packets: bytes, device: int = 1) -> None:
        with pytest.raises(dataplane.RefusedError) as raised:
            cpu.call("packet_out", packets, device=device)
        assert raised.value.code == code

    cpu.call("device_add", id=2, object=str(program("forward")), name="other")
    refused("not_found", b"\0\1x", device=2)
    refused("not_found", b"\0\1x", device=3)
    refused("invalid", b"\0\2x")
    refused("invalid", dataplane.pack([bytes(5), bytes(2049)]))
    refused("full", dataplane.pack([b"x"] * 1025))
    assert cpu.ports()["c"]["rx_packets"] == 0
    assert cpu.collect("r1") == []


def test_a_device_has_one_cpu_port(cpu: dataplane.Dataplane) -> None:
    cpu.call("port_add", name="d", kind="cpu")
    with pytest.raises(dataplane.RefusedError, match=r"busy.*'c'"):
        cpu.call("wire", device=1, port=9, name="d")
    cpu.call("unwire", device=1, name="c")
    cpu.call("wire", device=1, port=CPU, name="d")
    cpu.call("packet_out", b"\0\1x", device=1)
    while cpu.ports()["d"]["rx_packets"] == 0:
        pass


def test_what_a_device_said_before_it_went_is_heard(
    digests: dataplane.Dataplane, subscribe: Subscribe, program: conftest.Program
) -> None:
    subscriber = subscribe()
    requests = [
        ({"op": "inject", "port": "r1"}, dataplane.pack([sending(4)])),
        ({"op": "device_replace", "id": 7, "object": str(program("state"))}, b""),
        ({"op": "inject", "port": "r1"}, dataplane.pack([sending(5)])),
        ({"op": "device_remove", "id": 7}, b""),
    ]
    parts = []
    for fields, blob in requests:
        text = json.dumps(fields).encode()
        parts.append(struct.pack("!II", 4 + len(text) + len(blob), len(text)) + text + blob)
    digests.socket.sendall(b"".join(parts))  # all before the control thread looks after anything
    assert [digests.answer()[0].get("ok") for _ in requests] == [True] * 4
    assert b"".join(blob for _, blob in subscriber.events(9)) == bytes(
        byte for n in (4, 5) for i in range(n) for byte in (n, i)
    )
