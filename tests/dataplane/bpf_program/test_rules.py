"""A full rule table of the firewall: as many rules and masks as target ebpf takes."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from p4kube_core.compiler import driver
from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.ir import program as ir
from tests.dataplane.bpf_program import kernel
from tests.dataplane.program import test_malformed

pytestmark = pytest.mark.needs_root

RULES = 4096
MASKS = 128
FIREWALL = Path(__file__).parents[3] / "p4nf" / "firewall" / "firewall.p4"

Rule = tuple[int, int, bool]  # value and mask of the source address, whether it is let through


def packet(source: int) -> bytes:
    udp = struct.pack(">HHHH", 1234, 53, 15, 0) + b"payload"
    plain = bytearray(bytes.fromhex("0200000000010200000000020800") + test_malformed.ipv4(17, udp))
    plain[26:30] = struct.pack(">I", source)
    plain[24:26] = bytes(2)
    total = sum(struct.unpack(">10H", plain[14:34]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    plain[24:26] = struct.pack(">H", total ^ 0xFFFF)
    return bytes(plain)


def rules(rng: random.Random) -> list[Rule]:
    """The later a rule, the higher its priority; as many masks as there may be."""
    masks = [rng.getrandbits(32) | 0x80000000 for _ in range(MASKS)]
    made: list[Rule] = []
    for number in range(RULES):
        mask = masks[number % MASKS]
        made.append((rng.getrandbits(32) & mask, mask, bool(rng.randrange(2))))
    return made


def fill(program: ir.Program, loaded: kernel.Program, wanted: list[Rule]) -> None:
    laid_out = layout.lay_out(program)
    table = laid_out.table("ingress.acl4")
    actions = {a.action.control_name: a for a in laid_out.actions}
    for priority, (value, mask, passes) in enumerate(wanted, start=1):
        action = actions["ingress.allow" if passes else "ingress.deny"]
        others: list[ir.Keyset] = [ir.AnyValue()] * 5
        keysets = (ir.AnyValue(), ir.Masked(value, mask), *others)
        entry = ir.Entry(keysets, ir.ActionCall(action.action.name, ()), priority, program.span)
        assert loaded.insert(table.index, layout.record(table, action, entry)) in (0, -17)


def test_of_4096_rules_with_128_masks_the_highest_priority_wins() -> None:
    program = driver.compile(FIREWALL).program
    loaded = kernel.Program(program)
    rng = random.Random(3)
    wanted = rules(rng)
    fill(program, loaded, wanted)
    for _ in range(500):
        value, mask, _ = rng.choice(wanted)
        source = value | rng.getrandbits(32) & ~mask
        passes = next((p for v, m, p in reversed(wanted) if source & m == v), False)
        assert loaded.send(packet(source)).dropped != passes, hex(source)
