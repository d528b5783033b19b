// Three tables in turn, each with a direct counter: exact on the destination, lpm on the source, ternary on the type.
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
    direct_counter(CounterType.packets_and_bytes) by_dst;
    direct_counter(CounterType.packets_and_bytes) by_src;
    direct_counter(CounterType.packets_and_bytes) by_type;
    counter(8, CounterType.packets_and_bytes) ports;
    action drop() { mark_to_drop(std); }
    action forward(bit<9> port) { std.egress_spec = port; }
    table dst {
        key = { hdr.ethernet.dst: exact; }
        actions = { forward; drop; NoAction; }
        default_action = NoAction();
        size = 64; counters = by_dst;
    }
    table src {
        key = { hdr.ethernet.src: lpm; }
        actions = { forward; drop; NoAction; }
        default_action = NoAction();
        size = 64; counters = by_src;
    }
    table types {
        key = { hdr.ethernet.type: ternary; hdr.ethernet.dst: ternary; }
        actions = { forward; drop; }
        default_action = drop();
        size = 256; counters = by_type;
    }
    apply {
        ports.count((bit<32>) std.ingress_port);
        if (!dst.apply().hit) {
            if (!src.apply().hit) {
                types.apply();
            }
        }
    }
}
control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control compute(inout headers_t hdr, inout meta_t meta) { apply { } }
control deparse(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.ethernet); } }

V1Switch(parse(), verify_checksums(), ingress(), egress(), compute(), deparse()) main;
