"""What each construct of the language does to a packet: P4 source in, packets through."""

from __future__ import annotations

import struct

import pytest

from p4kube_core.compiler.ir import program as ir
from tests.dataplane.program import harness
from tests.dataplane.program.compiled import Compiled

PRELUDE = """
#include <core.p4>
#include <v1model.p4>
header data_t { bit<8> a; bit<8> b; bit<16> c; bit<32> d; }
header wide_t { bit<128> x; }
header v_t { bit<16> sum; varbit<64> v; bit<4> x; bit<4> y; }
header options_t { varbit<64> all; }
header label_t { bit<7> value; bit<1> bottom; }
struct headers_t { data_t h; data_t g; wide_t w; label_t[3] labels; v_t v; v_t u; options_t o; }
struct metadata_t { bit<32> m; bit<16> n; bool flag; }
"""

DEFAULTS = {
    "declarations": "",
    "parser": "state start { packet.extract(hdr.h); transition accept; }",
    "verify": "",
    "ingress_locals": "",
    "ingress": "",
    "egress_locals": "",
    "egress": "",
    "compute": "",
    "deparser": "packet.emit(hdr.h); packet.emit(hdr.g); packet.emit(hdr.w);"
    " packet.emit(hdr.labels);",
}

TEMPLATE = """
parser my_parser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                 inout standard_metadata_t sm) { %(parser)s }
control my_verify(inout headers_t hdr, inout metadata_t meta) { apply { %(verify)s } }
control my_ingress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    %(ingress_locals)s
    apply { sm.egress_spec = 1; %(ingress)s }
}
control my_egress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    %(egress_locals)s
    apply { %(egress)s }
}
control my_compute(inout headers_t hdr, inout metadata_t meta) { apply { %(compute)s } }
control my_deparser(packet_out packet, in headers_t hdr) { apply { %(deparser)s } }
V1Switch(my_parser(), my_verify(), my_ingress(), my_egress(), my_compute(), my_deparser()) main;
"""


def load(**parts: str) -> Compiled:
    chosen = {**DEFAULTS, **parts}
    return Compiled(PRELUDE + chosen["declarations"] + TEMPLATE % chosen)


