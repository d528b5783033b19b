// SPDX-License-Identifier: Apache-2.0
// A rate limiter on a wire: what enters at port 1 (outside) leaves at port 2 (inside), and the other
// way round. IP packets fall into classes, by where they come from, addresses, protocol, ports and
// DSCP. Each class has a meter with two rates; green, yellow and red packets of it pass, are marked
// or dropped. What is in no class passes, and so do ARP and neighbour discovery.
//
// A packet goes through three tables: classes4 or classes6 say which class it is in, byte_limits or
// packet_limits hold the class's meter, outcomes says what becomes of that class in that colour.
#include "../flow.p4"

// What a class is measured in.
const bit<2> UNLIMITED = 0;
const bit<2> BYTES = 1;
const bit<2> PACKETS = 2;

struct metadata_t {
    flow_t  flow;
    bit<16> class;
    bit<2>  unit;
    bit<2>  colour; // 0 green, 1 yellow, 2 red
}

// Internet checksum after a 16-bit word of what it covers has changed.
// Source: RFC 1624, section 3, equation 3.
bit<16> adjusted(in bit<16> sum, in bit<16> old_word, in bit<16> new_word) {
    bit<32> total = (bit<32>)(~sum) + (bit<32>)(~old_word) + (bit<32>)new_word;
    total = (total & 0xffff) + (total >> 16);
    total = (total & 0xffff) + (total >> 16);
    return ~(bit<16>)total;
}

parser parse(packet_in packet, out headers_t hdr, inout metadata_t meta,
             inout standard_metadata_t standard_metadata) {
    flow_parser() flow;

    state start {
        flow.apply(packet, hdr, meta.flow);
        transition accept;
    }
}

control verify_sums(inout headers_t hdr, inout metadata_t meta) {
    apply {
    }
}

control ingress(inout headers_t hdr, inout metadata_t meta,
                inout standard_metadata_t standard_metadata) {
    flow_check() check;
    counter(1, CounterType.packets_and_bytes) malformed;
    direct_meter<bit<2>>(MeterType.bytes) byte_meters;
    direct_meter<bit<2>>(MeterType.packets) packet_meters;
    direct_counter(CounterType.packets_and_bytes) counts;

    action forward(bit<9> port) {
        standard_metadata.egress_spec = port;
    }

    action drop() {
        mark_to_drop(standard_metadata);
    }

    action limit_bytes(bit<16> class) {
        meta.class = class;
        meta.unit = BYTES;
    }

    action limit_packets(bit<16> class) {
        meta.class = class;
        meta.unit = PACKETS;
    }

    action measure_bytes() {
        byte_meters.read(meta.colour);
    }

    action measure_packets() {
        packet_meters.read(meta.colour);
    }

    action let_pass() {
        counts.count();
    }

    action drop_it() {
        counts.count();
        mark_to_drop(standard_metadata);
    }

    // Only the DSCP is the class's: congestion notification is left to the hosts.
    action mark(bit<6> dscp) {
        counts.count();
        if (hdr.ipv4.isValid()) {
            bit<8> first = hdr.ipv4.version ++ hdr.ipv4.ihl;
            hdr.ipv4.checksum = adjusted(hdr.ipv4.checksum,
                first ++ hdr.ipv4.dscp ++ hdr.ipv4.ecn, first ++ dscp ++ hdr.ipv4.ecn);
            hdr.ipv4.dscp = dscp;
        } else {
            hdr.ipv6.dscp = dscp;
        }
    }

    // The wire: what comes in here goes out there.
    table wire {
        key = { standard_metadata.ingress_port: exact @name("ingress_port"); }
        actions = { forward; drop; }
        const default_action = drop();
        const entries = {
            1: forward(2);
            2: forward(1);
        }
    }

    table classes4 {
        key = {
            standard_metadata.ingress_port: ternary @name("ingress_port");
            hdr.ipv4.src:                   ternary @name("src");
            hdr.ipv4.dst:                   ternary @name("dst");
            meta.flow.protocol:             ternary @name("protocol");
            meta.flow.dscp:                 ternary @name("dscp");
            meta.flow.has_ports:            ternary @name("has_ports");
            meta.flow.ports.src:            range @name("src_port");
            meta.flow.ports.dst:            range @name("dst_port");
        }
        actions = { limit_bytes; limit_packets; NoAction; }
        default_action = NoAction();
        size = 4096;
    }

    table classes6 {
        key = {
            standard_metadata.ingress_port: ternary @name("ingress_port");
            hdr.ipv6.src:                   ternary @name("src");
            hdr.ipv6.dst:                   ternary @name("dst");
            meta.flow.protocol:             ternary @name("protocol");
            meta.flow.dscp:                 ternary @name("dscp");
            meta.flow.has_ports:            ternary @name("has_ports");
            meta.flow.ports.src:            range @name("src_port");
            meta.flow.ports.dst:            range @name("dst_port");
        }
        actions = { limit_bytes; limit_packets; NoAction; }
        default_action = NoAction();
        size = 4096;
    }

    table byte_limits {
        key = { meta.class: exact @name("class"); }
        actions = { measure_bytes; NoAction; }
        default_action = NoAction();
        meters = byte_meters;
        size = 1024;
    }

    table packet_limits {
        key = { meta.class: exact @name("class"); }
        actions = { measure_packets; NoAction; }
        default_action = NoAction();
        meters = packet_meters;
        size = 1024;
    }

    table outcomes {
        key = {
            meta.class:  exact @name("class");
            meta.colour: exact @name("colour");
        }
        actions = { let_pass; mark; drop_it; }
        default_action = let_pass();
        counters = counts;
        size = 6144;
    }

    apply {
        // Neighbours have to find each other, whatever else they send.
        bool neighbour = meta.flow.protocol == PROTOCOL_ICMPV6 && hdr.ipv6.hop_limit == 255
            && meta.flow.icmpv6_type >= 133 && meta.flow.icmpv6_type <= 137;

        check.apply(hdr, meta.flow, standard_metadata);
        wire.apply();
        if (meta.flow.malformed == 1) {
            malformed.count(0);
            mark_to_drop(standard_metadata);
        } else if (hdr.ipv4.isValid()) {
            classes4.apply();
        } else if (hdr.ipv6.isValid() && !neighbour) {
            classes6.apply();
        }

        if (meta.unit == BYTES) {
            byte_limits.apply();
        } else if (meta.unit == PACKETS) {
            packet_limits.apply();
        }
        if (meta.unit != UNLIMITED) {
            outcomes.apply();
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
        packet.emit(hdr);
    }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
