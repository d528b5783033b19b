// Two ranges and a ternary key.
#include <core.p4>
#include <v1model.p4>

header ethernet_t { bit<48> dst; bit<16> a; bit<16> b; bit<16> c; bit<16> type; }
struct headers_t { ethernet_t ethernet; }
struct meta_t { }

parser parse(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start { packet.extract(hdr.ethernet); transition accept; }
}
control verify_checksums(inout headers_t hdr, inout meta_t meta) { apply { } }
control ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    direct_counter(CounterType.packets_and_bytes) by_rule;
    action drop() { mark_to_drop(std); }
    action forward(bit<9> port) { std.egress_spec = port; }
    table rules {
        key = { hdr.ethernet.a: range; hdr.ethernet.type: ternary; hdr.ethernet.b: range; }
        actions = { forward; drop; }
        default_action = drop();
        size = 64; counters = by_rule;
    }
    apply { rules.apply(); }
}
control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control compute(inout headers_t hdr, inout meta_t meta) { apply { } }
control deparse(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.ethernet); } }

V1Switch(parse(), verify_checksums(), ingress(), egress(), compute(), deparse()) main;
