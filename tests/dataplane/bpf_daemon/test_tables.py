"""Tables through the control socket, seen by packets that the kernel runs through the program."""

from __future__ import annotations

import json
import random
import resource
import struct
import time

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import process
from tests.dataplane.daemon import dataplane

EXACT, LPM, TERNARY = range(3)
FORWARD, DROP, NOTHING = range(3)
A = bytes.fromhex("020000000001")
B = bytes.fromhex("060000000002")
FULL = b"\xff" * 8


def frame(dst: bytes, src: bytes = B, kind: int = 0x88B5) -> bytes:
    return dst + src + struct.pack("!H", kind)


def tail(port: int | None) -> bytes:
    return struct.pack("!HH", DROP if port is None else FORWARD, port or 0)


def exact(dst: bytes, port: int | None) -> bytes:
    return dst + tail(port)


def lpm(src: bytes, bits: int, port: int | None) -> bytes:
    return src + struct.pack("!H", bits) + tail(port)


def ternary(key: bytes, mask: bytes, priority: int, port: int | None) -> bytes:
    return key + mask + struct.pack("!I", priority) + tail(port)


def write(
    bpf: dataplane.Client, table: int, *records: bytes, mode: str = "insert"
) -> list[list[object]]:
    answer, _ = bpf.call(
        "entries_write", b"".join(records), device=1, table=table, mode=mode, count=len(records)
    )
    failed: list[list[object]] = answer["failed"]
    return failed


def read(bpf: dataplane.Client, table: int, size: int) -> dict[bytes, tuple[int, int]]:
    answer, blob = bpf.call("entries_read", device=1, table=table)
    each = size + 16
    assert len(blob) == answer["count"] * each
    found = {}
    for at in range(0, len(blob), each):
        found[blob[at : at + size]] = struct.unpack_from("!QQ", blob, at + size)
    return found


def where(bpf: dataplane.Client, packet: bytes) -> int | None:
    """The port by which a packet leaves that came in by port 1."""
    bpf.inject("r1", packet)
    left = [port for port in (1, 2, 3) if bpf.collect(f"r{port}")]
    assert len(left) <= 1
    return left[0] if left else None


@pytest.fixture
def device(bpf: process.Process, switch: artifact.Artifact) -> process.Process:
    declared = bpf.put("device_add", 1, switch)
    assert [table["kind"] for table in declared["tables"]] == ["exact", "lpm", "ternary"]
    bpf.rings(1, 1, 2, 3)
    return bpf


def test_each_kind_forwards_and_counts(device: process.Process) -> None:
    assert where(device, frame(A)) is None
    assert write(device, EXACT, exact(A, 2)) == []
    assert write(device, LPM, lpm(b"\6\0\0\0\0\0", 8, 3), lpm(b"\6\0\0\0\0\2", 48, 1)) == []
    assert write(device, TERNARY, ternary(bytes(8), bytes(8), 1, 3)) == []
    assert where(device, frame(A)) == 2
    assert where(device, frame(B)) == 1
    assert where(device, frame(B, b"\6\0\0\0\0\3")) == 3
    assert where(device, frame(B, A)) == 3
    assert read(device, EXACT, 10) == {exact(A, 2): (1, 14)}
    assert read(device, LPM, 12)[lpm(b"\6\0\0\0\0\2", 48, 1)] == (1, 14)
    assert write(device, EXACT, exact(A, 3), mode="modify") == []
    assert where(device, frame(A)) == 3
    assert write(device, EXACT, exact(A, 3), mode="delete") == []
    assert (
        write(
            device, LPM, *(lpm(b"\6\0\0\0\0\2", 48, 1), lpm(b"\6\0\0\0\0\0", 8, 3)), mode="delete"
        )
        == []
    )
    assert where(device, frame(A)) == 3
    assert write(device, EXACT, exact(A, 2)) == []
    assert read(device, EXACT, 10) == {exact(A, 2): (0, 0)}
    _, blob = device.call("counter_read", device=1, counter=3, first=1, count=1)
    assert struct.unpack("!QQ", blob)[0] == 7


def test_priorities(device: process.Process) -> None:
    key, some = b"\x88\xb5" + A, b"\xff\xff" + bytes(6)
    low, high = ternary(key, FULL, 10, 1), ternary(key, FULL, 20, 2)
    wide = ternary(b"\x88\xb5" + bytes(6), some, 15, 3)
    assert write(device, TERNARY, low) == []
    assert where(device, frame(A)) == 1
    assert write(device, TERNARY, wide) == []
    assert where(device, frame(A)) == 3
    assert write(device, TERNARY, high) == []
    assert where(device, frame(A)) == 2
    assert write(device, TERNARY, high, mode="delete") == []
    assert where(device, frame(A)) == 3
    assert write(device, TERNARY, wide, mode="delete") == []
    assert where(device, frame(A)) == 1
    assert write(device, TERNARY, low, mode="delete") == []
    assert where(device, frame(A)) is None


def test_refusals(device: process.Process) -> None:
    assert write(device, EXACT, exact(A, 2), exact(A, 3)) == [
        [1, "exists", "there is such an entry"]
    ]
    assert write(device, EXACT, exact(B, 2), mode="modify")[0][1] == "not_found"
    assert write(device, EXACT, A + struct.pack("!HH", 9, 0))[0][1:] == [
        "invalid",
        "there is no such action",
    ]
    assert write(device, LPM, lpm(A, 3, 1))[0][1] == "invalid"
    many = [exact(b"\4\0\0\0\0" + bytes([i]), 1) for i in range(64)]
    assert write(device, EXACT, *many) == [[63, "full", "the table is full"]]
    rng = random.Random(1)
    masks: set[bytes] = set()
    while len(masks) < 130:
        masks.add(rng.randbytes(8))
    failed = write(device, TERNARY, *(ternary(bytes(8), mask, 1, 1) for mask in sorted(masks)))
    assert failed == [[i, "full", "too many different masks"] for i in (128, 129)]


