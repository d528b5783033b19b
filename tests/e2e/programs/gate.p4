// Lets everything through but the datagrams that a rule denies, by ports and length. Those in a
// Geneve tunnel count as datagrams from port 6081, so its header is read with all of its options.
#include <core.p4>
#include <v1model.p4>

#ifndef OPTIONS
#define OPTIONS 512
#endif

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

header ipv4_t {
    bit<4>  version;
    bit<4>  ihl;
    bit<8>  tos;
    bit<16> length;
    bit<32> fragment;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> sum;
    bit<32> src;
    bit<32> dst;
}

header udp_t {
    bit<16> src;
    bit<16> dst;
    bit<16> length;
    bit<16> sum;
}

header geneve_t {
    bit<2>  version;
    bit<6>  words;
    bit<56> rest;
    varbit<OPTIONS> options;
}

struct headers_t {
    ethernet_t ethernet;
    ipv4_t     ipv4;
    udp_t      udp;
    geneve_t   geneve;
}

struct metadata_t {
}

parser parse(packet_in packet, out headers_t hdr, inout metadata_t meta,
             inout standard_metadata_t standard_metadata) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            0x800: ipv4;
            default: accept;
        }
    }

    state ipv4 {
        packet.extract(hdr.ipv4);
        transition select(hdr.ipv4.ihl, hdr.ipv4.protocol) {
            (5, 17): udp;
            default: accept;
        }
    }

    state udp {
        packet.extract(hdr.udp);
        transition select(hdr.udp.dst) {
            6081: geneve;
            default: accept;
        }
    }

    state geneve {
        packet.extract(hdr.geneve, 32 * (bit<32>) packet.lookahead<bit<8>>()[5:0]);
        transition accept;
    }
}

control verify_sums(inout headers_t hdr, inout metadata_t meta) {
    apply {
    }
}

control ingress(inout headers_t hdr, inout metadata_t meta,
                inout standard_metadata_t standard_metadata) {
    action deny() {
        mark_to_drop(standard_metadata);
    }

    table rules {
        key = {
            hdr.udp.dst: range @name("to");
            hdr.udp.src: range @name("from");
            hdr.udp.length: range @name("length");
        }
        actions = { deny; NoAction; }
        default_action = NoAction();
        size = 64;
    }

    apply {
        standard_metadata.egress_spec = standard_metadata.ingress_port ^ 3;
        if (hdr.udp.isValid()) {
            rules.apply();
        }
    }
}

control egress(inout headers_t hdr, inout metadata_t meta,
               inout standard_metadata_t standard_metadata) {
    apply {
    }
}

control update_sums(inout headers_t hdr, inout metadata_t meta) {
    apply {
    }
}

control deparse(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.udp);
        packet.emit(hdr.geneve);
    }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
