"""Tables and counters through the control socket, seen by what happens to packets."""

from __future__ import annotations

import struct
import threading

import pytest

from tests.dataplane.daemon import conftest, dataplane

EXACT, LPM, TERNARY, RANGE = 0, 1, 2, 3
DROP, FORWARD = 0, 1


@pytest.fixture
def switch(dp: dataplane.Dataplane, program: conftest.Program) -> dataplane.Dataplane:
    dp.call("device_add", id=1, object=str(program("switch")), name="switch")
    dp.rings(1, 1, 2, 3)
    return dp


def exact(destination: bytes, port: int) -> bytes:
    return struct.pack("!6sHH", destination, FORWARD, port)


def lpm(key: bytes, bits: int, port: int) -> bytes:
    return struct.pack("!4sHHH", key, bits, FORWARD, port)


def ternary(key: bytes, mask: bytes, priority: int, port: int) -> bytes:
    return struct.pack("!2s2sIHH", key, mask, priority, FORWARD, port)


def ranges(low: tuple[int, ...], high: tuple[int, ...], priority: int, port: int) -> bytes:
    return struct.pack("!3H3HIHH", *low, *high, priority, FORWARD, port)


def write(dp: dataplane.Client, table: int, *records: bytes, mode: str = "insert") -> list[list]:  # type: ignore[type-arg]
    answer, _ = dp.call(
        "entries_write",
        b"".join(records),
        device=1,
        table=table,
        mode=mode,
        count=len(records),
    )
    return answer["failed"]  # type: ignore[no-any-return]


def frame(destination: bytes, source: bytes = bytes(4), kind: bytes = b"\0\0") -> bytes:
    return destination + source + kind + b"payload"


A, B = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"


def test_entries_decide_where_packets_go(switch: dataplane.Dataplane) -> None:
    assert write(switch, EXACT, exact(A, 2), exact(B, 3)) == []
    assert write(switch, LPM, lpm(b"\x0a\0\0\0", 8, 2), lpm(b"\x0a\1\0\0", 16, 3)) == []
    assert write(switch, TERNARY, ternary(b"\x08\0", b"\xff\0", 5, 2)) == []
    assert write(switch, TERNARY, ternary(b"\x08\6", b"\xff\xff", 9, 3)) == []
    n = bytes(6)
    to_2 = [frame(A), frame(n, b"\x0a\2\3\4"), frame(n, kind=b"\x08\0")]
    to_3 = [frame(B), frame(n, b"\x0a\1\3\4"), frame(n, kind=b"\x08\6")]
    switch.inject("r1", *to_2, *to_3, frame(n), b"short")
    assert switch.collect("r2") == to_2
    assert switch.collect("r3") == to_3
    assert switch.devices()[1]["drops"] == {"malformed": 1, "by_table": 1, "no_port": 0}
    assert write(switch, EXACT, exact(A, 3), mode="modify") == []
    assert write(switch, EXACT, exact(B, 0), mode="delete") == []
    switch.inject("r1", frame(A), frame(B))
    assert switch.collect("r3") == [frame(A)]


def test_each_refused_record_is_named_and_the_rest_is_done(switch: dataplane.Dataplane) -> None:
    bad_action = struct.pack("!6sHH", b"\7" * 6, 99, 0)
    failed = write(switch, EXACT, exact(A, 2), exact(A, 3), bad_action, exact(B, 2))
    assert [(position, code) for position, code, _ in failed] == [(1, "exists"), (2, "invalid")]
    assert write(switch, EXACT, exact(b"\3" * 6, 1), mode="modify")[0][:2] == [0, "not_found"]
    assert write(switch, EXACT, exact(b"\3" * 6, 1), mode="delete")[0][:2] == [0, "not_found"]
    assert write(switch, LPM, lpm(b"\x0a\1\0\0", 8, 2))[0][:2] == [0, "invalid"]
    assert write(switch, LPM, lpm(b"\x0a\1\0\0", 33, 2))[0][:2] == [0, "invalid"]
    assert write(switch, TERNARY, ternary(b"\1\1", b"\1\0", 1, 2))[0][:2] == [0, "invalid"]
    full = [ternary(bytes([i, 0]), b"\xff\xff", 1, 2) for i in range(5)]
    assert [f[:2] for f in write(switch, TERNARY, *full)] == [[4, "full"]]
    assert write(switch, EXACT, exact(A, 3), exact(b"\4" * 6, 2), mode="upsert") == []
    tables = {table["name"]: table["entries"] for table in switch.devices()[1]["tables"]}
    assert tables == {"exact": 3, "lpm": 0, "ternary": 4, "range": 0}


def test_an_entry_with_ranges_is_one_entry(switch: dataplane.Dataplane) -> None:
    """Every value within its ranges meets it, none outside; it is read, counted, changed as one."""
    rest = (0, 0), (65535, 65535)
    wide = ranges((1000, 80, 0), (4000, 443, 65535), 7, 2)
    assert write(switch, RANGE, wide, ranges((3000, *rest[0]), (5000, *rest[1]), 5, 3)) == []
    packets = {
        (a, b): bytes(10) + struct.pack("!HHH", a, b, 17) + b"payload"
        for a in (999, 1000, 2999, 3000, 4000, 4001, 5000, 5001)
        for b in (79, 80, 443, 444)
    }
    to_2 = [packet for (a, b), packet in packets.items() if 1000 <= a <= 4000 and 80 <= b <= 443]
    to_3 = [
        packet for (a, _), packet in packets.items() if 3000 <= a <= 5000 and packet not in to_2
    ]
    switch.inject("r1", *packets.values())
    assert switch.collect("r2") == to_2
    assert switch.collect("r3") == to_3
    answer, blob = switch.call("entries_read", device=1, table=RANGE)
    assert answer["count"] == 2
    assert blob[:20] == wide
    assert struct.unpack("!QQ", blob[20:36]) == (len(to_2), sum(map(len, to_2)))
    assert (
        write(switch, RANGE, ranges((1000, 80, 0), (4000, 443, 65535), 7, 3), mode="modify") == []
    )
    switch.inject("r1", *to_2)
    assert switch.collect("r3") == to_2
    assert write(switch, RANGE, wide, mode="delete") == []
    switch.inject("r1", *to_2)
    assert switch.collect("r3") == [packet for packet in to_2 if packet[10:12] >= b"\x0b\xb8"]


