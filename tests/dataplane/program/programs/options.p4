// SPDX-License-Identifier: Apache-2.0
// A header whose size the packet decides, between numbers that are not of whole bytes. For tests only.
#include <core.p4>
#include <v1model.p4>

header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
header ipv4_t {
    bit<4> version; bit<4> ihl; bit<8> tos; bit<16> total_length; bit<16> id; bit<3> flags;
    bit<13> offset; bit<8> ttl; bit<8> protocol; bit<16> checksum; bit<32> src; bit<32> dst;
    varbit<320> options;
    bit<3> spare; bit<5> kind;
}
struct headers_t { ethernet_t ethernet; ipv4_t ipv4; ipv4_t copy; }
struct metadata_t { bit<1> same; }

parser parse(packet_in packet, out headers_t hdr, inout metadata_t meta,
             inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) { 0x0800: ipv4; default: accept; }
    }
    state ipv4 {
        packet.extract(hdr.ipv4, ((bit<32>)hdr.ethernet.dst[5:0]) << 3);
        transition accept;
    }
}

control check(inout headers_t hdr, inout metadata_t meta) { apply { } }

control ingress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    action copy() { hdr.copy = hdr.ipv4; hdr.copy.kind = 31; }
    action cut() { hdr.ipv4.setInvalid(); }
    table t {
        key = { hdr.ipv4.kind: ternary; hdr.ipv4.protocol: ternary; }
        actions = { copy; cut; NoAction; }
        default_action = copy();
    }
    apply {
        sm.egress_spec = 1;
        t.apply();
        if (hdr.copy.options == hdr.ipv4.options) { sm.egress_spec = 2; }
        if (sm.parser_error != error.NoError) { sm.egress_spec = 3; }
    }
}

control egress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    apply { }
}

control compute(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.total_length, hdr.ipv4.id,
              hdr.ipv4.flags, hdr.ipv4.offset, hdr.ipv4.ttl, hdr.ipv4.protocol, hdr.ipv4.src,
              hdr.ipv4.dst, hdr.ipv4.options },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control deparse(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }

V1Switch(parse(), check(), ingress(), egress(), compute(), deparse()) main;