def data(a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> bytes:
    return struct.pack(">BBHI", a, b, c, d)


def changed(ingress: str, packet: bytes, ingress_locals: str = "", declarations: str = "") -> bytes:
    """What comes out of a program with that ingress."""
    program = load(ingress=ingress, ingress_locals=ingress_locals, declarations=declarations)
    return program.send(packet).data


ACTIONS = """
    action set(bit<32> x) { hdr.h.d = x; }
    action to(bit<9> port) { sm.egress_spec = port; }
    action drop() { mark_to_drop(sm); }
"""


# Tables.


def test_an_exact_table_of_several_keys() -> None:
    p = load(
        ingress_locals=ACTIONS
        + """
        table t { key = { hdr.h.a: exact; hdr.h.c: exact; hdr.h.d: exact; meta.flag: exact; }
                  actions = { to; drop; } default_action = drop(); size = 16; }""",
        ingress="meta.flag = hdr.h.b == 1; t.apply();",
    )
    p.add("my_ingress.t", (1, 2, 3, 1), "my_ingress.to", 300)
    assert p.send(data(1, 1, 2, 3)).port == 300
    assert p.send(data(1, 0, 2, 3)).dropped
    assert p.send(data(1, 1, 2, 4)).dropped
    assert p.drops() == {"ingress": 2}


def test_a_key_of_128_bits() -> None:
    p = load(
        parser="state start { packet.extract(hdr.h); packet.extract(hdr.w); transition accept; }",
        ingress_locals=ACTIONS
        + """
        table t { key = { hdr.h.a: exact; hdr.w.x: exact; } actions = { to; drop; }
                  default_action = drop(); }""",
        ingress="t.apply();",
    )
    x = int.from_bytes(bytes(range(16)), "big")
    p.add("my_ingress.t", (9, x), "my_ingress.to", 2)
    assert p.send(data(9) + bytes(range(16))).port == 2
    assert p.send(data(9) + bytes(range(1, 17))).dropped


def test_the_longest_prefix_wins_behind_an_exact_key() -> None:
    p = load(
        ingress_locals=ACTIONS
        + """
        table t { key = { hdr.h.d: lpm; hdr.h.a: exact; } actions = { to; drop; }
                  default_action = drop(); }""",
        ingress="t.apply();",
    )
    p.add("my_ingress.t", (ir.Masked(0x0A000000, 0xFF000000), 1), "my_ingress.to", 8)
    p.add("my_ingress.t", (ir.Masked(0x0A010000, 0xFFFF0000), 1), "my_ingress.to", 16)
    p.add("my_ingress.t", (ir.AnyValue(), 2), "my_ingress.to", 5)
    assert p.send(data(1, d=0x0A020304)).port == 8
    assert p.send(data(1, d=0x0A010304)).port == 16
    assert p.send(data(2, d=0x0A010304)).port == 5
    assert p.send(data(1, d=0x0B000000)).dropped


def test_a_prefix_of_a_field_that_is_no_whole_byte() -> None:
    p = load(
        ingress_locals=ACTIONS
        + """
        table t { key = { hdr.h.c[11:0]: lpm @name("c"); } actions = { to; drop; }
                  default_action = drop(); }""",
        ingress="t.apply();",
    )
    p.add("my_ingress.t", (ir.Masked(0xA00, 0xF00),), "my_ingress.to", 4)
    p.add("my_ingress.t", (ir.Exactly(0xABC),), "my_ingress.to", 12)
    assert p.send(data(c=0x1A12)).port == 4
    assert p.send(data(c=0x0ABC)).port == 12
    assert p.send(data(c=0x0BBC)).dropped


def test_the_highest_priority_wins() -> None:
    p = load(
        ingress_locals=ACTIONS
        + """
        table t { key = { hdr.h.d: ternary; hdr.h.c: ternary; hdr.h.a: exact; }
                  actions = { to; drop; } default_action = drop(); }""",
        ingress="t.apply();",
    )
    any_ = ir.AnyValue()
    p.add("my_ingress.t", (any_, ir.Masked(1, 1), 0), "my_ingress.to", 10, priority=10)
    p.add(
        "my_ingress.t",
        (ir.Masked(0x0A000000, 0xFF000000), any_, 0),
        "my_ingress.to",
        20,
        priority=20,
    )
    assert p.send(data(c=3, d=0x0A000001)).port == 20
    assert p.send(data(c=3)).port == 10
    assert p.send(data(c=2)).dropped
    assert p.send(data(a=1, c=3)).dropped


def test_entries_of_the_program_and_its_default() -> None:
    p = load(
        ingress_locals=ACTIONS
        + """
        table t { key = { hdr.h.a: ternary; } actions = { to; set; }
                  const default_action = to(7);
                  const entries = { 1: to(3); 2 &&& 2: to(4); _: set(0xdead); } }""",
        ingress="t.apply();",
    )
    assert p.send(data(1)).port == 3
    assert p.send(data(3)).port == 4
    out = p.send(data(4))
    assert (out.port, out.data[4:8]) == (1, b"\0\0\xde\xad")


def test_a_default_with_arguments_and_a_new_one() -> None:
    p = load(
        ingress_locals=ACTIONS
        + """
        table t { key = { hdr.h.a: exact; } actions = { to; set; drop; }
                  default_action = to(7); }
        table empty { actions = { set; drop; } default_action = set(0x01020304); }""",
        ingress="t.apply(); empty.apply();",
    )
    out = p.send(data())
    assert (out.port, out.data[4:8]) == (7, b"\1\2\3\4")
    table = p.layout.table("my_ingress.t")
    drop = p.layout.action("my_ingress.drop")
    assert p.program.set_default(table.index, drop.index, bytes(table.data_bytes)) == 0
    assert p.send(data()).dropped


def test_hit_and_miss() -> None:
    p = load(
        ingress_locals=ACTIONS + "table t { key = { hdr.h.a: exact; } actions = { set; } }",
        ingress="if (t.apply().hit) { hdr.h.b = 1; } else { hdr.h.b = 2; }"
        " if (t.apply().miss) { hdr.h.c = 3; }",
    )
    p.add("my_ingress.t", (5,), "my_ingress.set", 6)
    assert p.send(data(5)).data == data(5, 1, 0, 6)
    assert p.send(data(4)).data == data(4, 2, 3, 0)


def test_a_switch_on_the_action_that_ran() -> None:
    p = load(
        ingress_locals=ACTIONS
        + "table t { key = { hdr.h.a: exact; } actions = { set; to; NoAction; } }",
        ingress="""switch (t.apply().action_run) {
            set: { hdr.h.b = 1; }
            to: { hdr.h.b = 2; }
            default: { hdr.h.b = 3; } }""",
    )
    p.add("my_ingress.t", (1,), "my_ingress.set", 6)
    p.add("my_ingress.t", (2,), "my_ingress.to", 6)
    assert [p.send(data(a)).data[1] for a in (1, 2, 3)] == [1, 2, 3]


def test_exit_ends_the_control_from_inside_an_action() -> None:
    p = load(
        ingress_locals="""
        action stop() { hdr.h.b = 1; exit; }
        action go() { hdr.h.b = 2; return; hdr.h.b = 9; }
        table t { key = { hdr.h.a: exact; } actions = { stop; go; } default_action = go(); }""",
        ingress="t.apply(); hdr.h.c = 7;",
        egress="hdr.h.d = 8;",
    )
    p.add("my_ingress.t", (1,), "my_ingress.stop")
    assert p.send(data(1)).data == data(1, 1, 0, 8)
    assert p.send(data(2)).data == data(2, 2, 7, 8)


# Counters.


def test_direct_counters_count_hits_and_the_default() -> None:
    p = load(
        ingress_locals=ACTIONS
        + """
        direct_counter(CounterType.packets_and_bytes) rules;
        table t { key = { hdr.h.a: exact; } actions = { to; drop; } default_action = drop();
                  counters = rules; size = 8; }""",
        ingress="t.apply();",
    )
    one = p.add("my_ingress.t", (1,), "my_ingress.to", 1)
    two = p.add("my_ingress.t", (2,), "my_ingress.to", 1)
    for packet in (data(1), data(1) + b"more", data(9)):
        p.send(packet)
    assert p.counter("my_ingress.rules", p.program.slot(*one)) == (2, 20)
    assert p.counter("my_ingress.rules", p.program.slot(*two)) == (0, 0)
    assert p.counter("my_ingress.rules", 8) == (1, 8)


def test_an_indexed_counter_ignores_what_is_out_of_range() -> None:
    p = load(
        ingress_locals="counter(4, CounterType.packets) c;",
        ingress="c.count((bit<32>)hdr.h.a);",
    )
    for a in (0, 3, 3, 4, 255):
        p.send(data(a) + b"xx")
    assert [p.counter("my_ingress.c", i) for i in range(5)] == [
        (1, 10), (0, 0), (0, 0), (2, 20), (0, 0),
    ]  # fmt: skip


# Ports, drops.


def test_egress_sees_the_port_and_may_drop() -> None:
    p = load(
        ingress="sm.egress_spec = 77;",
        egress="hdr.h.c = (bit<16>)sm.egress_port; if (hdr.h.a == 1) { mark_to_drop(sm); }",
    )
    out = p.send(data())
    assert (out.port, out.data) == (77, data(c=77))
    assert p.send(data(1)).dropped
    assert p.drops() == {"egress": 1}


def test_metadata_of_the_packet(target: str) -> None:
    out = changed(
        "hdr.h.a = (bit<8>)sm.ingress_port; hdr.h.d = sm.packet_length; hdr.h.c ="
        " (bit<16>)sm.ingress_global_timestamp[19:4];",
        data() + bytes(92),
    )
    assert (out[0], out[4:8]) == (1, struct.pack(">I", 100))
    if target == "dpdk":  # whose harness says what time it is
        assert out[2:4] == struct.pack(">H", 1000000 >> 4 & 0xFFFF)


def test_a_short_packet_goes_on_with_the_error() -> None:
    p = load(ingress="if (sm.parser_error == error.PacketTooShort) { sm.egress_spec = 5; }")
    out = p.send(b"short")
    assert (out.port, out.data) == (5, b"short")


def test_a_short_packet_is_dropped_where_the_program_does_not_look() -> None:
    p = load()
    assert p.send(b"short").dropped
    assert p.drops() == {"malformed": 1}


def test_verify_sets_its_error() -> None:
    p = load(
        declarations="error { Odd }",
        parser="""state start { packet.extract(hdr.h); verify(hdr.h.a[0:0] == 0, error.Odd);
                  transition accept; }""",
        ingress="if (sm.parser_error == error.Odd) { sm.egress_spec = 9; }"
        " if (hdr.h.b == 1) { mark_to_drop(sm); }",
    )
    assert p.send(data(1)).port == 9
    assert p.send(data(2)).port == 1
    assert p.send(data(1, 1)).dropped
    assert p.drops() == {"malformed": 1}


# Expressions and statements.


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        ("hdr.h.a = hdr.h.b |+| 200;", data(b=100), data(255, 100)),
        ("hdr.h.a = hdr.h.a |-| hdr.h.b;", data(3, 5), data(0, 5)),
        ("hdr.h.c[11:4] = hdr.h.a;", data(0xAB, c=0xFFFF), data(0xAB, c=0xFABF)),
        ("hdr.h.c = hdr.h.a ++ hdr.h.b;", data(1, 2), data(1, 2, 0x0102)),
        ("hdr.h.d = (bit<32>)(int<32>)(int<8>)hdr.h.a;", data(0x80), data(0x80, d=0xFFFFFF80)),
        ("hdr.h.a = (hdr.h.a > 5 ? hdr.h.b : 8w9);", data(6, 1), data(1, 1)),
        ("hdr.h.d = hdr.h.d << hdr.h.a;", data(32, d=1), data(32, d=0)),
        ("hdr.h.d = hdr.h.d * hdr.h.d;", data(d=0x10001), data(d=0x00020001)),
        ("if ((int<8>)hdr.h.a < 0) { hdr.h.b = 1; }", data(0x80), data(0x80, 1)),
        ("hdr.h.setInvalid();", data(1) + b"x", b"x"),
        ("hdr.g = hdr.h; hdr.h.a = 9;", data(1, 2), data(9, 2) + data(1, 2)),
        ("hdr.g.setValid(); hdr.g = { 1, 2, 3, 4 };", data(), data() + data(1, 2, 3, 4)),
        ("hdr.w.setValid(); hdr.w.x = ((bit<128>)hdr.h.d << 100) - 1;", data(d=1),
         data(d=1) + ((1 << 100) - 1).to_bytes(16, "big")),
        ("hdr.h.a = hdr.g.a + 1;", data(7), data(1)),
        ("hdr.g.a = 5; if (hdr.g.isValid()) { hdr.h.a = 1; }", data(), data()),
        ("switch (hdr.h.a) { 1: { hdr.h.b = 1; } 2: 3: { hdr.h.b = 2; } default: { } }",
         data(2), data(2, 2)),
        ("bit<8> x = 0; for (bit<8> i in 0 .. 5) { x = x + i; } hdr.h.a = x;", data(), data(15)),
        ("tuple<bit<8>, bit<8>> t = { hdr.h.a, hdr.h.b }; hdr.h.a = t[1]; hdr.h.b = t[0];",
         data(1, 2), data(2, 1)),
        ("return; hdr.h.a = 1;", data(), data()),
        ("bit<8> sum = hdr.h.a; bit<8> key = 1; bit<8> s = sum + key; hdr.h.b = s;",
         data(1), data(1, 2)),
    ],
)  # fmt: skip
def test_one_statement(body: str, before: bytes, after: bytes) -> None:
    assert changed(body, before) == after


