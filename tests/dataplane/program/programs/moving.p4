// SPDX-License-Identifier: Apache-2.0
// Headers that come, go and move: labels pushed and popped by a table, a tunnel put in front, a
// checksum over the payload. For tests only.
#include <core.p4>
#include <v1model.p4>

header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
header label_t { bit<20> value; bit<3> class; bit<1> bottom; bit<8> ttl; }
header ipv4_t {
    bit<4> version; bit<4> ihl; bit<8> tos; bit<16> total_length; bit<16> id; bit<3> flags;
    bit<13> offset; bit<8> ttl; bit<8> protocol; bit<16> checksum; bit<32> src; bit<32> dst;
}
header udp_t { bit<16> src; bit<16> dst; bit<16> length; bit<16> checksum; }
header odd_t { bit<3> a; bit<122> b; bit<127> c; bit<4> d; }

struct headers_t {
    ethernet_t outer_ethernet;
    ipv4_t     outer_ipv4;
    ethernet_t ethernet;
    label_t[4] labels;
    ipv4_t     ipv4;
    udp_t      udp;
    odd_t      odd;
}
struct metadata_t { bit<8> skip; }

parser parse(packet_in packet, out headers_t hdr, inout metadata_t meta,
             inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            0x8847: labels;
            0x0800: ipv4;
            0x88cc: skip;
            default: accept;
        }
    }
    state labels {
        packet.extract(hdr.labels.next);
        transition select(hdr.labels.last.bottom, packet.lookahead<bit<4>>()) {
            (0, _): labels;
            (1, 4): ipv4;
            default: accept;
        }
    }
    state skip {
        meta.skip = packet.lookahead<bit<8>>();
        packet.advance((bit<32>)(meta.skip & 0x3f));
        transition odd;
    }
    state odd { packet.extract(hdr.odd); transition accept; }
    state ipv4 {
        packet.extract(hdr.ipv4);
        transition select(hdr.ipv4.protocol) { 17: udp; default: accept; }
    }
    state udp { packet.extract(hdr.udp); transition accept; }
}

control check(inout headers_t hdr, inout metadata_t meta) { apply { } }

control ingress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    counter(64, CounterType.packets_and_bytes) kinds;
    direct_counter(CounterType.packets) hits;
    action push(bit<20> value) {
        hdr.labels.push_front(1);
        hdr.labels[0].setValid();
        hdr.labels[0].value = value;
        hdr.labels[0].bottom = (bit<1>)(bit<1>)(hdr.labels[1].isValid() ? 1w0 : 1w1);
        hdr.ethernet.type = 0x8847;
    }
    action pop() { hdr.labels.pop_front(1); }
    action swap(bit<2> at, bit<20> value) { hdr.labels[at].value = value; }
    action tunnel(bit<32> src, bit<32> dst) {
        hdr.outer_ethernet = hdr.ethernet;
        hdr.outer_ipv4.setValid();
        hdr.outer_ipv4 = { 4, 5, 0, 20 + (bit<16>)sm.packet_length, 1, 0, 0, 64, 97, 0, src, dst };
    }
    action cut() { hdr.ipv4.setInvalid(); hdr.odd.setInvalid(); exit; }
    action drop() { mark_to_drop(sm); }
    table t {
        key = { hdr.labels[0].value: ternary; hdr.ipv4.dst: ternary; hdr.ethernet.type: ternary; }
        actions = { push; pop; swap; tunnel; cut; drop; NoAction; }
        default_action = push(7);
        counters = hits;
    }
    apply {
        sm.egress_spec = 1;
        kinds.count((bit<32>)hdr.labels[0].value);
        switch (t.apply().action_run) {
            pop: { hdr.labels[3] = hdr.labels[0]; }
            swap: { hdr.odd.b = hdr.odd.b + (bit<122>)hdr.odd.c; }
            tunnel: { sm.egress_spec = 2; }
            default: { }
        }
        if (sm.parser_error != error.NoError) { sm.egress_spec = 3; }
    }
}

control egress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    apply { if (hdr.ipv4.ttl == 0 && hdr.ipv4.isValid()) { mark_to_drop(sm); } }
}

control compute(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum_with_payload(hdr.udp.isValid(),
            { hdr.ipv4.src, hdr.ipv4.dst, 8w0, hdr.ipv4.protocol, hdr.udp.length, hdr.udp.src,
              hdr.udp.dst, hdr.udp.length },
            hdr.udp.checksum, HashAlgorithm.csum16);
    }
}

control deparse(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.outer_ethernet);
        packet.emit(hdr.outer_ipv4);
        packet.emit(hdr.ethernet);
        packet.emit(hdr.labels);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.udp);
        packet.emit(hdr.odd);
    }
}

V1Switch(parse(), check(), ingress(), egress(), compute(), deparse()) main;
