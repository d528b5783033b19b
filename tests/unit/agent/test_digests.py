"""Digests put together, held back and let go; and the headers of packets for controllers."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4kube_core import protos
from p4kube_core.agent import digests, packets, pipeline
from p4kube_core.agent.digests import Batch, Config, Lists
from p4kube_core.agent.p4data import Shape
from p4kube_core.agent.refusal import Refusal
from p4kube_core.model.artifact import ControllerHeader, HeaderField
from tests.unit.agent import program

A, B, C = b"a", b"b", b"c"
NOW, SECOND = 1000, 10**9


def lists() -> Lists:
    return Lists(itertools.count(1))


def took(held: Lists, config: Config, data: Iterable[bytes], now_ns: int) -> list[Batch]:
    """What is sent when the data plane sent that, to a controller that hears it."""
    return _told(held, config, held.take(config, data, now_ns), now_ns)


def due(held: Lists, config: Config, now_ns: int) -> list[Batch]:
    return _told(held, config, held.due(config, now_ns), now_ns)


def _told(held: Lists, config: Config, batches: Iterable[Batch], now_ns: int) -> list[Batch]:
    found = []
    for batch in batches:
        held.sent(config, batch, now_ns)
        found.append(batch)
    return found


def data(batches: Iterable[Batch]) -> list[tuple[bytes, ...]]:
    return [batch.data for batch in batches]


def test_without_a_timeout_each_is_sent_at_once() -> None:
    held, config = lists(), Config(0, 0, 0)
    assert data(took(held, config, [A, B], NOW)) == [(A, B)]
    assert due(held, config, NOW) == []


def test_a_list_is_no_longer_than_asked() -> None:
    assert data(took(lists(), Config(0, 2, 0), [A, B, C], NOW)) == [(A, B), (C,)]


def test_one_waits_for_others_until_its_time() -> None:
    held, config = lists(), Config(SECOND, 2, 0)
    assert took(held, config, [A], NOW) == []
    assert held.wait_ns(config, NOW) == SECOND
    assert data(took(held, config, [B, C], NOW + 5)) == [(A, B)]
    assert held.wait_ns(config, NOW + 5) == SECOND
    assert due(held, config, NOW + 4 + SECOND) == []
    assert data(due(held, config, NOW + 5 + SECOND)) == [(C,)]
    assert held.wait_ns(config, NOW + SECOND) is None


def test_what_is_not_acknowledged_is_not_sent_again_until_its_time() -> None:
    held, config = lists(), Config(0, 0, SECOND)
    (first,) = took(held, config, [A], NOW)
    assert data(took(held, config, [A, B], NOW + 1)) == [(B,)]
    held.acknowledge(first.list_id)
    assert data(took(held, config, [A], NOW + 2)) == [(A,)]
    assert took(held, config, [B], NOW + SECOND) == []
    assert data(took(held, config, [B], NOW + 1 + SECOND)) == [(B,)]


def test_the_time_to_acknowledge_counts_from_the_sending() -> None:
    held, config = lists(), Config(SECOND, 0, SECOND)
    took(held, config, [A], NOW)
    assert data(due(held, config, NOW + SECOND)) == [(A,)]
    took(held, config, [A], NOW + SECOND + 1)
    assert held.wait_ns(config, NOW + SECOND + 1) is None  # it is held back


def test_nothing_comes_twice_in_a_list() -> None:
    for ack_ns in (0, SECOND):
        held, config = lists(), Config(SECOND, 0, ack_ns)
        took(held, config, [A, B, A], NOW)
        took(held, config, [B], NOW + 1)
        assert data(due(held, config, NOW + SECOND)) == [(A, B)]


def test_a_digest_that_waits_for_nothing_is_sent_as_often_as_it_comes() -> None:
    assert data(took(lists(), Config(0, 0, 0), [A, B, A], NOW)) == [(A, B), (A,)]
    assert data(took(lists(), Config(0, 1, 0), [A, A], NOW)) == [(A,), (A,)]
    assert data(took(lists(), Config(0, 1, SECOND), [A, A], NOW)) == [(A,)]


def test_an_acknowledgement_that_comes_late_or_twice_does_nothing() -> None:
    held, config = lists(), Config(0, 0, SECOND)
    (first,) = took(held, config, [A], NOW)
    (second,) = took(held, config, [A], NOW + SECOND)
    for _ in range(2):
        held.acknowledge(first.list_id)
        assert took(held, config, [A], NOW + SECOND + 1) == []
    held.acknowledge(second.list_id)
    assert data(took(held, config, [A], NOW + SECOND + 1)) == [(A,)]


def test_what_nobody_heard_is_not_held_back() -> None:
    held, config = lists(), Config(0, 0, SECOND)
    assert data(held.take(config, [A], NOW)) == [(A,)]  # and `sent` is not told
    assert data(took(held, config, [A], NOW + 1)) == [(A,)]


def test_a_new_primary_is_told_what_the_former_one_left_unacknowledged() -> None:
    held, config = lists(), Config(0, 0, SECOND)
    took(held, config, [A], NOW)
    held.forget_sent()
    assert data(took(held, config, [A], NOW + 1)) == [(A,)]


def test_a_controller_that_never_acknowledges_does_not_make_the_agent_grow() -> None:
    held, config = lists(), Config(0, 0, 3600 * SECOND)
    numbers = [n.to_bytes(4, "big") for n in range(3 * digests.MOST_UNACKNOWLEDGED)]
    for at in range(0, len(numbers), 1000):
        took(held, config, numbers[at : at + 1000], NOW)
    kept = sum(len(sent.data) for sent in held._sent.values())
    assert kept == len(held._held) <= digests.MOST_UNACKNOWLEDGED
    assert took(held, config, numbers[-60_000:], NOW) == []
    # Forgotten, so it is sent again.
    assert data(took(held, config, numbers[:1], NOW)) == [(numbers[0],)]


def test_lists_are_dropped_when_they_are_too_old_to_be_acknowledged() -> None:
    held, config = lists(), Config(0, 0, SECOND)
    for n in range(100):
        took(held, config, [n.to_bytes(4, "big")], NOW)
    took(held, config, [A], NOW + SECOND)
    assert len(held._sent) == len(held._held) == 1


def test_a_list_without_a_bound_has_one() -> None:
    held, config = Lists(itertools.count(1), most=2), Config(SECOND, 0, 0)
    assert data(took(held, config, [A, B, C], NOW)) == [(A, B)]


def test_what_waits_is_sent_as_the_configuration_says_now() -> None:
    held = lists()
    took(held, Config(3600 * SECOND, 0, 0), [A, B, C], NOW)
    assert data(due(held, Config(3600 * SECOND, 2, 0), NOW)) == [(A, B)]
    assert data(due(held, Config(0, 0, 0), NOW)) == [(C,)]


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


def test_padding_that_p4info_lists_may_be_given_or_left_out() -> None:
    held = dataclasses.replace(program.manifest(), controller_headers=(HEADER,))
    padding = pipeline.load(program.config(held)).padding
    plain = message(port=b"\1", mark=b"\1")
    padded = message(port=b"\1", mark=b"\1")
    padded.metadata.add(metadata_id=102, value=b"\xff")
    assert packets.packed(HEADER, padded, padding) == packets.packed(HEADER, plain, padding)


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
    Shape(spec, info.type_info).fill(data, [(1, valid), (8, 7), (16, 256), (8, 9)])
    header, last = data.tuple.members
    assert (header.header.is_valid, list(header.header.bitstrings)) == (bool(valid), bits)
    assert last.bitstring == b"\x09"


def test_a_digest_of_a_type_that_none_holds_is_refused() -> None:
    spec = protos.p4info.Digest().type_spec
    spec.error.SetInParent()
    data = protos.p4runtime.DigestList().data.add()
    with pytest.raises(Refusal, match="data of type error cannot be told"):
        Shape(spec, protos.p4info.P4Info().type_info).fill(data, [(8, 1)])
