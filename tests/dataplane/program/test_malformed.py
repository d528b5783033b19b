"""Mutated and truncated packets through the catalogue's functions and more, under sanitizers."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.ir import program as ir
from tests import built
from tests.dataplane.program import compiled, harness

FUNCTIONS = [
    *sorted(Path(__file__).parents[3].glob("p4nf/*/*.p4")),
    *sorted(Path(__file__).parent.glob("programs/*.p4")),
]
PACKETS = 100_000
ENTRIES = 200  # a table


def pieces(parts: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(part)) + part for part in parts)


def ipv4(protocol: int, body: bytes, options: bytes = b"", fragment: int = 0) -> bytes:
    head = struct.pack(
        ">BBHHHBBHII",
        0x40 | (5 + len(options) // 4),
        0,
        20 + len(options) + len(body),
        1,
        fragment,
        64,
        protocol,
        0,
        0x0A000001,
        0x0A000002,
    )
    data = head + options
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return data[:10] + struct.pack(">H", total ^ 0xFFFF) + data[12:] + body


def packets() -> list[bytes]:
    """Of every kind that the functions know, well formed."""
    macs = bytes.fromhex("020000000001020000000002")
    tcp = struct.pack(">HHIIBBHHH", 1234, 80, 1, 2, 0x50, 0x18, 1000, 0, 0) + b"payload"
    udp = struct.pack(">HHHH", 1234, 53, 15, 0) + b"payload"
    arp = bytes.fromhex("00010800060400010200000000010a0000010000000000000a000002")
    ipv6 = struct.pack(">IHBB", 6 << 28, len(udp), 17, 64) + bytes(15) + b"\1" + bytes(15) + b"\2"
    bodies = [
        (0x0800, ipv4(6, tcp)),
        (0x0800, ipv4(17, udp)),
        (0x0800, ipv4(1, b"\x08\0\0\0\0\1\0\1ping")),
        (0x0800, ipv4(17, udp, options=b"\1" * 40)),
        (0x0800, ipv4(6, tcp, options=b"\1" * 12)),
        (0x0800, ipv4(17, b"fragment", fragment=0x2001)),
        (0x86DD, ipv6 + udp),
        (0x0806, arp),
        (0x88CC, b"\x02\x07\x04"),
    ]
    plain = [macs + struct.pack(">H", kind) + body for kind, body in bodies]
    tagged = [macs + b"\x81\0\0\x05" + p[12:] for p in plain]
    labels = [b"\0\0\x10\x40" * n + b"\0\0\x21\x40" for n in range(6)]
    labelled = [macs + b"\x88\x47" + stack + ipv4(17, udp) for stack in labels]
    odd = [macs + b"\x88\xcc" + bytes([8 * n]) + bytes(range(64)) for n in range(5)]
    return plain + tagged + labelled + odd


def entries(program: ir.Program) -> list[bytes]:
    """Random ones for every table; ternary ones with few masks, so that packets hit."""
    rng = random.Random(7)
    laid_out = layout.lay_out(program)
    found: list[bytes] = []
    for table in laid_out.tables:
        actions = [a.action for a in table.table.actions if not a.default_only]
        if not table.fields or table.table.const_entries or not actions:
            continue
        for priority in range(min(ENTRIES, table.table.size)):
            action = laid_out.action(rng.choice(actions))
            call = ir.ActionCall(
                action.action.name, tuple(rng.getrandbits(f.width_bits) for f in action.fields)
            )
            keysets = tuple(
                keyset(rng, key.kind, layout.width_bits(key.expression.type))
                for key in table.table.keys
            )
            if all(isinstance(k, ir.Masked) and k.mask == 0 for k in keysets):
                continue  # it would hide all that stand behind it
            made = ir.Entry(keysets, call, priority + 1, program.span)
            record = layout.record(table, action, made)
            found.append(struct.pack(">H", table.index) + record)
    return found


def keyset(rng: random.Random, kind: ir.MatchKind, width: int) -> ir.Keyset:
    likely = [0, 1, 2, 6, 17, 53, 80, 0x800, 0x8847, 0x88CC, 0xA000001, 0xA000002, 0x20000000001]
    value = rng.choice([*likely, rng.getrandbits(width)]) & ((1 << width) - 1)
    if kind is ir.MatchKind.EXACT:
        return ir.Exactly(value)
    bits = rng.choice([0, width // 2, width])
    mask = ((1 << bits) - 1) << (width - bits)
    if kind is ir.MatchKind.RANGE:
        return ir.Between(value & mask, value | ~mask & ((1 << width) - 1))
    return ir.Masked(value & mask, mask)


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.stem)
def test_no_packet_makes_it_read_or_write_elsewhere(path: Path, tmp_path: Path) -> None:
    program = compiled.to_ir(path)
    (tmp_path / "packets").write_bytes(pieces(packets()))
    (tmp_path / "records").write_bytes(pieces(entries(program)))
    command = (*harness.CC, *harness.SANITIZED, "-march=x86-64-v2", "-ldl")
    sources = [harness.HERE / name for name in ("harness.c", "fuzz.c")]
    code: list[Path | str] = [compiled.to_c(program), *sources, *harness.runtime_sources()]
    fuzz = built.build("fuzz", command, code)
    arguments = [str(tmp_path / "packets"), str(tmp_path / "records"), str(PACKETS), "1"]
    said = harness.run([str(fuzz), *arguments]).splitlines()[-1].split()
    numbers = dict(zip(said[::2], map(int, said[1::2]), strict=True))
    assert numbers["passed"] + numbers["dropped"] == PACKETS
    assert numbers["dropped"] == sum(
        numbers[reason] for reason in ("malformed", "ingress", "egress", "no_room")
    )