def test_functions_copy_in_and_out() -> None:
    out = changed(
        "bit<8> x = hdr.h.a; hdr.h.b = twice(x); hdr.h.a = x;",
        data(5),
        declarations="""
        bit<8> twice(inout bit<8> x) { x = x + 1; if (x > 5) { return 2 * x; } return 0; }""",
    )
    assert out == data(6, 12)


def test_sub_controls_have_tables_of_their_own() -> None:
    p = load(
        declarations="""
        control sub(inout data_t h)(bit<8> mark) {
            action hit(bit<8> x) { h.b = x + mark; }
            table t { key = { h.a: exact; } actions = { hit; NoAction; } }
            apply { t.apply(); }
        }""",
        ingress_locals="sub(10) one; sub(20) two;",
        ingress="one.apply(hdr.h); two.apply(hdr.h);",
    )
    p.add("my_ingress.one.t", (1,), "my_ingress.one.hit", 1)
    assert p.send(data(1)).data == data(1, 11)
    p.add("my_ingress.two.t", (1,), "my_ingress.two.hit", 1)
    assert p.send(data(1)).data == data(1, 21)


# Parsers.

LABELS = """
    state start { transition labels; }
    state labels { packet.extract(hdr.labels.next);
        transition select(hdr.labels.last.bottom) { 0: labels; 1: accept; } }"""


