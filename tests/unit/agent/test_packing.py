"""Packed entries as docs/seams.md has them, byte for byte, and back to messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4kube_core import protos
from p4kube_core.agent.packing import Packer
from tests.conformance.p4runtime.controller import entry, exact, lpm, optional, ternary
from tests.unit.agent import program

PACKERS = {table.id: Packer(table, program.ACTIONS) for table in program.TABLES}

RECORDS = {
    "exact, two fields": (
        entry(program.HOSTS, [exact(2, 0x1FF), exact(1, 0x0A000001)], program.FORWARD, [7]),
        "0a000001 01ff | 0001 0007" + "00" * 22,
    ),
    "action of the full length": (
        entry(
            program.HOSTS,
            [exact(1, 0), exact(2, 0)],
            program.REWRITE,
            [0x0200_0000_0001, 0xABC, 1],
        ),
        "00000000 0000 | 0003 020000000001 0abc" + "00" * 15 + "01",
    ),
    "prefix, counted over the whole key": (
        entry(program.ROUTES, [lpm(1, 0x0A000000, 8), exact(2, 5)], program.DROP),
        "0005 0a000000 0018 | 0002" + "00" * 24,
    ),
    "prefix left out": (
        entry(program.ROUTES, [exact(2, 5)], program.DROP),
        "0005 00000000 0010 | 0002" + "00" * 24,
    ),
    "masks, an lpm field of 20 bits among them": (
        entry(
            program.ACL,
            [ternary(1, 0x0A00, 0xFF00), exact(3, 6), optional(4, 3), lpm(5, 0x80000, 1)],
            program.FORWARD,
            [9],
            priority=10,
        ),
        "00000a00" + "00" * 16 + "06 0003 080000"
        "0000ff00" + "00" * 16 + "ff 01ff 080000"
        "0000000a | 0001 0009",
    ),
    "nothing but the priority and an exact field": (
        entry(program.ACL, [exact(3, 0)], program.DROP, priority=(1 << 31) - 1),
        "00" * 26 + "00" * 20 + "ff 0000 000000 7fffffff | 0002 0000",
    ),
    "keyless": (entry(program.ALWAYS, [], program.NO_ACTION), " | 0000 0000"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_record(name: str) -> None:
    message, text = RECORDS[name]
    packer = PACKERS[message.table_id]
    identity, tail = (bytes.fromhex(part) for part in text.split("|"))
    assert packer.identity(message) == identity
    assert packer.tail(message.action.action) == tail
    assert packer.split(identity + tail) == (identity, tail)
    assert (len(identity), len(tail)) == (packer.identity_bytes, packer.tail_bytes)


def test_default_is_not_padded() -> None:
    packer = PACKERS[program.HOSTS]
    message = entry(program.HOSTS, [], program.FORWARD, [7])
    assert packer.default_data(message.action.action) == bytes.fromhex("0001 0007")


def test_leading_zeros_make_no_difference() -> None:
    packer = PACKERS[program.HOSTS]
    plain = packer.identity(entry(program.HOSTS, [exact(1, 5), exact(2, 1)]))
    padded = packer.identity(entry(program.HOSTS, [exact(1, b"\0\0\0\0\0\5"), exact(2, b"\0\0\1")]))
    assert plain == padded


def acl_entries() -> st.SearchStrategy[Any]:
    def masked(field: int, width: int) -> st.SearchStrategy[Any]:
        most = (1 << width) - 1
        return st.tuples(st.integers(0, most), st.integers(1, most)).map(
            lambda pair: ternary(field, pair[0] & pair[1], pair[1])
        )

    def prefixed(pair: tuple[int, int]) -> Any:
        value, prefix = pair
        mask = ((1 << prefix) - 1) << (20 - prefix)
        return lpm(5, value & mask, prefix)

    fields = st.tuples(
        st.one_of(st.none(), masked(1, 32)),
        st.one_of(st.none(), masked(2, 128)),
        st.integers(0, 255).map(lambda value: exact(3, value)),
        st.one_of(st.none(), st.integers(0, 511).map(lambda value: optional(4, value))),
        st.one_of(
            st.none(), st.tuples(st.integers(0, (1 << 20) - 1), st.integers(1, 20)).map(prefixed)
        ),
    )
    return st.builds(
        lambda matches, priority, port: entry(
            program.ACL,
            [match for match in matches if match is not None],
            program.FORWARD,
            [port],
            priority=priority,
        ),
        fields,
        st.integers(1, (1 << 31) - 1),
        st.integers(0, 511),
    )


@given(acl_entries())
def test_what_is_packed_comes_back(message: Any) -> None:
    packer = PACKERS[program.ACL]
    found = protos.p4runtime.TableEntry(table_id=program.ACL)
    packer.fill_match(found, packer.identity(message))
    packer.fill_action(found.action.action, packer.tail(message.action.action))
    assert found == message


@given(acl_entries(), acl_entries())
def test_equal_identity_means_equal_key(one: Any, other: Any) -> None:
    packer = PACKERS[program.ACL]
    same = (list(one.match), one.priority) == (list(other.match), other.priority)
    assert (packer.identity(one) == packer.identity(other)) == same
