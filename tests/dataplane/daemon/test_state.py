"""Meters and registers through the control socket, seen by what happens to packets."""

from __future__ import annotations

import struct

import pytest

from tests.dataplane.daemon import conftest, dataplane

FLOWS, ENTRIES = 0, 1
NARROW, WHOLE, WIDE = 0, 1, 2
NONE = bytes(33)


def config(cburst: int, pburst: int, cir: int = 0, pir: int = 0) -> bytes:
    """Without rates so that time does not matter: what the bursts allow, once."""
    return struct.pack("!B4Q", 1, cir, cburst, pir, pburst)


@pytest.fixture
def state(dp: dataplane.Dataplane, program: conftest.Program) -> dataplane.Dataplane:
    answer, _ = dp.call("device_add", id=1, object=str(program("state")), name="state")
    assert answer["meters"] == [
        {"name": "flows", "size": 8, "table": None},
        {"name": "entries", "size": 16, "table": 0},
    ]
    assert answer["registers"][0] == {"name": "narrow", "size": 8, "width": 5}
    assert answer["digests"][1] == {"name": "seen", "data_bytes": 2}
    dp.rings(1, 1, 2, 3)
    return dp


def entry(key: int) -> bytes:
    return struct.pack("!BH", key, 0)


def colours(dp: dataplane.Client, packet: bytes, times: int) -> tuple[int, int, int]:
    """How many of these were green, yellow and red."""
    dp.inject("r1", *[packet] * times)
    green, yellow = len(dp.collect("r2")), len(dp.collect("r3"))
    return green, yellow, times - green - yellow


def test_a_meter_without_configuration_lets_all_pass(state: dataplane.Dataplane) -> None:
    assert colours(state, b"\1\1", 100) == (100, 0, 0)


def test_a_configured_cell_marks_its_own_packets_by_their_bytes(
    state: dataplane.Dataplane,
) -> None:
    state.call("meter_write", config(25, 45) + NONE + config(0, 0), device=1, meter=FLOWS, first=2)
    ten = b"\1\2" + bytes(8)
    assert colours(state, ten, 10) == (2, 2, 6)
    assert colours(state, b"\1\3", 10) == (10, 0, 0)
    assert colours(state, b"\1\4", 10) == (0, 0, 10)
    state.call("meter_write", NONE, device=1, meter=FLOWS, first=2)
    assert colours(state, ten, 10) == (10, 0, 0)
    assert state.devices()[1]["drops"]["red"] == 16


def test_configurations_are_read_as_written(state: dataplane.Dataplane) -> None:
    first, second = config(1, 2, 3, 4), config(2**40, 2**41, 2**39, 2**40)
    state.call("meter_write", first + NONE + second, device=1, meter=FLOWS, first=1)
    _, blob = state.call("meter_read", device=1, meter=FLOWS, first=0, count=8)
    assert blob == NONE + first + NONE + second + 4 * NONE
    _, blob = state.call("meter_read", device=1, meter=ENTRIES, first=0, count=17)
    assert blob == 17 * NONE


def test_a_direct_meter_lives_as_long_as_its_entry(state: dataplane.Dataplane) -> None:
    def write(mode: str) -> None:
        answer, _ = state.call("entries_write", entry(7), device=1, table=0, mode=mode, count=1)
        assert answer["failed"] == []

    write("insert")
    state.call("direct_meter_write", entry(7) + config(2, 3), device=1, table=0)
    assert colours(state, b"\7\0", 10) == (2, 1, 7)
    assert colours(state, b"\x08\0", 10) == (10, 0, 0)
    write("upsert")
    assert colours(state, b"\7\0", 10) == (0, 0, 10)
    write("delete")
    write("insert")
    assert colours(state, b"\7\0", 10) == (10, 0, 0)


def test_a_direct_meter_of_the_default_is_its_last_cell(state: dataplane.Dataplane) -> None:
    state.call("meter_write", config(1, 2), device=1, meter=ENTRIES, first=16)
    assert colours(state, b"\7\0", 5) == (1, 1, 3)


def test_registers_are_read_and_written_while_packets_use_them(
    state: dataplane.Dataplane,
) -> None:
    values = struct.pack("!3Q", 30, 0, 5)
    state.call("register_write", values, device=1, register=NARROW, first=1)
    state.call("register_write", struct.pack("!Q", 2**64 - 1), device=1, register=WHOLE, first=3)
    colours(state, b"\1\1", 1)
    colours(state, b"\1\3", 2)
    _, blob = state.call("register_read", device=1, register=NARROW, first=0, count=8)
    assert struct.unpack("!8Q", blob) == (0, 31, 0, 7, 0, 0, 0, 0)
    _, blob = state.call("register_read", device=1, register=WHOLE, first=1, count=3)
    assert struct.unpack("!3Q", blob) == (1, 0, 1)


def test_a_program_in_another_s_place_starts_anew(
    state: dataplane.Dataplane, program: conftest.Program
) -> None:
    state.call("meter_write", config(0, 0), device=1, meter=FLOWS, first=1)
    state.call("register_write", struct.pack("!Q", 9), device=1, register=WHOLE, first=1)
    state.call("device_replace", id=1, object=str(program("state")))
    assert colours(state, b"\1\1", 5) == (5, 0, 0)
    _, blob = state.call("register_read", device=1, register=WHOLE, first=1, count=1)
    assert blob == struct.pack("!Q", 5)


@pytest.mark.parametrize(
    ("op", "fields", "blob", "code"),
    [
        ("meter_read", {"meter": 2, "first": 0, "count": 1}, b"", "not_found"),
        ("meter_read", {"meter": 0, "first": 0, "count": 9}, b"", "invalid"),
        ("meter_read", {"meter": 0, "first": 8, "count": 1}, b"", "invalid"),
        ("meter_write", {"meter": 0, "first": 8}, config(1, 1), "invalid"),
        ("meter_write", {"meter": 0, "first": 0}, config(1, 1)[:-1], "invalid"),
        ("meter_write", {"meter": 0, "first": 0}, b"\2" + bytes(32), "invalid"),
        ("direct_meter_write", {"table": 1}, entry(1) + config(1, 1), "not_found"),
        ("direct_meter_write", {"table": 0}, entry(1) + config(1, 1), "not_found"),
        ("direct_meter_write", {"table": 0}, entry(1), "invalid"),
        ("register_read", {"register": 3, "first": 0, "count": 1}, b"", "not_found"),
        ("register_read", {"register": 0, "first": 7, "count": 2}, b"", "invalid"),
        ("register_read", {"register": WIDE, "first": 0, "count": 1}, b"", "unsupported"),
        ("register_write", {"register": WIDE, "first": 0}, bytes(8), "unsupported"),
        ("register_write", {"register": NARROW, "first": 0}, b"\0" * 7 + b"\x20", "invalid"),
        ("register_write", {"register": NARROW, "first": 0}, bytes(9), "invalid"),
        ("register_write", {"register": NARROW, "first": 8}, bytes(8), "invalid"),
    ],
)
def test_what_is_not_there_or_does_not_fit_is_refused(
    state: dataplane.Dataplane, op: str, fields: dict[str, int], blob: bytes, code: str
) -> None:
    with pytest.raises(dataplane.RefusedError) as refused:
        state.call(op, blob, device=1, **fields)
    assert refused.value.code == code
