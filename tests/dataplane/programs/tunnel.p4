// SPDX-License-Identifier: Apache-2.0
// IPv4 routing, and a tunnel: a packet with a tunnel header goes where that says, whatever its
// addresses; the header is put on at the first hop and taken off at the last.
#include <core.p4>
#include <v1model.p4>

const bit<16> TYPE_IPV4 = 0x800;
const bit<16> TYPE_TUNNEL = 0x1212;

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

header ipv4_t {
    bit<4>  version;
    bit<4>  ihl;
    bit<8>  tos;
    bit<16> total_length;
    bit<16> id;
    bit<3>  flags;
    bit<13> offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    bit<32> src;
    bit<32> dst;
}

header tunnel_t {
    bit<16> inner_type;
    bit<16> destination;
}

struct headers_t {
    ethernet_t ethernet;
    tunnel_t   tunnel;
    ipv4_t     ipv4;
}

struct metadata_t {
}

parser parse(packet_in packet, out headers_t hdr, inout metadata_t meta,
             inout standard_metadata_t standard_metadata) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            TYPE_IPV4:   parse_ipv4;
            TYPE_TUNNEL: parse_tunnel;
            default:     accept;
        }
    }

    state parse_tunnel {
        packet.extract(hdr.tunnel);
        transition select(hdr.tunnel.inner_type) {
            TYPE_IPV4: parse_ipv4;
            default:   accept;
        }
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        transition accept;
    }
}

control verify_sums(inout headers_t hdr, inout metadata_t meta) {
    apply {
    }
}

control ingress(inout headers_t hdr, inout metadata_t meta,
                inout standard_metadata_t standard_metadata) {
    action drop() {
        mark_to_drop(standard_metadata);
    }

    action route(bit<48> mac, bit<9> port) {
        standard_metadata.egress_spec = port;
        hdr.ethernet.src = hdr.ethernet.dst;
        hdr.ethernet.dst = mac;
        hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
    }

    action enter_tunnel(bit<16> destination, bit<9> port) {
        hdr.tunnel.setValid();
        hdr.tunnel.inner_type = hdr.ethernet.type;
        hdr.tunnel.destination = destination;
        hdr.ethernet.type = TYPE_TUNNEL;
        standard_metadata.egress_spec = port;
    }

    action stay_in_tunnel(bit<9> port) {
        standard_metadata.egress_spec = port;
    }

    action leave_tunnel(bit<48> mac, bit<9> port) {
        hdr.ethernet.type = hdr.tunnel.inner_type;
        hdr.ethernet.dst = mac;
        hdr.tunnel.setInvalid();
        standard_metadata.egress_spec = port;
    }

    table tunnels {
        key = { hdr.tunnel.destination: exact; }
        actions = { stay_in_tunnel; leave_tunnel; drop; }
        size = 1024;
        default_action = drop();
    }

    table routes {
        key = { hdr.ipv4.dst: lpm; }
        actions = { route; enter_tunnel; drop; NoAction; }
        size = 1024;
        default_action = drop();
    }

    apply {
        if (hdr.tunnel.isValid()) {
            tunnels.apply();
        } else if (hdr.ipv4.isValid() && hdr.ipv4.ttl > 1) {
            routes.apply();
        } else {
            drop();
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
        update_checksum(hdr.ipv4.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.total_length, hdr.ipv4.id,
              hdr.ipv4.flags, hdr.ipv4.offset, hdr.ipv4.ttl, hdr.ipv4.protocol, hdr.ipv4.src,
              hdr.ipv4.dst },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control deparse(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.tunnel);
        packet.emit(hdr.ipv4);
    }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
