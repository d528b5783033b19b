"""What outlives packets, or tells the control plane of them: meters, digests, registers."""

from __future__ import annotations

import struct

import pytest

from p4kube_core.compiler.ir import program as ir
from tests.dataplane.program import harness
from tests.dataplane.program import test_language as language
from tests.dataplane.program.compiled import Compiled
from tests.dataplane.program.test_language import data, load

GREEN, YELLOW, RED = range(3)
NEVER = (0, 2, 0, 3)  # two packets green, one yellow, all others red
SECOND = 1_000_000_000


def colour(program: Compiled, packet: bytes) -> int:
    """What the program left in the byte `b`."""
    return program.send(packet).data[1]


METER = "meter(8, MeterType.packets) m;"
EXECUTE = "m.execute_meter(hdr.h.d, hdr.h.b);"


def test_packets_beyond_the_bursts_are_yellow_and_then_red() -> None:
    program = load(ingress_locals=METER, ingress=EXECUTE)
    program.meter("my_ingress.m", 5, *NEVER)
    assert [colour(program, data(d=5)) for _ in range(5)] == [GREEN, GREEN, YELLOW, RED, RED]


def test_each_cell_has_buckets_of_its_own_and_is_green_without_rates() -> None:
    program = load(ingress_locals=METER, ingress=EXECUTE)
    program.meter("my_ingress.m", 5, 0, 0, 0, 0)
    program.meter("my_ingress.m", 6, 0, 1, 0, 1)
    assert [colour(program, data(d=n)) for n in (5, 6, 6, 7, 7)] == [RED, GREEN, RED, GREEN, GREEN]


@pytest.mark.parametrize("index", [8, 9, 0x8000_0005, 0xFFFF_FFFF])
def test_beyond_the_meter_every_packet_is_green_and_no_cell_is_charged(index: int) -> None:
    program = load(ingress_locals=METER, ingress=EXECUTE)
    for cell in range(8):
        program.meter("my_ingress.m", cell, 0, 0, 0, 0)
    assert {colour(program, data(d=index)) for _ in range(9)} == {GREEN}


def test_a_meter_of_bytes_charges_the_length_as_the_packet_came_in() -> None:
    program = load(
        ingress_locals="meter(8, MeterType.bytes) m;",
        ingress=EXECUTE + " hdr.w.setValid();",
    )
    program.meter("my_ingress.m", 0, 0, 20, 0, 29)
    packet = data()  # eight bytes
    longer = packet + bytes(5)
    assert [colour(program, p) for p in (packet, packet, packet, longer)] == [
        GREEN,
        GREEN,
        YELLOW,  # 4 are left of 20, 13 of 29
        RED,
    ]


