// Where packets leave is said by const entries.
#include <core.p4>
#include <v1model.p4>

header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
struct headers_t { ethernet_t ethernet; }
struct meta_t { }

parser parse(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { packet.extract(hdr.ethernet); transition accept; }
}
control verify_checksums(inout headers_t hdr, inout meta_t meta) { apply { } }
control ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    action go(bit<9> port) { std.egress_spec = port; }
    action back() { std.egress_spec = std.ingress_port; }
    table ways {
        key = { std.ingress_port: exact; }
        actions = { go; back; }
        const default_action = back();
        const entries = { 1: go(2); 2: go(1); 9: go(10); 10: go(9); }
    }
    apply { ways.apply(); }
}
control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control compute(inout headers_t hdr, inout meta_t meta) { apply { } }
control deparse(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.ethernet); } }

V1Switch(parse(), verify_checksums(), ingress(), egress(), compute(), deparse()) main;
