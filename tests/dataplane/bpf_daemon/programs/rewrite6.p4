// TCP and UDP over IPv6 that come in by port 1 to fd77::100 go to fd77::2 by port 2, to a port that is
// lower by 2000; what comes back looks as if fd77::100 had answered. Checksums are made anew over all
// the packet where WHOLE is defined, and are else adjusted for what changed.
#include <core.p4>
#include <v1model.p4>

const bit<128> PUBLIC = 0xfd770000_00000000_00000000_00000100;
const bit<128> INSIDE = 0xfd770000_00000000_00000000_00000002;
const bit<16> LOWER = 2000;

header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
header ipv6_t {
    bit<32> first; bit<16> payload_length; bit<8> next_header; bit<8> hop_limit;
    bit<128> src; bit<128> dst;
}
header tcp_t {
    bit<16> src; bit<16> dst; bit<32> sequence; bit<32> acknowledgement; bit<16> flags;
    bit<16> window; bit<16> checksum; bit<16> urgent;
}
header udp_t { bit<16> src; bit<16> dst; bit<16> length; bit<16> checksum; }
struct headers_t { ethernet_t ethernet; ipv6_t ipv6; tcp_t tcp; udp_t udp; }
struct meta_t { bit<1> rewritten; }

// RFC 1624; the whole words of an address one behind the other.
bit<16> adjusted(in bit<16> sum, in bit<16> before, in bit<16> after) {
    bit<32> total = (bit<32>)(~sum) + (bit<32>)(~before) + (bit<32>)after;
    total = (total & 0xffff) + (total >> 16);
    total = (total & 0xffff) + (total >> 16);
    return ~(bit<16>)total;
}
// What differs between the two addresses is their last word.
bit<16> repaired(in bit<16> sum, in bit<128> before, in bit<128> after, in bit<16> lower,
                 in bit<16> higher) {
    bit<16> address = adjusted(sum, before[15:0], after[15:0]);
    return adjusted(address, lower, higher);
}

parser parse(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) { 0x86dd: parse_ipv6; default: accept; }
    }
    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        transition select(hdr.ipv6.next_header) { 6: parse_tcp; 17: parse_udp; default: accept; }
    }
    state parse_tcp { packet.extract(hdr.tcp); transition accept; }
    state parse_udp { packet.extract(hdr.udp); transition accept; }
}
control verify_checksums(inout headers_t hdr, inout meta_t meta) { apply { } }

control ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    counter(8, CounterType.packets_and_bytes) seen;

    apply {
        seen.count((bit<32>) std.ingress_port);
        std.egress_spec = std.ingress_port == 1 ? 9w2 : 9w1;
        bit<16> was = hdr.tcp.isValid() ? hdr.tcp.checksum : hdr.udp.checksum;
        bit<16> port = 0;
        bit<16> other = 0;
        if (std.ingress_port == 1 && hdr.ipv6.isValid() && hdr.ipv6.dst == PUBLIC) {
            meta.rewritten = 1;
            hdr.ipv6.dst = INSIDE;
            port = hdr.tcp.isValid() ? hdr.tcp.dst : hdr.udp.dst;
            other = port - LOWER;
            was = repaired(was, PUBLIC, INSIDE, port, other);
            if (hdr.tcp.isValid()) { hdr.tcp.dst = other; } else { hdr.udp.dst = other; }
        } else if (std.ingress_port == 2 && hdr.ipv6.isValid() && hdr.ipv6.src == INSIDE
                   && (hdr.tcp.isValid() || hdr.udp.isValid())) {
            meta.rewritten = 1;
            hdr.ipv6.src = PUBLIC;
            port = hdr.tcp.isValid() ? hdr.tcp.src : hdr.udp.src;
            other = port + LOWER;
            was = repaired(was, INSIDE, PUBLIC, port, other);
            if (hdr.tcp.isValid()) { hdr.tcp.src = other; } else { hdr.udp.src = other; }
        }
#ifndef WHOLE
        if (meta.rewritten == 1) {
            if (hdr.tcp.isValid()) {
                hdr.tcp.checksum = was;
            } else {
                hdr.udp.checksum = was == 0 ? 16w0xffff : was; // 0 would say that there is none
            }
        }
#endif
    }
}
control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control compute(inout headers_t hdr, inout meta_t meta) {
    apply {
#ifdef WHOLE
        update_checksum_with_payload(meta.rewritten == 1 && hdr.tcp.isValid(),
            { hdr.ipv6.src, hdr.ipv6.dst, 16w0, hdr.ipv6.payload_length, 24w0, hdr.ipv6.next_header,
              hdr.tcp.src, hdr.tcp.dst, hdr.tcp.sequence, hdr.tcp.acknowledgement, hdr.tcp.flags,
              hdr.tcp.window, hdr.tcp.urgent }, hdr.tcp.checksum, HashAlgorithm.csum16);
        update_checksum_with_payload(meta.rewritten == 1 && hdr.udp.isValid(),
            { hdr.ipv6.src, hdr.ipv6.dst, 16w0, hdr.udp.length, 24w0, hdr.ipv6.next_header,
              hdr.udp.src, hdr.udp.dst, hdr.udp.length }, hdr.udp.checksum, HashAlgorithm.csum16);
        if (meta.rewritten == 1 && hdr.udp.isValid() && hdr.udp.checksum == 0) {
            hdr.udp.checksum = 0xffff;
        }
#endif
    }
}
control deparse(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet); packet.emit(hdr.ipv6); packet.emit(hdr.tcp); packet.emit(hdr.udp);
    }
}

V1Switch(parse(), verify_checksums(), ingress(), egress(), compute(), deparse()) main;