@pytest.mark.dpdk_alone
def test_buckets_fill_as_time_goes_by() -> None:
    program = load(ingress_locals=METER, ingress=EXECUTE)
    program.meter("my_ingress.m", 0, 1000, 1, 2000, 1)
    seen = []
    for half_ms in range(6):
        assert isinstance(program.program, harness.Program)
        program.program.set_time(SECOND + half_ms * SECOND // 2000)
        seen.append([colour(program, data()) for _ in range(2)])
    assert seen == 3 * [[GREEN, RED], [YELLOW, RED]]


@pytest.mark.parametrize(
    ("declared", "stored", "wanted"),
    [
        ("bit<1> x;", "hdr.h.b = (bit<8>)x;", [0, 0, 1, 0]),
        ("bit<2> x;", "hdr.h.b = (bit<8>)x;", [0, 0, 1, 2]),
        ("bit<48> x;", "hdr.h.b = x[7:0];", [0, 0, 1, 2]),
        ("int<5> x;", "hdr.h.b = (bit<8>)(bit<5>)x;", [0, 0, 1, 2]),
        ("bit<128> x;", "hdr.h.b = (bit<8>)x;", [0, 0, 1, 2]),
    ],
)
def test_a_colour_fits_results_of_any_width(declared: str, stored: str, wanted: list[int]) -> None:
    execute = f"{declared} m.execute_meter(0, x); {stored}"
    program = load(ingress_locals=METER, ingress=execute)
    program.meter("my_ingress.m", 0, *NEVER)
    assert [colour(program, data()) for _ in range(4)] == wanted


def test_a_colour_is_put_into_a_slice() -> None:
    program = load(ingress_locals=METER, ingress="m.execute_meter(0, hdr.h.b[5:4]);")
    program.meter("my_ingress.m", 0, *NEVER)
    packet = data(b=0xFF)
    assert [colour(program, packet) for _ in range(4)] == [0xCF, 0xCF, 0xDF, 0xEF]


DIRECT = """
    direct_meter<bit<8>>(MeterType.packets) rates;
    action coloured(bit<8> a) { rates.read(hdr.h.b); hdr.h.a = a; }
    action plain() { hdr.h.b = 9; }
    table t {
        key = { hdr.h.d: exact; }
        actions = { coloured; plain; }
        default_action = coloured(7);
        meters = rates;
    }
"""


def test_each_entry_has_a_cell_of_a_direct_meter() -> None:
    program = load(ingress_locals=DIRECT, ingress="t.apply();")
    entries = [program.add("my_ingress.t", (n,), "my_ingress.coloured", n) for n in (1, 2, 3)]
    plain = program.add("my_ingress.t", (4,), "my_ingress.plain")
    program.direct_meter("my_ingress.rates", entries[0], 0, 1, 0, 1)
    program.direct_meter("my_ingress.rates", entries[1], *NEVER)
    program.direct_meter("my_ingress.rates", plain, 0, 0, 0, 0)
    assert [colour(program, data(d=1)) for _ in range(2)] == [GREEN, RED]
    assert [colour(program, data(d=2)) for _ in range(4)] == [GREEN, GREEN, YELLOW, RED]
    assert [colour(program, data(d=3)) for _ in range(2)] == [GREEN, GREEN]
    assert colour(program, data(d=4)) == 9


def test_the_default_entry_has_no_rates_and_is_green() -> None:
    program = load(ingress_locals=DIRECT, ingress="t.apply();")
    packet = program.send(data(d=5)).data
    assert (packet[0], packet[1]) == (7, GREEN)


# Digests.


def test_a_digest_of_a_struct_has_the_values_at_the_call() -> None:
    program = load(
        declarations="struct seen_t { bit<9> port; bit<32> d; bool flag; int<8> i; bit<128> x; }",
        ingress="""
            hdr.w.setValid();
            hdr.w.x = 128w1 << 100;
            if (hdr.h.a == 1) {
                digest<seen_t>(1, {sm.ingress_port, hdr.h.d, hdr.h.b == 0, -2, hdr.w.x});
            }
            hdr.h.d = 0; hdr.w.x = 0;
        """,
    )
    program.send(data(a=1, d=0xDEADBEEF), port=300)
    program.send(data(a=2))
    program.send(data(a=1, b=1))
    seen = [("seen_t", {"port": 300, "d": 0xDEADBEEF, "flag": 1, "i": 0xFE, "x": 1 << 100})]
    seen += [("seen_t", {"port": 1, "d": 0, "flag": 0, "i": 0xFE, "x": 1 << 100})]
    assert program.digests() == seen
    assert program.digests() == []


def test_a_digest_of_a_header_says_whether_it_was_there() -> None:
    program = load(ingress="digest(1, hdr.h); digest(1, hdr.g);")
    program.send(data(1, 2, 3, 4))
    assert program.digests() == [
        ("data_t", {"$valid$": 1, "a": 1, "b": 2, "c": 3, "d": 4}),
        ("data_t", {"$valid$": 0, "a": 0, "b": 0, "c": 0, "d": 0}),
    ]


def test_digests_of_lists_scalars_and_structs_in_structs() -> None:
    program = load(
        declarations="struct inner_t { bit<4> x; data_t h; } struct outer_t { inner_t i; bool f; }",
        ingress_locals="outer_t o; tuple<bit<8>, bit<16>> pair;",
        ingress="""
            o.i.x = hdr.h.a[3:0]; o.i.h = hdr.h; o.f = true;
            pair = {hdr.h.a, hdr.h.c};
            digest(1, o); digest(1, pair); digest(1, {hdr.h.b, hdr.h.a}); digest(1, hdr.h.c);
        """,
    )
    program.send(data(0x51, 2, 3, 4))
    outer, pair, listed, scalar = program.digests()
    wanted = {"i.x": 1, "i.h.$valid$": 1, "i.h.a": 0x51, "i.h.b": 2, "i.h.c": 3, "i.h.d": 4, "f": 1}
    assert outer == ("outer_t", wanted)
    assert pair[1] == {"f0": 0x51, "f1": 3}
    assert listed[1] == {"f0": 2, "f1": 0x51}
    assert scalar[1] == {"value": 3}


def test_a_digest_in_an_action_has_its_parameters() -> None:
    program = load(
        declarations="struct learn_t { bit<32> key; bit<16> param; }",
        ingress_locals="""
            action learn(bit<16> p) { digest<learn_t>(0, {hdr.h.d, p}); hdr.h.d = 1; }
            table t { key = { hdr.h.a: exact; } actions = { learn; NoAction; } }
        """,
        ingress="t.apply();",
    )
    program.add("my_ingress.t", (1,), "my_ingress.learn", 0x1234)
    assert struct.unpack(">I", program.send(data(a=1, d=77)).data[4:])[0] == 1
    program.send(data(a=2, d=78))
    assert program.digests() == [("learn_t", {"key": 77, "param": 0x1234})]


def test_what_a_digest_calls_is_run_once_and_in_order() -> None:
    program = load(
        declarations="""
            bit<8> grow(inout bit<8> x) { x = x + 1; return x; }
        """,
        ingress="digest(1, {hdr.h.a, grow(hdr.h.a), hdr.h.a, grow(hdr.h.a)});",
    )
    assert program.send(data(a=5)).data[0] == 7
    assert program.digests()[0][1] == {"f0": 5, "f1": 6, "f2": 6, "f3": 7}


def test_digests_that_find_no_room_are_counted_and_packets_pass() -> None:
    program = load(ingress=" ".join(["digest(1, hdr.h.d);"] * 16))
    sent = 0
    while not program.program.lost():
        assert program.send(data(d=sent)).port == 1
        sent += 1
    lost = program.program.lost()
    seen = [values["value"] for _, values in program.digests()]
    assert len(seen) + lost == 16 * sent
    assert seen == [number // 16 for number in range(len(seen))]
    program.send(data(d=7))
    assert len(program.digests()) == 16


# Ranges and optional fields.

RANKED = """
    table t {
        key = { hdr.h.c: range; hdr.h.a: optional; hdr.h.d: ternary; }
        actions = { set; NoAction; }
    }
"""
SET = "my_ingress.set"


def test_a_range_matches_both_ends_and_all_between() -> None:
    program = load(ingress_locals=language.ACTIONS + RANKED, ingress="t.apply();")
    ports = ir.Between(1024, 5000)
    others = (ir.AnyValue(), ir.AnyValue())
    program.add("my_ingress.t", (ports, *others), SET, 1, priority=1)
    for c, hit in ((0, 0), (1023, 0), (1024, 1), (1025, 1), (4096, 1), (5000, 1), (5001, 0)):
        assert program.send(data(c=c)).data[4:] == bytes([0, 0, 0, hit]), c


def test_of_overlapping_ranges_the_higher_priority_wins() -> None:
    program = load(ingress_locals=language.ACTIONS + RANKED, ingress="t.apply();")
    for low, high, priority in ((0, 0xFFFF, 1), (10, 20, 3), (15, 30, 2), (17, 17, 4)):
        keysets = (ir.Between(low, high), ir.AnyValue(), ir.AnyValue())
        program.add("my_ingress.t", keysets, SET, priority, priority=priority)
    found = [program.send(data(c=c)).data[7] for c in (9, 10, 16, 17, 18, 20, 21, 30, 31)]
    assert found == [1, 3, 3, 4, 3, 3, 2, 2, 1]


def test_an_optional_field_is_matched_wholly_or_not_at_all() -> None:
    program = load(ingress_locals=language.ACTIONS + RANKED, ingress="t.apply();")
    every = ir.AnyValue()
    program.add("my_ingress.t", (every, every, every), SET, 1, priority=1)
    program.add("my_ingress.t", (every, 0x50, every), SET, 2, priority=2)
    assert [program.send(data(a=a)).data[7] for a in (0x50, 0x51, 0x40, 0)] == [2, 1, 1, 1]


def test_entries_of_the_program_with_ranges_and_optional_fields() -> None:
    program = load(
        ingress_locals=language.ACTIONS
        + """
        table u {
            key = { hdr.h.c: range; hdr.h.a: optional; hdr.h.b: exact; }
            actions = { set; NoAction; }
            const entries = {
                (10 .. 99, _, 1): set(1);
                (50, 7, 2): set(2);
                (_, 7, 2): set(3);
                (_, _, 2): set(4);
            }
        }
        """,
        ingress="u.apply();",
    )
    packets = [(7, 1, 9), (7, 1, 10), (0, 1, 99), (7, 2, 50), (7, 2, 51), (8, 2, 50), (7, 3, 50)]
    found = [program.send(data(a=a, b=b, c=c)).data[7] for a, b, c in packets]
    assert found == [0, 1, 1, 2, 3, 4, 0]


@pytest.mark.parametrize("width", [1, 7, 16, 33, 64, 100, 128])
def test_ranges_of_any_width(width: int) -> None:
    highest = (1 << width) - 1
    program = load(
        parser="state start { packet.extract(hdr.h); packet.extract(hdr.w); transition accept; }",
        ingress_locals=language.ACTIONS
        + f"""
        table t {{
            key = {{ hdr.w.x[{width - 1}:0]: range @name("x"); }}
            actions = {{ set; NoAction; }}
        }}
        """,
        ingress="t.apply();",
    )
    low, high = highest // 3, highest - highest // 5
    program.add("my_ingress.t", (ir.Between(low, high),), SET, 1, priority=1)
    for x in {0, low - 1, low, (low + high) // 2, high, high + 1, highest}:
        if 0 <= x <= highest:
            packet = data() + x.to_bytes(16, "big")
            assert program.send(packet).data[7] == (low <= x <= high), x
