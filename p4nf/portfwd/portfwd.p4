// SPDX-License-Identifier: Apache-2.0
// A port forwarder on a wire: TCP and UDP that come from outside (port 1) to a public address and
// port go to another address and port inside (port 2), and what comes back looks as if the public
// address had answered. Checksums stay right. All else passes unchanged, or is dropped.
#include <core.p4>
#include <v1model.p4>

const bit<16> TYPE_IPV4 = 0x0800;
const bit<16> TYPE_VLAN = 0x8100;
const bit<8> PROTOCOL_TCP = 6;
const bit<8> PROTOCOL_UDP = 17;

const bit<9> OUTSIDE = 1;
const bit<9> INSIDE = 2;

// Indices of the counter `drops`.
const bit<32> DROP_MALFORMED = 0;
const bit<32> DROP_CHECKSUM = 1;
const bit<32> DROP_FRAGMENT = 2;  // only a whole datagram can be forwarded: later parts have no ports
const bit<32> DROP_UNMATCHED = 3;

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

header vlan_t {
    bit<3>  priority;
    bit<1>  drop_eligible;
    bit<12> id;
    bit<16> type;
}

header ipv4_t {
    bit<4>  version;
    bit<4>  ihl;
    bit<8>  tos;
    bit<16> total_length;
    bit<16> id;
    bit<1>  reserved;
    bit<1>  dont_fragment;
    bit<1>  more_fragments;
    bit<13> offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    bit<32> src;
    bit<32> dst;
}

// IPv4 options are 1 to 10 words of 4 bytes. Any such number is a sum of 8, 4, 2 and 1, so four
// headers, each there or not, hold all of them.
header options8_t {
    bit<64> a;
    bit<64> b;
    bit<64> c;
    bit<64> d;
}

header options4_t {
    bit<64> a;
    bit<64> b;
}

header options2_t {
    bit<64> a;
}

header options1_t {
    bit<32> a;
}

header tcp_t {
    bit<16> src;
    bit<16> dst;
    bit<32> sequence;
    bit<32> acknowledgement;
    bit<4>  data_offset;
    bit<4>  reserved;
    bit<8>  flags;
    bit<16> window;
    bit<16> checksum;
    bit<16> urgent;
}

header udp_t {
    bit<16> src;
    bit<16> dst;
    bit<16> length;
    bit<16> checksum; // 0: the sender made none
}

struct headers_t {
    ethernet_t ethernet;
    vlan_t     vlan;
    ipv4_t     ipv4;
    options8_t options8;
    options4_t options4;
    options2_t options2;
    options1_t options1;
    tcp_t      tcp;
    udp_t      udp;
}

struct metadata_t {
    bit<4>  option_words;
    bit<16> src_port;
    bit<16> dst_port;
    bit<1>  rewritten;
}

// Internet checksum after a 16-bit word of what it covers has changed.
// Source: RFC 1624, section 3, equation 3.
bit<16> adjusted(in bit<16> sum, in bit<16> old_word, in bit<16> new_word) {
    bit<32> total = (bit<32>)(~sum) + (bit<32>)(~old_word) + (bit<32>)new_word;
    total = (total & 0xffff) + (total >> 16);
    total = (total & 0xffff) + (total >> 16);
    return ~(bit<16>)total;
}

// The same for an address and a port.
bit<16> adjusted_for(in bit<16> sum, in bit<32> old_address, in bit<32> new_address,
                     in bit<16> old_port, in bit<16> new_port) {
    bit<16> high = adjusted(sum, old_address[31:16], new_address[31:16]);
    bit<16> low = adjusted(high, old_address[15:0], new_address[15:0]);
    return adjusted(low, old_port, new_port);
}

