"""P4 text for tests: a program that uses most of the grammar, and the words it is made of."""

from __future__ import annotations

SAMPLE = """
#include <core.p4>
#include <v1model.p4>
#define WIDTH 8
#define BYTES(n) (n << 3)
const bit<WIDTH> K = 8w0xFF;
typedef bit<48> mac_t;
type bit<9> port_t;
enum bit<16> Kind { IPV4 = 0x0800, IPV6 = 0x86dd }
enum Colour { RED, GREEN }
error { Bad }
header eth_t { mac_t dst; mac_t src; Kind kind; }
header opt_t { bit<8> n; varbit<320> data; }
header_union any_t { eth_t e; opt_t o; }
struct headers_t { eth_t eth; opt_t[4] opts; any_t any; }
struct meta_t { bit<8> a; tuple<bit<8>, bool> t; int<7> s; @field_list(1) bit<32> kept; }
extern Thing<T> { Thing(bit<32> n); T get<I>(in I i); abstract void on(inout T v); }
bit<8> clamp(in bit<8> v, in bit<8> most = 7) { if (v > most) { return most; } return v; }
@name("p.parse") parser P(packet_in b, out headers_t h, inout meta_t m,
                          inout standard_metadata_t s) {
    value_set<bit<16>>(4) known;
    state start {
        b.extract(h.eth);
        m.a = b.lookahead<bit<8>>() |+| 1;
        verify(h.eth.src != 0, error.Bad);
        transition select(h.eth.kind, m.a) {
            (Kind.IPV4, 1 .. 3) : options;
            (0x86dd &&& 0xff00, _) : accept;
            (known, 1) : reject;
            default : accept;
        }
    }
    state options { b.extract(h.opts.next, (bit<32>)BYTES(m.a)); transition accept; }
}
control V(inout headers_t h, inout meta_t m) { apply { } }
control Sub<H>(inout H h)(bit<8> n) { apply { } }
control I(inout headers_t h, inout meta_t m, inout standard_metadata_t s) {
    counter(16, CounterType.packets) hits;
    bit<8> local = K;
    Sub<headers_t>(3) sub;
    action drop() { mark_to_drop(s); exit; }
    action forward(bit<9> port) { s.egress_spec = port; hits.count((bit<32>)port); }
    table acl {
        key = { h.eth.dst : ternary @name("dst"); m.a[3:0] : exact; }
        actions = { forward; @defaultonly drop; }
        const default_action = drop();
        const entries = { (1 &&& 3, 2) : forward(4); (_, 3) : drop() @note; }
        size = 1 << 8;
    }
    apply {
        switch (acl.apply().action_run) { forward: { m.a = 1; } drop: default: { return; } }
        if (h.eth.isValid() && !h.opts[1].isValid() || m.a == 1) m.a = ~m.a; else m.a -= 1;
        for (bit<8> i in 1 .. 4) { local = local ++ i == 1 ? i : clamp(most = 2, v = i); }
        for (bit<8> i = 0; i < 4; i += 1) { if (i == 2) { break; } continue; }
        h = { { 1, 2, Kind.IPV4 }, ... };
        h.eth = (eth_t) { dst = 1, src = 2, kind = Kind.IPV6 };
        h.eth = {#};
        m.a[i+:2] = 1;
        sub.apply(h);
        Sub<headers_t>.apply(h);
    }
}
control E(inout headers_t h, inout meta_t m, inout standard_metadata_t s) { apply { } }
control C(inout headers_t h, inout meta_t m) { apply { } }
control D(packet_out b, in headers_t h) { apply { b.emit(h); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
"""

_WORDS = """
    control parser table action state apply key actions entries const header struct enum error
    extern package typedef type bit int varbit bool tuple list if else switch for in select
    transition default return this true _ x y T ( ) { } [ ] < > >> . , ; : = + - ++ |+| &&& ..
    ... ? ! ~ @ # ## 8w1 4s2 0x 1 "s" " /* // \\ ` += +:
"""
WORDS = [*_WORDS.split(), *(f"\n{d}" for d in ("", "#if", "#define", "#endif", "#else", "#elif"))]
