"""Random packets through the functions of the catalogue: target ebpf does what dpdk does."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from p4kube_core.compiler import driver
from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.backends.dpdk import program as programs
from p4kube_core.compiler.ir import program as ir
from tests.dataplane.bpf_program import kernel
from tests.dataplane.program import harness, test_malformed

pytestmark = pytest.mark.needs_root

NAMES = ("firewall", "l2fwd", "portfwd", "rate-limiter", "telemetry")
PACKETS = 3000
MASKS = 100


def function(name: str) -> ir.Program:
    return driver.compile(Path(__file__).parents[3] / "p4nf" / name / f"{name}.p4").program


def mutated(rng: random.Random, packets: list[bytes]) -> bytes:
    packet = bytearray(rng.choice(packets))
    if rng.randrange(3):
        for _ in range(rng.randrange(4)):
            packet[rng.randrange(len(packet))] = rng.randrange(256)
    if rng.randrange(4) == 0:
        del packet[rng.randrange(1, len(packet)) :]
    return bytes(packet)


def fill(program: ir.Program, one: harness.Program, other: kernel.Program) -> None:
    """The same random entries for both; of ternary ones at most MASKS masks a table."""
    laid_out = layout.lay_out(program)
    masks: dict[int, set[bytes]] = {}
    for piece in test_malformed.entries(program):
        (index,) = struct.unpack(">H", piece[:2])
        of, record = laid_out.tables[index], piece[2:]
        if of.kind is layout.TableKind.TERNARY:
            known = masks.setdefault(index, set())
            mask = record[of.key_bytes : 2 * of.key_bytes]
            if mask not in known and len(known) == MASKS:
                continue
            known.add(mask)
        if one.insert(index, record) == 0:
            assert other.insert(index, record) == 0


@pytest.mark.parametrize("name", NAMES)
def test_both_targets_give_equal_bytes_verdicts_and_counts(name: str) -> None:
    program = function(name)
    one = harness.Program(programs.write(programs.make(program)))
    other = kernel.Program(program)
    fill(program, one, other)
    rng = random.Random(11)
    passed = 0
    packets = test_malformed.packets()
    for _ in range(PACKETS):
        packet, port = mutated(rng, packets), rng.choice([1, 2])
        wanted, found = one.send(packet, port), other.send(packet, port)
        assert found.port == wanted.port, packet.hex()
        if not wanted.dropped:
            passed += 1
            assert found.data == wanted.data, packet.hex()
    assert passed
    assert other.drops() == one.drops()
    for index, counter in enumerate(program.counters):
        if counter.table is None and not counter.automatic:
            for cell in range(min(counter.size, 16)):
                assert other.counter(index, cell) == one.counter(index, cell)
