"""The journal: whole frames come back whatever its end; replay makes the same record."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4kube_core.agent import journal, record
from p4kube_core.agent.journal import Journal
from p4kube_core.agent.pipeline import load
from p4kube_core.agent.record import DeviceRecord, PortWish, Slot
from p4kube_core.agent.store import DEFAULT_ENTRY, Extras, Store
from tests.unit.agent import program

BODIES = st.lists(st.binary(max_size=60), max_size=8)


@given(BODIES, st.data())
def test_cut_anywhere_the_whole_frames_before_come_back(
    bodies: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(map(journal.frame, bodies))
    cut = data.draw(st.integers(0, len(whole)))
    found, size = journal.frames(whole[:cut])
    assert found == bodies[: len(found)]
    assert size == sum(len(journal.frame(body)) for body in found)
    assert cut - size < (len(journal.frame(bodies[len(found)])) if len(found) < len(bodies) else 1)


@given(BODIES.filter(bool), st.data())
def test_flipped_bit_ends_the_journal_there(bodies: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(map(journal.frame, bodies)))
    position = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[position // 8] ^= 1 << position % 8
    found, _ = journal.frames(bytes(whole))
    assert found == bodies[: len(found)]
    assert len(found) < len(bodies)


@given(st.binary(max_size=200))
def test_rubbish_is_no_frame(data: bytes) -> None:
    found, size = journal.frames(data)
    assert size <= len(data)
    for body in found:
        assert struct.pack(">II", len(body), zlib.crc32(body)) + body in data


def test_torn_tail_is_cut_off_and_writing_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "1.journal"
    one = Journal(path)
    one.append(b"first")
    one.append(b"second")
    one.close()
    path.write_bytes(path.read_bytes()[:-3])
    two = Journal(path)
    assert two.recovered == [b"first"]
    two.append(b"third")
    two.close()
    three = Journal(path)
    assert three.recovered == [b"first", b"third"]
    three.close()


def test_rewriting_replaces_all(tmp_path: Path) -> None:
    path = tmp_path / "1.journal"
    one = Journal(path)
    for _ in range(100):
        one.append(bytes(20_000))
    assert one.wants_compaction
    one.rewrite([b"now"])
    assert not one.wants_compaction
    one.append(b"then")
    one.close()
    two = Journal(path)
    assert two.recovered == [b"now", b"then"]
    two.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_without_frames_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "7.journal"
    one = Journal(path)
    assert (one.recovered, path.exists()) == ([], False)
    one.append(b"first")
    assert Journal(path).recovered == [b"first"]
    one.remove()
    one.remove()
    assert not path.exists()


# --- what frames mean

PORTS = (PortWish(1, "packet", {"interface": "veth0"}), PortWish(2, "ring", {}))


def device() -> DeviceRecord:
    held = DeviceRecord(7, "firewall", "ebpf", PORTS)
    held.elections = {"": 1 << 100, "role": 3}
    held.committed = Store(load(program.config(cookie=5)))
    hosts, wide = held.committed.tables[0], held.committed.tables[4]
    hosts.put(b"\0\0\0\1\0\1", b"\0\2" + bytes(24), Extras(b"label", 9))
    hosts.put(b"\0\0\0\2\0\1", b"\0\2" + bytes(24), Extras())
    hosts.put_default(b"\0\2", Extras(b"d"))
    wide.drop(next(iter(wide.entries)))
    return held


def content(store: Store | None) -> object:
    if store is None:
        return None
    return store.pipeline.config, [
        (table.entries, table.extras, table.default) for table in store.tables.values()
    ]


def assert_same(one: DeviceRecord | None, other: DeviceRecord) -> None:
    assert one is not None
    assert (one.device_id, one.name, one.ports) == (other.device_id, other.name, other.ports)
    assert one.elections == other.elections
    assert content(one.committed) == content(other.committed)
    assert content(one.saved) == content(other.saved)


def test_snapshot_replays_to_the_same_record() -> None:
    held = device()
    assert_same(record.replay(record.snapshot(held)), held)


def test_saved_pipeline_is_in_the_snapshot() -> None:
    held = device()
    held.saved = Store(load(program.config(program.manifest("other"))))
    held.saved.tables[0].put(b"\0\0\0\3\0\1", b"\0\2" + bytes(24), Extras())
    assert_same(record.replay(record.snapshot(held)), held)


def test_commit_moves_the_saved_pipeline() -> None:
    held = device()
    held.saved = Store(load(program.config(program.manifest("other"))))
    bodies = [*record.snapshot(held), record.commit_item()]
    held.committed, held.saved = held.saved, None
    assert_same(record.replay(bodies), held)


def test_states_say_what_is_gone() -> None:
    held = device()
    bodies = list(record.snapshot(held))
    assert held.committed is not None
    hosts = held.committed.tables[0]
    hosts.drop(b"\0\0\0\1\0\1")
    hosts.put_default(None, Extras())
    touched = [b"\0\0\0\1\0\1", DEFAULT_ENTRY]
    bodies.append(record.states_item(Slot.COMMITTED, hosts, touched))
    assert_same(record.replay(bodies), held)


def test_several_items_may_share_a_frame() -> None:
    held = device()
    assert_same(record.replay([b"".join(record.snapshot(held))]), held)


def test_empty_journal_tells_of_no_device() -> None:
    assert record.replay([]) is None


@pytest.mark.parametrize("bodies", [[record.commit_item()], [b"\x63\0\0\0\0"]])
def test_frames_of_another_making_are_refused(bodies: list[bytes]) -> None:
    with pytest.raises(ValueError, match="the journal"):
        record.replay([record.device_item(device()), *bodies] if bodies[0][0] > 9 else bodies)
