// What comes in by one port leaves by the other, with a digest of it; type 0x88b5 is the controller's, who says where its own go.
#include <core.p4>
#include <v1model.p4>

const bit<9> CPU = 510;

header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
@controller_header("packet_in")
header packet_in_t { bit<9> ingress_port; bit<7> rest; }
@controller_header("packet_out")
header packet_out_t { bit<9> egress_port; @padding bit<7> unused; }
struct headers_t { packet_in_t packet_in; packet_out_t packet_out; ethernet_t ethernet; }
struct seen_t { bit<48> src; bit<9> port; }
struct meta_t { }

parser parse(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        transition select(std.ingress_port) {
            CPU: from_controller;
            default: ethernet;
        }
    }
    state from_controller { packet.extract(hdr.packet_out); transition ethernet; }
    state ethernet { packet.extract(hdr.ethernet); transition accept; }
}
control verify_checksums(inout headers_t hdr, inout meta_t meta) { apply { } }
control ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    counter(512, CounterType.packets) seen;
    apply {
        seen.count((bit<32>) std.ingress_port);
        if (hdr.packet_out.isValid()) {
            std.egress_spec = hdr.packet_out.egress_port;
            hdr.packet_out.setInvalid();
        } else if (hdr.ethernet.type == 0x88b5) {
            std.egress_spec = CPU;
            hdr.packet_in.setValid();
            hdr.packet_in.ingress_port = std.ingress_port;
        } else {
            digest<seen_t>(1, { hdr.ethernet.src, std.ingress_port });
            std.egress_spec = std.ingress_port == 1 ? 9w2 : 9w1;
        }
    }
}
control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control compute(inout headers_t hdr, inout meta_t meta) { apply { } }
control deparse(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.packet_in); packet.emit(hdr.ethernet); }
}

V1Switch(parse(), verify_checksums(), ingress(), egress(), compute(), deparse()) main;