def test_stacks_are_parsed_pushed_and_popped() -> None:
    p = load(
        parser=LABELS,
        ingress="""
        if (hdr.labels[0].value == 1) { hdr.labels.push_front(1); hdr.labels[0].setValid();
            hdr.labels[0].value = 9; }
        else { hdr.labels.pop_front(1); }""",
    )
    assert p.send(b"\x02\x05rest").data == b"\x12\x02\x05rest"
    assert p.send(b"\x04\x05rest").data == b"\x05rest"
    assert p.send(b"\x04\x04\x05").data == b"\x04\x05"


def test_too_many_labels_are_an_error() -> None:
    p = load(
        parser=LABELS,
        ingress="if (sm.parser_error == error.StackOutOfBounds) { sm.egress_spec = 3; }",
    )
    assert p.send(b"\0\0\0\1").port == 3
    assert p.send(b"\0\0\1").port == 1


def test_lookahead_advance_and_masks() -> None:
    p = load(
        parser="""
        state start { transition select(packet.lookahead<bit<16>>()) {
            0x0100 &&& 0xff00: skip; 0x200 .. 0x2ff: big; default: accept; } }
        state skip { packet.advance(16); transition big; }
        state big { packet.extract(hdr.h); transition accept; }""",
        ingress="hdr.h.a = 0xee;",
    )
    assert p.send(b"\x01\x99" + data(1)).data == data(0xEE)
    assert p.send(b"\x02\x07" + data()[2:]).data == b"\xee\x07" + data()[2:]
    assert p.send(b"\x03\x00rest").data == b"\x03\x00rest"


