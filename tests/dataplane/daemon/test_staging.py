"""A program takes another's place under traffic, with the state that both have."""

from __future__ import annotations

import copy
import json
import struct
import threading
from typing import Any

import pytest

from tests.dataplane.daemon import conftest, dataplane
from tests.dataplane.daemon.test_tables import EXACT, TERNARY, A, B, exact, frame

PORTS = 3  # the counter of switch.c that is of no table
LATER = "from"  # a word of Python

Manifest = dict[str, Any]


def _table(index: int, name: str, kind: str, size: int, key_bytes: int, counter: int) -> Manifest:
    return {
        "index": index,
        "id": 100 + index,
        "name": name,
        "kind": kind,
        "size": size,
        "key_bytes": key_bytes,
        "data_bytes": 2,
        "const": False,
        "direct_counter": counter,
        "direct_meter": None,
        "fields": [{"id": 1, "name": "key", "match": kind, "offset": 0, "bytes": key_bytes}],
        "actions": [0, 1, 2],
        "default_only": [],
        "table_only": [],
        "default": "0000",
    }


def _counter(index: int, size: int, table: int | None) -> Manifest:
    return {"index": index, "id": 200 + index, "unit": "both", "size": size, "table": table}


def switch_manifest() -> Manifest:
    """What the compiler would say of programs/switch.c, as far as it matters here."""
    tables = [
        _table(0, "exact", "exact", 1024, 6, 0),
        _table(1, "lpm", "lpm", 1024, 4, 1),
        _table(2, "ternary", "ternary", 4, 2, 2),
        _table(3, "range", "ternary", 4, 6, 4),
    ]
    names = ("drop", "forward", "NoAction")
    return {
        "tables": tables,
        "actions": [{"index": i, "id": 300 + i, "name": name} for i, name in enumerate(names)],
        "counters": [
            *(_counter(i, tables[i]["size"], i) for i in range(3)),
            _counter(PORTS, 8, None),
            _counter(4, 4, 3),
        ],
        "meters": [],
        "registers": [],
    }


def state_manifest() -> Manifest:
    table = _table(0, "entries", "exact", 16, 1, 0) | {
        "data_bytes": 0,
        "direct_counter": None,
        "direct_meter": 1,
    }
    return {
        "tables": [table],
        "actions": [{"index": 0, "id": 300, "name": "NoAction"}],
        "counters": [],
        "meters": [
            {"id": 400, "size": 8, "unit": "bytes", "table": None},
            {"id": 401, "size": 16, "unit": "packets", "table": 0},
        ],
        "registers": [{"id": 500 + i, "size": 8, "width": w} for i, w in enumerate((5, 64, 128))],
    }


def put(
    dp: dataplane.Client,
    op: str,
    program: conftest.Program,
    manifest: Manifest | None,
    of: str = "switch",
    **fields: Any,
) -> None:
    blob = b"" if manifest is None else json.dumps(manifest).encode()
    dp.call(op, blob, object=str(program(of)), **fields)


def write(dp: dataplane.Client, device: int, *records: bytes) -> None:
    answer, _ = dp.call(
        "entries_write",
        b"".join(records),
        device=device,
        table=EXACT,
        mode="insert",
        count=len(records),
    )
    assert answer["failed"] == []


def counts(dp: dataplane.Client, device: int = 1) -> dict[bytes, int]:
    """Packets by destination."""
    _, blob = dp.call("entries_read", device=device, table=EXACT)
    return {
        blob[i : i + 6]: struct.unpack_from("!Q", blob, i + 10)[0] for i in range(0, len(blob), 26)
    }


@pytest.fixture
def switch(dp: dataplane.Dataplane, program: conftest.Program) -> dataplane.Dataplane:
    put(dp, "device_add", program, switch_manifest(), id=1, name="first")
    write(dp, 1, exact(A, 2))
    dp.rings(1, 1, 2, 3)
    return dp


