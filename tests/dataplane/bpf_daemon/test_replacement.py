"""A program in the place of another: what both have of state is kept, the rest starts anew."""

from __future__ import annotations

import pathlib
import struct

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import conftest, process
from tests.dataplane.bpf_daemon.test_tables import (
    EXACT,
    FULL,
    LPM,
    TERNARY,
    A,
    B,
    exact,
    frame,
    lpm,
    read,
    tail,
    ternary,
    where,
    write,
)
from tests.dataplane.daemon import dataplane

SWITCH = conftest.PROGRAMS / "switch.p4"
RULE = ternary(b"\x88\xb5" + A, FULL, 10, 2)
ROUTE = lpm(b"\6\0\0\0\0\0", 8, 3)
STAGED = 1 << 40


@pytest.fixture
def device(bpf: process.Process, switch: artifact.Artifact) -> process.Process:
    """With an entry in each table, each met once."""
    bpf.put("device_add", 1, switch)
    bpf.rings(1, 1, 2, 3)
    assert write(bpf, EXACT, exact(B, 1)) == []
    assert write(bpf, LPM, ROUTE) == []
    assert write(bpf, TERNARY, RULE) == []
    bpf.call("default_write", tail(3), device=1, table=TERNARY)
    assert [where(bpf, p) for p in (frame(B), frame(A), frame(A, A), frame(A, A, 7))] == [
        1,
        3,
        2,
        3,
    ]
    return bpf


def counts(bpf: process.Process) -> list[dict[bytes, tuple[int, int]]]:
    return [read(bpf, table, size) for table, size in ((EXACT, 10), (LPM, 12), (TERNARY, 24))]


def seen(bpf: process.Process) -> int:
    """Packets that came in by port 1."""
    _, blob = bpf.call("counter_read", device=1, counter=3, first=1, count=1)
    packets: int = struct.unpack("!QQ", blob)[0]
    return packets


def default(bpf: process.Process, table: int) -> tuple[bytes, int]:
    _, blob = bpf.call("default_read", device=1, table=table)
    return blob[:4], struct.unpack("!Q", blob[4:12])[0]


def test_the_same_program_keeps_all(device: process.Process, switch: artifact.Artifact) -> None:
    before = counts(device), seen(device), default(device, TERNARY)
    assert [len(entries) for entries in before[0]] == [1, 1, 1]
    for _ in range(3):
        device.put("device_replace", 1, switch)
    assert (counts(device), seen(device), default(device, TERNARY)) == before
    assert where(device, frame(A, A)) == 2
    assert read(device, TERNARY, 24)[RULE][0] == 2
    device.again()
    assert read(device, TERNARY, 24)[RULE][0] == 2
    assert where(device, frame(A, A)) == 2
    assert read(device, TERNARY, 24)[RULE][0] == 3


def test_what_differs_starts_anew(
    device: process.Process, switch: artifact.Artifact, tmp_path: pathlib.Path
) -> None:
    before = counts(device)
    larger = process.changed(
        SWITCH, tmp_path, "size = 64; counters = by_src", "size = 65; counters = by_src"
    )
    device.put("device_replace", 1, larger)
    assert counts(device) == [before[0], {}, before[2]]
    assert where(device, frame(A)) == 2  # by the rule, since there is no route
    assert write(device, LPM, lpm(b"\6\0\0\0\0\2", 48, 1)) == []
    assert where(device, frame(A)) == 1
    assert where(device, frame(A, A)) == 2
    device.put("device_replace", 1, switch)
    assert counts(device)[1] == {}
    assert counts(device)[2][RULE][0] == 3


def test_entries_name_actions_of_their_own_program(
    device: process.Process, tmp_path: pathlib.Path
) -> None:
    """An action before the others gives these other numbers: no entry may be taken for another."""
    shifted = process.changed(
        SWITCH, tmp_path,
        "action drop()", "action also(bit<9> port) { std.egress_spec = port; } action drop()",
        "actions = { forward; drop; NoAction; }", "actions = { also; forward; drop; NoAction; }",
    )  # fmt: skip
    before = counts(device)
    device.put("device_replace", 1, shifted)
    numbers = [a.name for a in shifted.manifest.actions]
    assert counts(device)[0] == {}
    if numbers.index("ingress.forward") == 0:
        assert counts(device)[2] == before[2]
    else:
        assert counts(device)[2] == {}


def test_defaults_that_nobody_changed_are_the_new_program_s(
    device: process.Process, tmp_path: pathlib.Path
) -> None:
    other = process.changed(
        SWITCH, tmp_path, "default_action = drop();", "default_action = forward(1);"
    )
    device.call("default_write", b"", device=1, table=TERNARY)
    device.put("device_replace", 1, other)
    assert default(device, TERNARY)[0] == tail(1)
    assert where(device, frame(A, A, 7)) == 1
    device.call("default_write", tail(2), device=1, table=TERNARY)
    device.put("device_replace", 1, other)
    assert where(device, frame(A, A, 7)) == 2
    device.call("default_write", b"", device=1, table=TERNARY)
    assert where(device, frame(A, A, 7)) == 1


def staged(bpf: process.Process, program: artifact.Artifact) -> None:
    bpf.put("device_add", STAGED, program, like=1)


def test_a_staged_device_is_filled_before_packets_come(
    device: process.Process, tmp_path: pathlib.Path
) -> None:
    larger = process.changed(
        SWITCH, tmp_path, "size = 64; counters = by_src", "size = 65; counters = by_src"
    )
    staged(device, larger)
    record = lpm(b"\6\0\0\0\0\2", 48, 1)
    done, _ = device.call("entries_write", record, device=STAGED, table=LPM, mode="insert", count=1)
    assert done["failed"] == []
    assert where(device, frame(A)) == 3  # the old program still, with its route
    more = [
        ternary(struct.pack("!H", i) + bytes(6), b"\xff\xff" + bytes(6), 9, 1) for i in range(99)
    ]
    assert write(device, TERNARY, *more) == []  # what both have may change, and grow, meanwhile
    device.call("device_replace", id=1, **{"from": STAGED})
    assert where(device, frame(A)) == 1
    assert where(device, frame(A, A, 98)) == 1
    assert where(device, frame(A, A)) == 2
    assert read(device, TERNARY, 24)[RULE][0] == 2
    assert list(device.devices()) == [1]
    device.again()
    assert where(device, frame(A)) == 1
    assert len(read(device, TERNARY, 24)) == 100


def test_a_staged_device_has_no_ports_and_goes_with_the_other(
    device: process.Process, switch: artifact.Artifact
) -> None:
    staged(device, switch)
    device.call("port_add", name="r9", kind="ring")
    with pytest.raises(dataplane.RefusedError, match="busy"):
        device.call("wire", device=STAGED, port=9, name="r9")
    device.put("device_add", 2, switch)
    with pytest.raises(dataplane.RefusedError, match="staged for another"):
        device.call("device_replace", id=2, **{"from": STAGED})
    device.call("device_remove", id=STAGED)
    assert where(device, frame(A, A)) == 2
    staged(device, switch)
    device.again()  # nobody would know whether it was filled
    assert sorted(device.devices()) == [1, 2]
    staged(device, switch)
    device.call("device_remove", id=1)
    assert list(device.devices()) == [2]