def test_defaults(device: process.Process) -> None:
    device.call("default_write", tail(2), device=1, table=TERNARY)
    assert where(device, frame(A)) == 2
    _, blob = device.call("default_read", device=1, table=TERNARY)
    assert blob == tail(2) + struct.pack("!QQ", 1, 14)
    device.call("default_write", b"", device=1, table=TERNARY)
    assert where(device, frame(A)) is None


def test_random_rules_agree_with_a_list(device: process.Process) -> None:
    """Against the plain meaning of priorities; entries come, change and go."""
    rng = random.Random(7)
    masks = [bytes([0, rng.choice([0, 3, 15])]) + bytes(5) + bytes([m]) for m in range(4)]
    held: dict[tuple[bytes, bytes, int], int] = {}
    for turn in range(150):
        mask = rng.choice(masks)
        key = bytes(
            b & m
            for b, m in zip(
                b"\0" + bytes([turn % 4]) + bytes(5) + bytes([turn % 3]), mask, strict=True
            )
        )
        identity = (key, mask, rng.choice(range(100)) * 256 + turn)
        held[identity] = rng.choice([1, 2, 3])
        assert write(device, TERNARY, ternary(*identity, held[identity])) == []
        if turn % 3 == 0:
            gone = rng.choice(sorted(held))
            assert write(device, TERNARY, ternary(*gone, held.pop(gone)), mode="delete") == []
        packet = frame(bytes(5) + bytes([rng.randrange(4)]), A, rng.randrange(4))
        value = packet[12:14] + packet[:6]
        matching = [
            (i[2], port)
            for i, port in held.items()
            if bytes(v & m for v, m in zip(value, i[1], strict=True)) == i[0]
        ]
        assert where(device, packet) == (max(matching)[1] if matching else None)


def test_a_killed_process_is_found_again(device: process.Process) -> None:
    records = [exact(b"\4\0\0\0\0" + bytes([i]), 2) for i in range(20)]
    assert write(device, EXACT, *records) == []
    assert write(device, EXACT, *records[3:7], mode="delete") == []
    assert write(device, LPM, lpm(b"\6\0\0\0\0\0", 8, 3)) == []
    rules = [
        ternary(bytes([0x88, i]) + bytes(6), b"\xff\xff" + bytes(6), 5 + i, 1) for i in range(9)
    ]
    assert write(device, TERNARY, *rules) == []
    device.call("default_write", tail(3), device=1, table=TERNARY)
    device.inject("r1", *[frame(records[8][:6])] * 5)
    before = [read(device, table, size) for table, size in ((0, 10), (1, 12), (2, 24))]
    device.again()
    assert [read(device, table, size) for table, size in ((0, 10), (1, 12), (2, 24))] == before
    assert before[0][records[8]] == (5, 70)
    assert where(device, frame(records[8][:6])) == 2
    assert where(device, frame(A, A, 0x8803)) == 1
    assert where(device, frame(A, A, 0x9999)) == 3
    assert write(device, EXACT, *records[3:7]) == []
    assert read(device, EXACT, 10)[records[3]] == (0, 0)
    assert write(device, TERNARY, *rules, mode="delete") == []
    assert where(device, frame(A, A, 0x8803)) == 3


def slot_of_device(bpf: process.Process) -> int:
    slot: int = json.loads(bpf.bpffs.with_name("bpf.kept").joinpath("device-1").read_text())["slot"]
    return slot


def put_in_slot(bpf: process.Process, program: artifact.Artifact, slot: int) -> None:
    """Device 1, where another one was that has gone, on the ring ports that are there."""
    give_up = time.monotonic() + 20
    bpf.put("device_add", 1, program)
    while slot_of_device(bpf) != slot:  # the kernel lets it be free later
        bpf.call("device_remove", id=1)
        assert time.monotonic() < give_up
        bpf.put("device_add", 1, program)
    for number in (1, 2, 3):
        bpf.call("wire", device=1, port=number, name=f"r{number}")


def test_a_device_has_no_entries_of_the_one_before_it_that_went_when_descriptors_were_short(
    device: process.Process, switch: artifact.Artifact
) -> None:
    assert write(device, EXACT, exact(B, 1)) == []
    assert where(device, frame(B)) == 1
    slot = slot_of_device(device)
    limits = resource.prlimit(device.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(device.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    device.call("device_remove", id=1)
    resource.prlimit(device.process.pid, resource.RLIMIT_NOFILE, limits)
    put_in_slot(device, switch, slot)
    assert where(device, frame(B)) != 1


def test_a_file_that_a_killed_process_was_writing_makes_no_second_device(
    device: process.Process,
) -> None:
    kept = device.bpffs.with_name("bpf.kept")
    written = [path for path in kept.iterdir() if path.name.startswith(("device-", "port-"))]
    assert len(written) > 1
    device.kill()
    for path in written:
        (kept / f"{path.name}.new").write_bytes(path.read_bytes())
    device.start()
    assert len(device.call("device_list")[0]["devices"]) == 1
    assert not list(kept.glob("*.new"))
    device.call("device_remove", id=1)
    assert device.call("device_list")[0]["devices"] == []