parser parse(packet_in packet, out headers_t hdr, inout metadata_t meta,
             inout standard_metadata_t standard_metadata) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            TYPE_VLAN: parse_vlan;
            TYPE_IPV4: parse_ipv4;
            default:   accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.type) {
            TYPE_IPV4: parse_ipv4;
            default:   accept;
        }
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        meta.option_words = hdr.ipv4.ihl - 5;
        transition select(hdr.ipv4.ihl) {
            0 &&& 12: accept; // 0 to 3, dropped later as malformed
            4:        accept;
            5:        parse_payload;
            default:  parse_options8;
        }
    }

    state parse_options8 {
        transition select(meta.option_words) {
            8 &&& 8: extract_options8;
            default: parse_options4;
        }
    }

    state extract_options8 {
        packet.extract(hdr.options8);
        transition parse_options4;
    }

    state parse_options4 {
        transition select(meta.option_words) {
            4 &&& 4: extract_options4;
            default: parse_options2;
        }
    }

    state extract_options4 {
        packet.extract(hdr.options4);
        transition parse_options2;
    }

    state parse_options2 {
        transition select(meta.option_words) {
            2 &&& 2: extract_options2;
            default: parse_options1;
        }
    }

    state extract_options2 {
        packet.extract(hdr.options2);
        transition parse_options1;
    }

    state parse_options1 {
        transition select(meta.option_words) {
            1 &&& 1: extract_options1;
            default: parse_payload;
        }
    }

    state extract_options1 {
        packet.extract(hdr.options1);
        transition parse_payload;
    }

    state parse_payload {
        transition select(hdr.ipv4.more_fragments, hdr.ipv4.offset, hdr.ipv4.protocol) {
            (0, 0, PROTOCOL_TCP): parse_tcp;
            (0, 0, PROTOCOL_UDP): parse_udp;
            default:              accept;
        }
    }

    state parse_tcp {
        packet.extract(hdr.tcp);
        meta.src_port = hdr.tcp.src;
        meta.dst_port = hdr.tcp.dst;
        transition accept;
    }

    state parse_udp {
        packet.extract(hdr.udp);
        meta.src_port = hdr.udp.src;
        meta.dst_port = hdr.udp.dst;
        transition accept;
    }
}

