// By either port to the other: VLAN 10 becomes 20, the tag of VLAN 30 goes, others stay.
#include <core.p4>
#include <v1model.p4>

header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
header vlan_t { bit<4> bits; bit<12> id; bit<16> type; }
struct headers_t { ethernet_t ethernet; vlan_t vlan; }
struct meta_t { }

parser parse(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) { 0x8100: tagged; 0x88a8: tagged; default: accept; }
    }
    state tagged { packet.extract(hdr.vlan); transition accept; }
}
control verify_checksums(inout headers_t hdr, inout meta_t meta) { apply { } }
control ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = std.ingress_port == 1 ? 9w2 : 9w1;
        if (hdr.vlan.isValid()) {
            if (hdr.vlan.id == 10) {
                hdr.vlan.id = 20;
            } else if (hdr.vlan.id == 30) {
                hdr.ethernet.type = hdr.vlan.type;
                hdr.vlan.setInvalid();
            }
        }
    }
}
control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control compute(inout headers_t hdr, inout meta_t meta) { apply { } }
control deparse(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.ethernet); packet.emit(hdr.vlan); }
}

V1Switch(parse(), verify_checksums(), ingress(), egress(), compute(), deparse()) main;
