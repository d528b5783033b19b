// SPDX-License-Identifier: Apache-2.0
// A layer 2 forwarder: a table of MAC addresses says at which port each is. A frame never leaves
// by the port at which it came in.
#include <core.p4>
#include <v1model.p4>

// Indices of the counter `drops`.
const bit<32> DROP_MALFORMED = 0;
const bit<32> DROP_UNKNOWN = 1;  // nobody knows the destination, and unknown ones are dropped
const bit<32> DROP_GROUP = 2;    // to a group, and groups are dropped
const bit<32> DROP_HAIRPIN = 3;  // the destination is where the frame came from
const bit<32> DROP_RESERVED = 4; // for this link alone: spanning tree, LLDP and their like

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type; // below 0x600: a length
}

struct headers_t {
    ethernet_t ethernet;
}

struct metadata_t {
}

parser parse(packet_in packet, out headers_t hdr, inout metadata_t meta,
             inout standard_metadata_t standard_metadata) {
    state start {
        packet.extract(hdr.ethernet);
        transition accept;
    }
}

control verify_sums(inout headers_t hdr, inout metadata_t meta) {
    apply {
    }
}

control ingress(inout headers_t hdr, inout metadata_t meta,
                inout standard_metadata_t standard_metadata) {
    counter(5, CounterType.packets) drops;
    direct_counter(CounterType.packets_and_bytes) stations;

    action drop_for(bit<32> reason) {
        drops.count(reason);
        mark_to_drop(standard_metadata);
    }

    action forward(bit<9> port) {
        stations.count();
        standard_metadata.egress_spec = port;
    }

    action unknown() {
        stations.count();
    }

    action flood(bit<9> port) {
        standard_metadata.egress_spec = port;
    }

    action drop_unknown() {
        drop_for(DROP_UNKNOWN);
    }

    action drop_group() {
        drop_for(DROP_GROUP);
    }

    table macs {
        key = { hdr.ethernet.dst: exact @name("mac"); }
        actions = { forward; @defaultonly unknown; }
        const default_action = unknown();
        counters = stations;
        size = 65536;
    }

    // Where frames to unknown stations go, by the port they came in at. Empty: nowhere.
    table unknown_to {
        key = { standard_metadata.ingress_port: exact @name("ingress_port"); }
        actions = { flood; @defaultonly drop_unknown; }
        const default_action = drop_unknown();
        size = 512;
    }

    // The same for frames to a group (broadcast and multicast).
    table groups_to {
        key = { standard_metadata.ingress_port: exact @name("ingress_port"); }
        actions = { flood; @defaultonly drop_group; }
        const default_action = drop_group();
        size = 512;
    }

    apply {
        bit<32> room = standard_metadata.packet_length - 14;
        if (standard_metadata.parser_error != error.NoError
            || hdr.ethernet.src[40:40] == 1 // a group cannot send
            || hdr.ethernet.src == 0
            || (hdr.ethernet.type < 0x600
                && (hdr.ethernet.type > 1500 || (bit<32>)hdr.ethernet.type > room))) {
            drop_for(DROP_MALFORMED);
        } else if (hdr.ethernet.dst[47:4] == 0x0180c200000) {
            drop_for(DROP_RESERVED);
        } else {
            if (hdr.ethernet.dst[40:40] == 1) {
                groups_to.apply();
            } else if (!macs.apply().hit) {
                unknown_to.apply();
            }
            if (standard_metadata.egress_spec == standard_metadata.ingress_port) {
                drop_for(DROP_HAIRPIN);
            }
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
    }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