@pytest.mark.parametrize("shared", [True, False])
def test_no_packet_meets_a_device_that_is_not_filled(
    switch: dataplane.Dataplane, program: conftest.Program, shared: bool
) -> None:
    """20 programs after each other under traffic: every packet finds its entry.

    Where both have the table in common nothing is to be filled, and every packet is counted.
    """
    staging = dataplane.Client(switch.path)
    done = threading.Event()

    def replace() -> None:
        manifest = switch_manifest()
        try:
            for staged in range(100, 120):
                if not shared:
                    manifest["tables"][EXACT]["fields"][0]["name"] = f"key {staged}"
                put(staging, "device_add", program, manifest, id=staged, name=f"{staged}", like=1)
                if not shared:
                    write(staging, staged, exact(A, 2))
                staging.call("device_replace", id=1, **{LATER: staged})
        finally:
            done.set()

    thread = threading.Thread(target=replace)
    thread.start()
    sent = 0
    try:
        while not done.is_set():
            switch.inject("r1", *[frame(A)] * 200)
            sent += 200
    finally:
        thread.join()
        staging.close()
    assert len(switch.collect("r2")) == sent
    assert list(switch.devices()) == [1]
    assert switch.devices()[1]["name"] == "first"
    if shared:
        assert counts(switch) == {A: sent}
    _, blob = switch.call("counter_read", device=1, counter=PORTS, first=1, count=1)
    assert struct.unpack("!QQ", blob) == (sent, sent * len(frame(A)))


def test_a_table_in_common_is_one_to_both(
    switch: dataplane.Dataplane, program: conftest.Program
) -> None:
    switch.inject("r1", frame(A), frame(A))
    put(switch, "device_add", program, switch_manifest(), id=2, name="second", like=1)
    write(switch, 2, exact(B, 3))
    switch.inject("r1", frame(B))
    assert switch.collect("r3") == [frame(B)]
    assert counts(switch, 1) == counts(switch, 2) == {A: 2, B: 1}
    switch.call("device_remove", id=1)
    switch.call("wire", device=2, port=1, name="r1")
    switch.call("wire", device=2, port=2, name="r2")
    switch.collect("r2")
    switch.inject("r1", frame(A))
    assert switch.collect("r2") == [frame(A)]
    assert counts(switch, 2) == {A: 3, B: 1}
    switch.call("entries_write", exact(A, 2), device=2, table=EXACT, mode="delete", count=1)
    write(switch, 2, exact(A, 2))
    assert counts(switch, 2) == {A: 0, B: 1}


@pytest.mark.parametrize("what", ["key", "size", "action", "default", "counter", "nothing"])
def test_what_differs_starts_anew(
    switch: dataplane.Dataplane, program: conftest.Program, what: str
) -> None:
    """Whatever of the table is another; the counter that is of no table goes on in any case."""
    switch.inject("r1", frame(A), frame(A))
    manifest = copy.deepcopy(switch_manifest())
    table = manifest["tables"][EXACT]
    match what:
        case "key":
            table["fields"][0]["name"] = "hdr.other.key"
        case "size":
            table["size"] = 512
        case "action":
            manifest["actions"][1]["params"] = [{"id": 1, "name": "other"}]
        case "default":
            table["default"] = "0002"
        case "counter":
            manifest["counters"][0]["unit"] = "packets"
    put(switch, "device_replace", program, manifest, id=1)
    assert counts(switch) == ({A: 2} if what == "nothing" else {})
    _, blob = switch.call("counter_read", device=1, counter=PORTS, first=1, count=1)
    assert struct.unpack_from("!Q", blob) == (2,)


def test_without_manifests_nothing_is_known_to_be_the_same(
    switch: dataplane.Dataplane, program: conftest.Program
) -> None:
    put(switch, "device_replace", program, None, id=1)
    assert counts(switch) == {}
    put(switch, "device_replace", program, switch_manifest(), id=1)
    assert counts(switch) == {}


def test_a_default_that_was_changed_stays(
    switch: dataplane.Dataplane, program: conftest.Program
) -> None:
    switch.call("default_write", struct.pack("!HH", 1, 3), device=1, table=TERNARY)
    put(switch, "device_replace", program, switch_manifest(), id=1)
    switch.inject("r1", frame(bytes(6)))
    assert switch.collect("r3") == [frame(bytes(6))]
    switch.call("default_write", device=1, table=TERNARY)
    switch.inject("r1", frame(bytes(6)))
    assert switch.collect("r3") == []