def test_sub_parsers() -> None:
    p = load(
        declarations="""
        parser sub(packet_in packet, out data_t h) {
            state start { packet.extract(h); transition accept; } }""",
        parser="""sub() inner;
        state start { inner.apply(packet, hdr.h);
            transition select(hdr.h.a) { 1: more; default: accept; } }
        state more { inner.apply(packet, hdr.g); transition accept; }""",
        ingress="hdr.h.b = 1; hdr.g.b = 2;",
    )
    assert p.send(data(1) + data(7)).data == data(1, 1) + data(7, 2)
    assert p.send(data(2) + data(7)).data == data(2, 1) + data(7)


# Checksums.


def ones_complement(payload: bytes) -> int:
    payload += b"\0" * (len(payload) % 2)
    total: int = sum(struct.unpack(f">{len(payload) // 2}H", payload))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def test_a_checksum_is_verified() -> None:
    p = load(
        verify="verify_checksum(true, { hdr.h.a, hdr.h.b, hdr.h.d }, hdr.h.c,"
        " HashAlgorithm.csum16);",
        ingress="if (sm.checksum_error == 1) { mark_to_drop(sm); }",
    )
    good = data(1, 2, ones_complement(data(1, 2, 0, 0x12345678)), 0x12345678)
    assert p.send(good).data == good
    assert p.send(data(1, 3) + good[4:]).dropped
    assert p.drops() == {"malformed": 1}


