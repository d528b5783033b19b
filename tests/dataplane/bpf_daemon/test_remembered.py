"""What a ternary table remembers of keys that packets came with: never more than is so."""

from __future__ import annotations

import os
import struct

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import process
from tests.dataplane.bpf_daemon.test_tables import (
    FULL,
    TERNARY,
    A,
    frame,
    put_in_slot,
    read,
    slot_of_device,
    tail,
    ternary,
    where,
    write,
)

KEY = b"\x88\xb5" + A
RULE, BETTER = ternary(KEY, FULL, 10, 1), ternary(KEY, FULL, 20, 2)
WIDE = ternary(b"\x88\xb5" + bytes(6), b"\xff\xff" + bytes(6), 15, 3)


def stay(bpf: process.Process) -> None:
    """On one processor, since each has a memory of its own."""
    os.sched_setaffinity(bpf.process.pid, {min(os.sched_getaffinity(0))})


@pytest.fixture
def device(bpf: process.Process, switch: artifact.Artifact) -> process.Process:
    stay(bpf)
    bpf.put("device_add", 1, switch)
    bpf.rings(1, 1, 2, 3)
    return bpf


def test_a_known_packet_meets_every_change(device: process.Process) -> None:
    packet = frame(A)
    assert [where(device, packet) for _ in range(2)] == [None, None]
    device.call("default_write", tail(3), device=1, table=TERNARY)
    assert [where(device, packet) for _ in range(2)] == [3, 3]
    assert write(device, TERNARY, RULE) == []
    assert [where(device, packet) for _ in range(2)] == [1, 1]
    assert write(device, TERNARY, BETTER) == []
    assert [where(device, packet) for _ in range(2)] == [2, 2]
    assert write(device, TERNARY, ternary(KEY, FULL, 20, 3), mode="modify") == []
    assert [where(device, packet) for _ in range(2)] == [3, 3]
    assert write(device, TERNARY, BETTER, mode="delete") == []
    assert [where(device, packet) for _ in range(2)] == [1, 1]
    assert write(device, TERNARY, WIDE) == []
    assert [where(device, packet) for _ in range(2)] == [3, 3]
    assert write(device, TERNARY, WIDE, RULE, mode="delete") == []
    device.call("default_write", b"", device=1, table=TERNARY)
    assert [where(device, packet) for _ in range(2)] == [None, None]


def test_an_entry_that_comes_back_counts_from_nothing(device: process.Process) -> None:
    assert write(device, TERNARY, RULE) == []
    assert [where(device, frame(A)) for _ in range(5)] == [1] * 5
    assert read(device, TERNARY, 24) == {RULE: (5, 70)}
    assert write(device, TERNARY, RULE, mode="delete") == []
    assert where(device, frame(A)) is None
    assert write(device, TERNARY, RULE) == []
    assert read(device, TERNARY, 24) == {RULE: (0, 0)}
    assert where(device, frame(A)) == 1
    assert read(device, TERNARY, 24) == {RULE: (1, 14)}


def test_devices_of_one_program_do_not_know_of_each_other(
    device: process.Process, switch: artifact.Artifact
) -> None:
    device.put("device_add", 2, switch)
    for number in (4, 5):
        device.call("port_add", name=f"r{number}", kind="ring")
        device.call("wire", device=2, port=number - 3, name=f"r{number}")
    assert write(device, TERNARY, RULE) == []
    for _ in range(2):
        assert where(device, frame(A)) == 1
        device.inject("r4", frame(A))
        assert device.collect("r4") == device.collect("r5") == []


def test_a_device_knows_nothing_of_the_one_whose_slot_it_has(
    device: process.Process, switch: artifact.Artifact
) -> None:
    assert write(device, TERNARY, RULE) == []
    assert [where(device, frame(A)) for _ in range(2)] == [1, 1]
    slot = slot_of_device(device)
    device.call("device_remove", id=1)
    put_in_slot(device, switch, slot)
    assert where(device, frame(A)) is None


def test_a_known_packet_meets_what_a_killed_process_did_last(device: process.Process) -> None:
    """It took an entry away and did not come to say so; its successor says it."""
    assert write(device, TERNARY, RULE, ternary(bytes(8), FULL, 10, 2)) == []
    assert [where(device, frame(A)) for _ in range(2)] == [1, 1]
    assert [where(device, frame(bytes(6), A, 0)) for _ in range(2)] == [2, 2]
    assert process.forget_keys(device.process.pid, "p4k_table", keep=1) == 1
    assert where(device, frame(A)) == 1
    assert where(device, frame(bytes(6), A, 0)) == 2
    device.again()
    stay(device)
    left = read(device, TERNARY, 24)
    assert len(left) == 1
    assert where(device, frame(A)) == (1 if RULE in left else None)
    assert where(device, frame(bytes(6), A, 0)) == (None if RULE in left else 2)


def test_a_known_packet_meets_the_table_of_the_program_that_came(
    device: process.Process, switch: artifact.Artifact
) -> None:
    assert write(device, TERNARY, RULE) == []
    assert [where(device, frame(A)) for _ in range(2)] == [1, 1]
    device.put("device_replace", 1, switch)
    assert where(device, frame(A)) == 1
    assert write(device, TERNARY, BETTER) == []
    assert where(device, frame(A)) == 2
    device.put("device_replace", 1, switch)
    assert [where(device, frame(A)) for _ in range(2)] == [2, 2]
    assert write(device, TERNARY, BETTER, mode="delete") == []
    assert where(device, frame(A)) == 1


def test_more_keys_than_are_remembered_find_their_own_entries(device: process.Process) -> None:
    """Some three for each place, so that most push another one out."""
    rules = [
        ternary(bytes(6) + bytes([0, last]), bytes(7) + b"\xff", 1, 1 + last % 3)
        for last in range(255)
    ]
    assert write(device, TERNARY, *rules) == []
    packets = [frame(struct.pack("!HI", 0, n), A) for n in range(0, 3000 * 77, 77)]
    for _ in range(2):
        wanted = [n % 256 for n in range(0, 3000 * 77, 77)]
        for at in range(0, len(packets), 500):
            device.inject("r1", *packets[at : at + 500])
            found = {port: len(device.collect(f"r{port}")) for port in (1, 2, 3)}
            lasts = [last for last in wanted[at : at + 500] if last < 255]
            assert found == {port: sum(1 + n % 3 == port for n in lasts) for port in (1, 2, 3)}
