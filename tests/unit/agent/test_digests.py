"""Digests put together, held back and let go; and the headers of packets for controllers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4kube_core import protos
from p4kube_core.agent import digests, p4data, packets
from p4kube_core.agent.digests import Config, Lists
from p4kube_core.agent.refusal import Refusal
from p4kube_core.model.artifact import ControllerHeader, HeaderField

A, B, C = b"a", b"b", b"c"
NOW, SECOND = 1000, 10**9


def sent(lists: Lists, config: Config, now_ns: int) -> list[tuple[bytes, ...]]:
    return [batch.data for batch in lists.due(config, now_ns)]


def test_without_a_timeout_each_is_sent_at_once() -> None:
    lists, config = Lists(), Config(0, 0, 0)
    lists.take(config, [A, B], NOW)
    assert sent(lists, config, NOW) == [(A, B)]
    assert sent(lists, config, NOW) == []


def test_a_list_is_no_longer_than_asked() -> None:
    lists, config = Lists(), Config(0, 2, 0)
    lists.take(config, [A, B, C], NOW)
    assert sent(lists, config, NOW) == [(A, B), (C,)]


def test_one_waits_for_others_until_its_time() -> None:
    lists, config = Lists(), Config(SECOND, 2, 0)
    lists.take(config, [A], NOW)
    assert sent(lists, config, NOW) == []
    assert lists.wait_ns(config, NOW) == SECOND
    lists.take(config, [B, C], NOW + 5)
    assert sent(lists, config, NOW + 5) == [(A, B)]
    assert sent(lists, config, NOW + SECOND) == [(C,)]
    assert lists.wait_ns(config, NOW + SECOND) is None


def test_what_is_not_acknowledged_is_not_sent_again_until_its_time() -> None:
    lists, config = Lists(), Config(0, 0, SECOND)
    lists.take(config, [A], NOW)
    (first,) = lists.due(config, NOW)
    lists.take(config, [A, B], NOW + 1)
    assert sent(lists, config, NOW + 1) == [(B,)]
    lists.acknowledge(first.list_id)
    lists.take(config, [A], NOW + 2)
    assert sent(lists, config, NOW + 2) == [(A,)]
    lists.take(config, [B], NOW + 2)
    assert sent(lists, config, NOW + 2) == []
    lists.take(config, [B], NOW + 1 + SECOND)
    assert sent(lists, config, NOW + 1 + SECOND) == [(B,)]


def test_a_list_is_acknowledged_once() -> None:
    lists, config = Lists(), Config(0, 0, SECOND)
    lists.take(config, [A], NOW)
    (first,) = lists.due(config, NOW)
    lists.acknowledge(first.list_id)
    for wrong in (first.list_id, 77, -1):
        with pytest.raises(Refusal):
            lists.acknowledge(wrong)


def test_memory_is_bounded_when_nobody_acknowledges() -> None:
    lists, config = Lists(), Config(0, 0, SECOND)
    for n in range(digests.MOST_UNACKNOWLEDGED + 10):
        lists.take(config, [n.to_bytes(4, "big")], NOW)
        lists.due(config, NOW)
    lists.take(config, [(0).to_bytes(4, "big")], NOW)  # forgotten, so it is sent again
    assert sent(lists, config, NOW) == [((0).to_bytes(4, "big"),)]


def test_more_than_can_wait_is_lost_and_counted() -> None:
    lists, config = Lists(), Config(SECOND, 0, 0)
    lists.take(config, [A] * (digests.MOST_WAITING + 3), NOW)
    assert lists.lost == 3


HEADER = ControllerHeader(
    "packet_out",
    3,
    (HeaderField(1, "port", 9, 0), HeaderField(0, "unused", 4, 9), HeaderField(2, "mark", 11, 13)),
)


def message(**metadata: Any) -> Any:
    made = protos.p4runtime.PacketOut(payload=b"rest")
    for name, value in metadata.items():
        number = {"port": 1, "mark": 2, "other": 9}[name]
        made.metadata.add(metadata_id=number, value=value)
    return made


@given(st.integers(0, 511), st.integers(0, 2047))
def test_metadata_come_back_from_the_bits_that_they_went_into(port: int, mark: int) -> None:
    given_ = message(port=port.to_bytes(2, "big"), mark=mark.to_bytes(2, "big"))
    data = packets.packed(HEADER, given_)
    assert int.from_bytes(data[:3], "big") == port << 15 | mark
    found = protos.p4runtime.PacketIn()
    packets.fill_packet_in(found, HEADER, data)
    assert found.payload == b"rest"
    values = {m.metadata_id: int.from_bytes(m.value, "big") for m in found.metadata}
    assert values == {1: port, 2: mark}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (message(port=b"\1"), "want metadata 2 mark (bit<11>), found none"),
        (
            message(port=b"\1", mark=b"\1", other=b"\1"),
            "packet_out has no metadata 9; it has: 1 port (bit<9>), 2 mark (bit<11>)",
        ),
        (message(port=b"\2\0", mark=b"\1"), "metadata port: want a value of bit<9>, got 0x0200"),
        (
            message(port=b"", mark=b"\1"),
            "metadata port: want a value of bit<9>, got an empty string",
        ),
    ],
)
def test_metadata_that_are_not_the_headers_are_refused(wrong: Any, sentence: str) -> None:
    with pytest.raises(Refusal) as caught:
        packets.packed(HEADER, wrong)
    assert caught.value.message == sentence


def test_metadata_given_twice_are_refused() -> None:
    twice = message(port=b"\1", mark=b"\1")
    twice.metadata.add(metadata_id=1, value=b"\1")
    with pytest.raises(Refusal, match="metadata port is given twice"):
        packets.packed(HEADER, twice)


def test_without_a_header_a_packet_is_its_payload() -> None:
    assert packets.packed(None, message()) == b"rest"
    found = protos.p4runtime.PacketIn()
    packets.fill_packet_in(found, None, b"rest")
    assert (found.payload, list(found.metadata)) == (b"rest", [])


def test_an_empty_or_endless_packet_is_refused() -> None:
    for payload in (b"", bytes(65536)):
        with pytest.raises(Refusal, match="want a packet of 1 to 65535 bytes"):
            packets.packed(None, protos.p4runtime.PacketOut(payload=payload))


@pytest.mark.parametrize(("valid", "bits"), [(1, [b"\7", b"\x01\0"]), (0, [])])
def test_a_header_in_a_digest_says_whether_it_is_there(valid: int, bits: list[bytes]) -> None:
    info = protos.p4info.P4Info()
    for name in ("a", "b"):
        info.type_info.headers["h_t"].members.add(name=name)
    spec = info.digests.add().type_spec
    spec.tuple.members.add().header.name = "h_t"
    spec.tuple.members.add().bitstring.bit.bitwidth = 8
    data = protos.p4runtime.DigestList().data.add()
    p4data.fill(data, spec, info.type_info, iter([(1, valid), (8, 7), (16, 256), (8, 9)]))
    header, last = data.tuple.members
    assert (header.header.is_valid, list(header.header.bitstrings)) == (bool(valid), bits)
    assert last.bitstring == b"\x09"


def test_a_digest_of_a_type_that_none_holds_is_refused() -> None:
    spec = protos.p4info.Digest().type_spec
    spec.error.SetInParent()
    data = protos.p4runtime.DigestList().data.add()
    with pytest.raises(Refusal, match="a digest holds no error"):
        p4data.fill(data, spec, protos.p4info.P4Info().type_info, iter([(8, 1)]))