def test_meters_and_registers_go_on(dp: dataplane.Dataplane, program: conftest.Program) -> None:
    put(dp, "device_add", program, state_manifest(), "state", id=1, name="state")
    dp.rings(1, 1, 2, 3)
    dp.call("entries_write", b"\7\0\0", device=1, table=0, mode="insert", count=1)
    allowed = struct.pack("!B4Q", 1, 0, 2, 0, 3)
    dp.call("direct_meter_write", b"\7\0\0" + allowed, device=1, table=0)
    dp.inject("r1", b"\7\1")
    put(dp, "device_replace", program, state_manifest(), "state", id=1)
    dp.inject("r1", *[b"\7\1"] * 9)
    assert [len(dp.collect(name)) for name in ("r2", "r3")] == [2, 1]
    _, blob = dp.call("register_read", device=1, register=1, first=1, count=1)
    assert struct.unpack("!Q", blob) == (10,)
    wider = state_manifest()
    wider["registers"][1]["width"] = 63
    put(dp, "device_replace", program, wider, "state", id=1)
    _, blob = dp.call("register_read", device=1, register=1, first=1, count=1)
    assert struct.unpack("!Q", blob) == (0,)


@pytest.mark.parametrize("staged", [1, 3, 9])
def test_what_cannot_take_the_place_changes_nothing(
    switch: dataplane.Dataplane, program: conftest.Program, staged: int
) -> None:
    """The device itself, one that has a port, one that is not there."""
    put(switch, "device_add", program, switch_manifest(), id=3, name="third")
    switch.call("port_add", name="z", kind="ring")
    switch.call("wire", device=3, port=1, name="z")
    with pytest.raises(dataplane.RefusedError, match="not_found" if staged == 9 else "invalid"):
        switch.call("device_replace", id=1, **{LATER: staged})
    switch.inject("r1", frame(A))
    assert switch.collect("r2") == [frame(A)]
    assert sorted(switch.devices()) == [1, 3]


@pytest.mark.parametrize("blob", [b"{", b"[]", b"{}", b'{"tables": [1]}', b"\xff"])
def test_manifests_that_are_none_are_refused(
    switch: dataplane.Dataplane, program: conftest.Program, blob: bytes
) -> None:
    for op, fields in (("device_add", {"id": 2, "name": "x"}), ("device_replace", {"id": 1})):
        with pytest.raises(dataplane.RefusedError, match="invalid: manifest"):
            switch.call(op, blob, object=str(program("switch")), **fields)
    switch.inject("r1", frame(A))
    assert switch.collect("r2") == [frame(A)]


def test_mutated_manifests_share_nothing_that_does_not_fit(
    switch: dataplane.Dataplane, program: conftest.Program
) -> None:
    """Manifests of other programs, and with parts of any type: at worst the state is not kept."""
    manifests: list[Manifest] = []
    values: list[Any] = [None, 5, "x", [], {}, [[]], [{}] * 4]
    for value in values:
        manifests += [switch_manifest() | {key: value} for key in ("tables", "actions", "counters")]
        mutated = switch_manifest()
        mutated["tables"][EXACT] = value
        manifests.append(mutated)
        for name in ("actions", "direct_counter", "id", "fields"):
            mutated = switch_manifest()
            mutated["tables"][EXACT][name] = value
            manifests.append(mutated)
    exchanged = switch_manifest()
    exchanged["tables"][0]["id"], exchanged["tables"][1]["id"] = 101, 100
    exchanged["counters"][0]["id"], exchanged["counters"][PORTS]["id"] = 203, 200
    for manifest in [*manifests, exchanged]:
        answer, _ = switch.ask(
            "device_replace", json.dumps(manifest).encode(), id=1, object=str(program("switch"))
        )
        assert "ok" in answer or answer["error"]["code"] == "invalid"
        switch.call("entries_write", exact(A, 2), device=1, table=EXACT, mode="upsert", count=1)
        switch.inject("r1", frame(A))
        assert switch.collect("r2") == [frame(A)]