control verify_sums(inout headers_t hdr, inout metadata_t meta) {
    apply {
        // Options that are not there read as zero, which a sum does not notice.
        verify_checksum(hdr.ipv4.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.total_length,
              hdr.ipv4.id, hdr.ipv4.reserved, hdr.ipv4.dont_fragment, hdr.ipv4.more_fragments,
              hdr.ipv4.offset, hdr.ipv4.ttl, hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst,
              hdr.options8.a, hdr.options8.b, hdr.options8.c, hdr.options8.d,
              hdr.options4.a, hdr.options4.b, hdr.options2.a, hdr.options1.a },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control ingress(inout headers_t hdr, inout metadata_t meta,
                inout standard_metadata_t standard_metadata) {
    counter(4, CounterType.packets) drops;
    direct_counter(CounterType.packets_and_bytes) inward;
    direct_counter(CounterType.packets_and_bytes) outward;

    action drop_for(bit<32> reason) {
        drops.count(reason);
        mark_to_drop(standard_metadata);
    }

    // Repair TCP's or UDP's checksum, which covers the addresses too.
    action repair(bit<32> old_address, bit<32> new_address, bit<16> old_port, bit<16> new_port) {
        meta.rewritten = 1;
        if (hdr.tcp.isValid()) {
            hdr.tcp.checksum = adjusted_for(hdr.tcp.checksum, old_address, new_address,
                                            old_port, new_port);
        } else if (hdr.udp.checksum != 0) {
            hdr.udp.checksum = adjusted_for(hdr.udp.checksum, old_address, new_address,
                                            old_port, new_port);
            if (hdr.udp.checksum == 0) {
                hdr.udp.checksum = 0xffff; // 0 would say that there is none
            }
        }
    }

    action forward(bit<32> address, bit<16> port) {
        inward.count();
        repair(hdr.ipv4.dst, address, meta.dst_port, port);
        hdr.ipv4.dst = address;
        if (hdr.tcp.isValid()) {
            hdr.tcp.dst = port;
        } else {
            hdr.udp.dst = port;
        }
    }

    // The same, to a station of its own.
    action forward_to(bit<48> mac, bit<32> address, bit<16> port) {
        forward(address, port);
        hdr.ethernet.dst = mac;
    }

    action answer_as(bit<32> address, bit<16> port) {
        outward.count();
        repair(hdr.ipv4.src, address, meta.src_port, port);
        hdr.ipv4.src = address;
        if (hdr.tcp.isValid()) {
            hdr.tcp.src = port;
        } else {
            hdr.udp.src = port;
        }
    }

    action pass_inward() {
        inward.count();
    }

    action drop_inward() {
        inward.count();
        drop_for(DROP_UNMATCHED);
    }

    action pass_outward() {
        outward.count();
    }

    action drop_outward() {
        outward.count();
        drop_for(DROP_UNMATCHED);
    }

    action pass() {
    }

    action drop() {
        drop_for(DROP_UNMATCHED);
    }

    action drop_fragment() {
        drop_for(DROP_FRAGMENT);
    }

    table forwards {
        key = {
            hdr.ipv4.dst:      exact @name("address");
            hdr.ipv4.protocol: exact @name("protocol");
            meta.dst_port:     exact @name("port");
        }
        actions = { forward; forward_to; @defaultonly pass_inward; @defaultonly drop_inward; }
        default_action = pass_inward();
        counters = inward;
        size = 4096;
    }

    table answers {
        key = {
            hdr.ipv4.src:      exact @name("address");
            hdr.ipv4.protocol: exact @name("protocol");
            meta.src_port:     exact @name("port");
        }
        actions = { answer_as; @defaultonly pass_outward; @defaultonly drop_outward; }
        default_action = pass_outward();
        counters = outward;
        size = 4096;
    }

    // What has no ports that could be forwarded: ARP, ICMP, IPv6 and so on.
    table others {
        actions = { pass; drop; }
        default_action = pass();
    }

    table fragments {
        actions = { pass; drop_fragment; }
        default_action = drop_fragment();
    }

    apply {
        bit<16> header_bytes = (bit<16>)hdr.ipv4.ihl << 2;
        bit<16> payload = hdr.ipv4.total_length |-| header_bytes;
        bit<16> size = 14;
        if (hdr.vlan.isValid()) {
            size = 18;
        }
        size = size |+| hdr.ipv4.total_length;

        bool malformed = standard_metadata.parser_error != error.NoError;
        if (hdr.ipv4.isValid()) {
            malformed = malformed || hdr.ipv4.version != 4 || hdr.ipv4.ihl < 5
                || hdr.ipv4.total_length < header_bytes
                || (bit<32>)size > standard_metadata.packet_length;
            if (hdr.tcp.isValid()) {
                malformed = malformed || hdr.tcp.data_offset < 5
                    || payload < (bit<16>)hdr.tcp.data_offset << 2;
            } else if (hdr.udp.isValid()) {
                malformed = malformed || hdr.udp.length < 8 || hdr.udp.length > payload;
            }
        }

        if (standard_metadata.ingress_port == OUTSIDE) {
            standard_metadata.egress_spec = INSIDE;
        } else {
            standard_metadata.egress_spec = OUTSIDE;
        }

        if (malformed) {
            drop_for(DROP_MALFORMED);
        } else if (standard_metadata.checksum_error == 1) {
            drop_for(DROP_CHECKSUM);
        } else if (hdr.tcp.isValid() || hdr.udp.isValid()) {
            if (standard_metadata.ingress_port == OUTSIDE) {
                forwards.apply();
            } else {
                answers.apply();
            }
        } else if (hdr.ipv4.isValid()
                   && (hdr.ipv4.protocol == PROTOCOL_TCP || hdr.ipv4.protocol == PROTOCOL_UDP)) {
            fragments.apply();
        } else {
            others.apply();
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
        update_checksum(meta.rewritten == 1,
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.total_length,
              hdr.ipv4.id, hdr.ipv4.reserved, hdr.ipv4.dont_fragment, hdr.ipv4.more_fragments,
              hdr.ipv4.offset, hdr.ipv4.ttl, hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst,
              hdr.options8.a, hdr.options8.b, hdr.options8.c, hdr.options8.d,
              hdr.options4.a, hdr.options4.b, hdr.options2.a, hdr.options1.a },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control deparse(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.vlan);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.options8);
        packet.emit(hdr.options4);
        packet.emit(hdr.options2);
        packet.emit(hdr.options1);
        packet.emit(hdr.tcp);
        packet.emit(hdr.udp);
    }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
