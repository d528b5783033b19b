/* SPDX-License-Identifier: Apache-2.0 */
/* Headers that stay where they are are copied: whole, in a struct, and a struct in them. */
#include <core.p4>
#include <v1model.p4>

struct half_t { bit<8> b; bit<8> c; }
header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
header pair_t { bit<16> a; half_t half; }
struct headers_t { ethernet_t ethernet; pair_t pair; }
struct meta_t { pair_t kept; half_t half; headers_t all; }

parser parse(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) { 0x3333: pair; default: accept; }
    }
    state pair { packet.extract(hdr.pair); transition accept; }
}
control verify_checksums(inout headers_t hdr, inout meta_t meta) { apply { } }
control ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    pair_t before;
    apply {
        std.egress_spec = 2;
        before = hdr.pair;
        meta.half = hdr.pair.half;
        meta.all = hdr;
        hdr.pair.half.c = 9;
        meta.kept = hdr.pair;
        hdr.ethernet.dst = 0;
        hdr.ethernet.src = (bit<48>) meta.all.ethernet.type;
        if (before.isValid()) {
            hdr.ethernet.dst[47:32] = before.a;
            hdr.ethernet.dst[31:24] = before.half.c;
            hdr.ethernet.dst[23:16] = meta.half.b;
            hdr.ethernet.dst[15:8] = meta.kept.half.c;
            hdr.ethernet.dst[7:0] = meta.all.pair.half.c;
        }
    }
}
control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control compute(inout headers_t hdr, inout meta_t meta) { apply { } }
control deparse(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.ethernet); packet.emit(hdr.pair); } }

V1Switch(parse(), verify_checksums(), ingress(), egress(), compute(), deparse()) main;