def test_ranges_that_are_none_or_too_many_are_refused(switch: dataplane.Dataplane) -> None:
    fine, backwards = ((1, 1, 1), (2, 2, 2)), ((1, 5, 1), (2, 4, 2))
    many = ((1, 1, 1), (65534, 65534, 65534))
    failed = write(switch, RANGE, *(ranges(*ends, 1, 2) for ends in (backwards, many, fine)))
    assert [failure[:2] for failure in failed] == [[0, "invalid"], [1, "full"]]
    assert "1024 prefixes" in failed[1][2]
    tables = {table["name"]: table["entries"] for table in switch.devices()[1]["tables"]}
    assert tables["range"] == 1


def test_reading_gives_records_with_counts(switch: dataplane.Dataplane) -> None:
    records = {exact(bytes([2, 0, 0, 0, i >> 8, i & 255]), 2) for i in range(1000)}
    write(switch, EXACT, *records)
    switch.inject("r1", frame(A), frame(A))
    read: dict[bytes, bytes] = {}
    cursor: dict[str, int] = {}
    while True:
        answer, blob = switch.call("entries_read", device=1, table=EXACT, limit=77, **cursor)
        assert len(blob) == answer["count"] * 26
        for i in range(answer["count"]):
            read[blob[26 * i : 26 * i + 10]] = blob[26 * i + 10 : 26 * i + 26]
        if "cursor" not in answer:
            break
        cursor = {"cursor": answer["cursor"]}
    assert set(read) == records
    assert struct.unpack("!QQ", read[exact(A, 2)]) == (2, 2 * len(frame(A)))
    assert sum(struct.unpack("!QQ", counts)[0] for counts in read.values()) == 2


def test_a_direct_counter_lives_as_long_as_its_entry(switch: dataplane.Dataplane) -> None:
    def count() -> tuple[int, int]:
        _, blob = switch.call("entries_read", device=1, table=EXACT, limit=10)
        return struct.unpack("!QQ", blob[10:])

    write(switch, EXACT, exact(A, 2))
    switch.inject("r1", frame(A))
    write(switch, EXACT, exact(A, 2), mode="upsert")
    switch.inject("r1", frame(A))
    assert count()[0] == 2
    switch.call(
        "direct_counter_write", exact(A, 0) + struct.pack("!QQ", 40, 7), device=1, table=EXACT
    )
    switch.inject("r1", frame(A))
    assert count() == (41, 7 + len(frame(A)))
    write(switch, EXACT, exact(A, 2), mode="delete")
    write(switch, EXACT, exact(A, 2))
    assert count() == (0, 0)


def test_default_entries(switch: dataplane.Dataplane) -> None:
    packet = frame(bytes(6))
    switch.call("default_write", struct.pack("!HH", FORWARD, 3), device=1, table=TERNARY)
    switch.inject("r1", packet)
    assert switch.collect("r3") == [packet]
    _, blob = switch.call("default_read", device=1, table=TERNARY)
    assert struct.unpack("!HHQQ", blob) == (FORWARD, 3, 1, len(packet))
    switch.call("default_write", device=1, table=TERNARY)
    switch.inject("r1", packet)
    assert switch.collect("r3") == []
    switch.call("default_write", struct.pack("!H", DROP), device=1, table=TERNARY)
    for blob in (b"\0", struct.pack("!HH", 99, 0), struct.pack("!H", FORWARD), b"\0\1" + b"x" * 9):
        with pytest.raises(dataplane.RefusedError, match="invalid"):
            switch.call("default_write", blob, device=1, table=TERNARY)


def test_counters_are_read_and_set(switch: dataplane.Dataplane) -> None:
    switch.inject("r1", b"short", b"short")
    cells = struct.pack("!QQQQ", 10, 100, 2**63, 5)
    switch.call("counter_write", cells, device=1, counter=3, first=1)
    switch.inject("r1", b"short")
    switch.inject("r2", b"short")
    _, blob = switch.call("counter_read", device=1, counter=3, first=0, count=8)
    assert struct.unpack("!16Q", blob)[:8] == (0, 0, 11, 105, 2**63 + 1, 10, 0, 0)
    for fields in ({"first": 8, "count": 1}, {"first": 0, "count": 9}, {"first": -1, "count": 1}):
        with pytest.raises(dataplane.RefusedError, match="invalid"):
            switch.call("counter_read", device=1, counter=3, **fields)


def test_packets_run_while_tables_change(switch: dataplane.Dataplane) -> None:
    """An entry that no update names is found all the time."""
    write(switch, EXACT, exact(A, 2))
    stop = threading.Event()
    churner = dataplane.Client(switch.path)

    def churn() -> None:
        records = [exact(bytes([3, 0, 0, 0, i >> 8, i & 255]), 3) for i in range(1000)]
        while not stop.is_set():
            assert write(churner, EXACT, *records) == []
            assert write(churner, EXACT, *records, mode="delete") == []

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(30):
            switch.inject("r1", *[frame(A)] * 500)
    finally:
        stop.set()
        thread.join()
    assert len(switch.collect("r2")) == 15_000
    churner.close()
