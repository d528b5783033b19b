"""Ranges: an entry is several in the kernel, and one to whoever reads it."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import conftest, process
from tests.dataplane.daemon import dataplane

Range = tuple[int, int]
ALL: Range = (0, 0xFFFF)


@dataclass(frozen=True)
class Rule:
    a: Range
    b: Range
    kind: int  # of the packet's type, under the mask
    mask: int
    priority: int
    port: int

    def record(self) -> bytes:
        lows = struct.pack("!HHH", self.a[0], self.kind, self.b[0])
        highs = struct.pack("!HHH", self.a[1], self.mask, self.b[1])
        return lows + highs + struct.pack("!IHH", self.priority, 0, self.port)

    def meets(self, a: int, b: int, kind: int) -> bool:
        within = self.a[0] <= a <= self.a[1] and self.b[0] <= b <= self.b[1]
        return within and kind & self.mask == self.kind


@pytest.fixture(scope="session")
def program() -> artifact.Artifact:
    return process.compiled(conftest.PROGRAMS / "ranges.p4")


@pytest.fixture
def device(bpf: process.Process, program: artifact.Artifact) -> process.Process:
    bpf.put("device_add", 1, program)
    bpf.rings(1, 1, 2, 3)
    return bpf


def write(bpf: dataplane.Client, mode: str, *rules: Rule) -> list[list[object]]:
    blob = b"".join(rule.record() for rule in rules)
    answer, _ = bpf.call("entries_write", blob, device=1, table=0, mode=mode, count=len(rules))
    failed: list[list[object]] = answer["failed"]
    return failed


def read(bpf: dataplane.Client) -> dict[bytes, int]:
    """Records, and the packets of each."""
    answer, blob = bpf.call("entries_read", device=1, table=0)
    each = 20 + 16
    assert len(blob) == answer["count"] * each
    pieces = [blob[at : at + each] for at in range(0, len(blob), each)]
    return {piece[:20]: int.from_bytes(piece[20:28], "big") for piece in pieces}


def where(bpf: dataplane.Client, a: int, b: int, kind: int) -> int | None:
    bpf.inject("r1", bytes(6) + struct.pack("!HHHH", a, b, 0, kind))
    left = [port for port in (1, 2, 3) if bpf.collect(f"r{port}")]
    assert len(left) <= 1
    return left[0] if left else None


def test_both_ends_are_within(device: process.Process) -> None:
    assert write(device, "insert", Rule((1000, 2999), (7, 7), 0, 0, 1, 2)) == []
    assert [where(device, a, 7, 5) for a in (999, 1000, 2048, 2999, 3000)] == [None, 2, 2, 2, None]
    assert [where(device, 1500, b, 5) for b in (6, 8)] == [None, None]
    assert write(device, "insert", Rule(ALL, ALL, 0x88B5, 0xFFFF, 2, 3)) == []
    assert where(device, 1500, 7, 0x88B5) == where(device, 0, 0xFFFF, 0x88B5) == 3
    assert where(device, 1500, 7, 5) == 2
    assert list(read(device).values()) == [4, 2]
    assert write(device, "modify", Rule((1000, 2999), (7, 7), 0, 0, 1, 1)) == []
    assert where(device, 2998, 7, 5) == 1
    assert write(device, "delete", Rule((1000, 2999), (7, 7), 0, 0, 1, 0)) == []
    assert where(device, 2048, 7, 5) is None
    assert len(read(device)) == 1


def test_another_process_finds_them_as_they_were_written(device: process.Process) -> None:
    rules = [Rule((10 * i, 10 * i + 7), (i, 9000), 0, 0, i + 1, 2) for i in range(8)]
    assert write(device, "insert", *rules) == []
    assert where(device, 33, 5000, 1) == 2
    before = read(device)
    assert before[rules[3].record()] == 1
    device.again()
    assert read(device) == before
    assert where(device, 33, 5000, 1) == 2
    assert read(device)[rules[3].record()] == 2
    assert write(device, "delete", *rules) == []
    assert read(device) == {}
    assert where(device, 33, 5000, 1) is None


def test_a_range_that_a_killed_process_had_written_in_part_is_whole_again(
    device: process.Process,
) -> None:
    ends = (1000, 1100, 1600, 2047, 2048, 2900, 2999)
    assert write(device, "insert", Rule((1000, 2999), ALL, 0, 0, 1, 2)) == []
    assert process.forget_keys(device.process.pid, "p4k_table", keep=1) > 1
    assert [where(device, a, 7, 5) for a in ends].count(None) > 3
    device.again()
    assert [where(device, a, 7, 5) for a in ends] == [2] * len(ends)
    assert where(device, 999, 7, 5) is where(device, 3000, 7, 5) is None


def test_too_many_masks_or_parts_are_refused_whole(device: process.Process) -> None:
    wide = Rule((1, 0xFFFE), (1, 0xFFFE), 0, 0, 1, 2)  # 30 prefixes of 15 masks, twice
    assert write(device, "insert", wide)[0][1] == "full"
    assert read(device) == {}
    several = [Rule((1, 0xFFFE), (0, 0xFFFF >> i), 0, 0, 1, 2) for i in range(9)]
    failed = write(device, "insert", *several)
    assert [position for position, *_ in failed] == [8]
    assert len(read(device)) == 8
    assert where(device, 700, 700, 1) == 2
    assert write(device, "insert", Rule((5, 3), ALL, 0, 0, 1, 2))[0][1] == "invalid"


def test_random_rules_agree_with_a_list(device: process.Process) -> None:
    rng = random.Random(11)

    def within(most: int) -> Range:
        low, high = sorted((rng.randrange(most), rng.randrange(most)))
        return low, high

    held: dict[bytes, Rule] = {}
    for turn in range(200):
        mask = rng.choice([0, 0xFFFF])
        rule = Rule(
            within(40),
            rng.choice([ALL, within(16)]),
            3 & mask,
            mask,
            turn + 1,
            rng.choice([1, 2, 3]),
        )
        if write(device, "insert", rule) == []:
            held[rule.record()] = rule
        if len(held) > 40 or turn % 3 == 0:
            gone = rng.choice(sorted(held))
            assert write(device, "delete", held.pop(gone)) == []
        if turn == 120:
            assert set(read(device)) == set(held)
        a, b, kind = rng.randrange(42), rng.randrange(18), rng.choice([3, 4])
        meeting = [rule for rule in held.values() if rule.meets(a, b, kind)]
        wanted = max(meeting, key=lambda rule: rule.priority).port if meeting else None
        assert where(device, a, b, kind) == wanted
    assert len(held) > 20