@pytest.mark.parametrize("payload", [b"", b"x", b"some payload", bytes(range(256)) * 5 + b"\xff"])
def test_a_checksum_is_updated_with_the_payload(payload: bytes) -> None:
    p = load(
        compute="update_checksum_with_payload(hdr.h.isValid(), { hdr.h.a, hdr.h.b, hdr.h.d },"
        " hdr.h.c, HashAlgorithm.csum16);",
    )
    out = p.send(data(1, 2, 99, 3) + payload).data
    wanted = ones_complement(data(1, 2, 0, 3) + payload)
    assert out == data(1, 2, wanted, 3) + payload


# A size that the packet decides.


def test_a_varbit_is_extracted_summed_compared_and_put_back() -> None:
    p = load(
        parser="""
        state start { packet.extract(hdr.h); packet.extract(hdr.v, (bit<32>)hdr.h.a);
            transition accept; }""",
        ingress="hdr.h.b = hdr.v.v == hdr.u.v ? 8w1 : 8w2; hdr.u = hdr.v; hdr.u.y = 5;"
        " hdr.h.c = hdr.v.v == hdr.u.v ? 16w1 : 16w2;"
        " if (sm.parser_error == error.HeaderTooShort) { sm.egress_spec = 4; }"
        " if (sm.parser_error == error.ParserInvalidArgument) { sm.egress_spec = 5; }"
        " if (sm.parser_error == error.PacketTooShort) { sm.egress_spec = 6; }",
        compute="update_checksum(hdr.v.isValid(), { hdr.h.c, hdr.v.v, hdr.h.d }, hdr.v.sum,"
        " HashAlgorithm.csum16);",
        deparser="packet.emit(hdr.h); packet.emit(hdr.v); packet.emit(hdr.u);",
    )
    for size in (0, 2, 4, 8):
        v = bytes(range(10, 10 + size))
        out = p.send(data(size * 8, d=7) + b"\xff\xff" + v + b"\x12" + b"rest")
        total = ones_complement(struct.pack(">H", 1) + v + struct.pack(">I", 7)).to_bytes(2, "big")
        wanted = data(size * 8, 1 if size == 0 else 2, 1, 7) + total + v + b"\x12"
        assert out.data == wanted + b"\xff\xff" + v + b"\x15" + b"rest", size
    assert p.send(data(72) + bytes(40)).port == 4
    assert p.send(data(12) + bytes(40)).port == 5
    assert p.send(data(64) + bytes(10)).port == 6
    assert p.send(data(64) + bytes(11)).port == 1


def test_a_header_that_is_nothing_but_a_varbit_goes_through() -> None:
    p = load(
        parser="""
        state start { packet.extract(hdr.h); packet.extract(hdr.o, (bit<32>)hdr.h.a);
            transition accept; }""",
        ingress="hdr.h.b = 9;",
        deparser="packet.emit(hdr.h); packet.emit(hdr.o);",
    )
    assert p.send(data(32) + b"opt+rest").data == data(32, 9) + b"opt+rest"
    assert p.send(data(0) + b"rest").data == data(0, 9) + b"rest"


# Deparsers.


def test_a_deparser_that_decides() -> None:
    p = load(
        ingress="hdr.g.setValid(); hdr.g.a = 1;",
        deparser="if (hdr.h.a == 1) { packet.emit(hdr.g); } packet.emit(hdr.h);",
    )
    assert p.send(data(1) + b"x").data == data(1) + data(1) + b"x"
    assert p.send(data(2) + b"x").data == data(2) + b"x"


@pytest.mark.dpdk_alone  # the kernel makes room
def test_growth_without_room_is_counted() -> None:
    p = load(ingress="hdr.g.setValid();")
    assert p.send(data(), headroom=7).dropped
    assert not p.send(data(), headroom=8).dropped
    assert p.drops() == {"no_room": 1}


def test_dropped_is_what_the_harness_says() -> None:
    assert load(ingress="mark_to_drop(sm);").send(data()).port == harness.DROPPED
