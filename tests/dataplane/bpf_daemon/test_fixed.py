"""Const entries, which are in the program's code: no map holds them, and nobody changes them."""

from __future__ import annotations

import pathlib
import struct

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import conftest, process

# By ports 1 and 2 the other way round, by 9 where there is no near exit; 3 has no entry.
ENTRIES = {1: 2, 2: 1, 9: 10, 10: 9}


@pytest.fixture(scope="session")
def program() -> artifact.Artifact:
    return process.compiled(conftest.PROGRAMS / "fixed.p4")


@pytest.fixture
def device(bpf: process.Process, program: artifact.Artifact) -> process.Process:
    bpf.put("device_add", 1, program)
    bpf.rings(1, 1, 2, 3, 9, 10)
    return bpf


def record(key: int, port: int) -> bytes:
    return struct.pack("!HHH", key, 0, port)


def read(bpf: process.Process) -> set[bytes]:
    answer, blob = bpf.call("entries_read", device=1, table=0)
    assert len(blob) == 22 * answer["count"]
    return {blob[at : at + 6] for at in range(0, len(blob), 22)}


def ways(bpf: process.Process) -> dict[int, int]:
    """By which port a packet leaves, by where it came in."""
    found = {}
    for port in (1, 2, 3, 9, 10):
        bpf.inject(f"r{port}", bytes(14))
        (found[port],) = (out for out in (1, 2, 3, 9, 10) if bpf.collect(f"r{out}"))
    return found


def test_packets_meet_const_entries_and_they_are_read(device: process.Process) -> None:
    assert ways(device) == {**ENTRIES, 3: 3}  # by the default
    assert read(device) == {record(*entry) for entry in ENTRIES.items()}


def test_const_entries_are_not_changed_by_the_control_socket(device: process.Process) -> None:
    for mode in ("insert", "modify", "delete"):
        answer, _ = device.call(
            "entries_write", record(1, 3), device=1, table=0, mode=mode, count=1
        )
        assert answer["failed"][0][:2] == [0, "invalid"], mode
    assert ways(device)[1] == 2
    assert len(read(device)) == len(ENTRIES)


def test_const_entries_are_there_after_a_kill_and_in_a_program_that_came(
    device: process.Process, program: artifact.Artifact, tmp_path: pathlib.Path
) -> None:
    device.again()
    assert read(device) == {record(*entry) for entry in ENTRIES.items()}
    assert ways(device) == {**ENTRIES, 3: 3}
    device.put("device_replace", 1, program)
    assert ways(device) == {**ENTRIES, 3: 3}
    other = process.changed(conftest.PROGRAMS / "fixed.p4", tmp_path, "1: go(2);", "1: go(3);")
    device.put("device_replace", 1, other)
    assert ways(device) == {**ENTRIES, 1: 3, 3: 3}
    assert record(1, 3) in read(device)
    assert record(1, 2) not in read(device)
