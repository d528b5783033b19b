// SPDX-License-Identifier: Apache-2.0
// A stateless firewall on a wire: what enters at port 1 (outside) leaves at port 2 (inside), and
// the other way round, if a rule lets it. Rules match on where a packet came from, its addresses,
// protocol and, for TCP and UDP, ports; the one with the highest priority decides.
// What is not well-formed is dropped before any rule is asked.
#include <core.p4>
#include <v1model.p4>

const bit<16> TYPE_IPV4 = 0x0800;
const bit<16> TYPE_ARP = 0x0806;
const bit<16> TYPE_VLAN = 0x8100;
const bit<16> TYPE_IPV6 = 0x86dd;

const bit<8> PROTOCOL_ICMP = 1;
const bit<8> PROTOCOL_TCP = 6;
const bit<8> PROTOCOL_UDP = 17;
const bit<8> PROTOCOL_IPV6_FRAGMENT = 44;
const bit<8> PROTOCOL_ICMPV6 = 58;

// What a packet is, as far as the table `policy` is concerned.
const bit<8> KIND_OTHER = 0;     // neither IPv4 nor IPv6, and not ARP
const bit<8> KIND_NEIGHBOUR = 1; // ARP, or IPv6 neighbour discovery
const bit<8> KIND_FRAGMENT = 2;  // a later fragment: it has no ports
const bit<8> KIND_IP = 3;

// Indices of the counter `drops`.
const bit<32> DROP_MALFORMED = 0;
const bit<32> DROP_CHECKSUM = 1;
const bit<32> DROP_POLICY = 2; // a kind that is not let through
const bit<32> DROP_RULE = 3;   // a rule, or the default where no rule matched

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

header arp_t {
    bit<16> hardware_type;
    bit<16> protocol_type;
    bit<8>  hardware_size;
    bit<8>  protocol_size;
    bit<16> operation;
    bit<48> sender_hardware;
    bit<32> sender_protocol;
    bit<48> target_hardware;
    bit<32> target_protocol;
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

header ipv6_t {
    bit<4>   version;
    bit<8>   traffic_class;
    bit<20>  flow_label;
    bit<16>  payload_length;
    bit<8>   next_header;
    bit<8>   hop_limit;
    bit<128> src;
    bit<128> dst;
}

header fragment6_t {
    bit<8>  next_header;
    bit<8>  reserved;
    bit<13> offset;
    bit<2>  reserved2;
    bit<1>  more_fragments;
    bit<32> id;
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
    bit<16> checksum;
}

header icmp_t {
    bit<8>  type;
    bit<8>  code;
    bit<16> checksum;
}

struct headers_t {
    ethernet_t  ethernet;
    vlan_t      vlan;
    arp_t       arp;
    ipv4_t      ipv4;
    options8_t  options8;
    options4_t  options4;
    options2_t  options2;
    options1_t  options1;
    ipv6_t      ipv6;
    fragment6_t fragment6;
    tcp_t       tcp;
    udp_t       udp;
    icmp_t      icmp;
}

struct metadata_t {
    bit<4>  option_words; // of IPv4: 0 to 10
    bit<8>  kind;
    bit<8>  protocol;     // of whichever IP
    bit<16> size;         // bytes that Ethernet, tag and IP say there are, at least
    bit<16> payload;      // bytes after the IP header, as that says
    bit<1>  has_ports;
    bit<16> src_port;     // 0 without ports
    bit<16> dst_port;
}

parser parse(packet_in packet, out headers_t hdr, inout metadata_t meta,
             inout standard_metadata_t standard_metadata) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            TYPE_VLAN: parse_vlan;
            TYPE_ARP:  parse_arp;
            TYPE_IPV4: parse_ipv4;
            TYPE_IPV6: parse_ipv6;
            default:   accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.type) {
            TYPE_ARP:  parse_arp;
            TYPE_IPV4: parse_ipv4;
            TYPE_IPV6: parse_ipv6;
            default:   accept;
        }
    }

    state parse_arp {
        packet.extract(hdr.arp);
        transition accept;
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        meta.option_words = hdr.ipv4.ihl - 5;
        meta.protocol = hdr.ipv4.protocol;
        transition select(hdr.ipv4.ihl) {
            0 &&& 12: accept; // 0 to 3, dropped later as malformed
            4:        accept;
            5:        parse_ipv4_payload;
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
            default: parse_ipv4_payload;
        }
    }

    state extract_options1 {
        packet.extract(hdr.options1);
        transition parse_ipv4_payload;
    }

    state parse_ipv4_payload {
        transition select(hdr.ipv4.offset, hdr.ipv4.protocol) {
            (0, PROTOCOL_TCP):  parse_tcp;
            (0, PROTOCOL_UDP):  parse_udp;
            (0, PROTOCOL_ICMP): parse_icmp;
            default:            accept;
        }
    }

    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        meta.protocol = hdr.ipv6.next_header;
        transition select(hdr.ipv6.next_header) {
            PROTOCOL_TCP:           parse_tcp;
            PROTOCOL_UDP:           parse_udp;
            PROTOCOL_ICMPV6:        parse_icmp;
            PROTOCOL_IPV6_FRAGMENT: parse_fragment6;
            default:                accept;
        }
    }

    state parse_fragment6 {
        packet.extract(hdr.fragment6);
        meta.protocol = hdr.fragment6.next_header;
        transition select(hdr.fragment6.offset, hdr.fragment6.next_header) {
            (0, PROTOCOL_TCP):    parse_tcp;
            (0, PROTOCOL_UDP):    parse_udp;
            (0, PROTOCOL_ICMPV6): parse_icmp;
            default:              accept;
        }
    }

    state parse_tcp {
        packet.extract(hdr.tcp);
        meta.has_ports = 1;
        meta.src_port = hdr.tcp.src;
        meta.dst_port = hdr.tcp.dst;
        transition accept;
    }

    state parse_udp {
        packet.extract(hdr.udp);
        meta.has_ports = 1;
        meta.src_port = hdr.udp.src;
        meta.dst_port = hdr.udp.dst;
        transition accept;
    }

    state parse_icmp {
        packet.extract(hdr.icmp);
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
    direct_counter(CounterType.packets_and_bytes) rules4;
    direct_counter(CounterType.packets_and_bytes) rules6;

    action drop_for(bit<32> reason) {
        drops.count(reason);
        mark_to_drop(standard_metadata);
    }

    action allow() {
        rules4.count();
    }

    action deny() {
        rules4.count();
        drop_for(DROP_RULE);
    }

    action allow6() {
        rules6.count();
    }

    action deny6() {
        rules6.count();
        drop_for(DROP_RULE);
    }

    action pass() {
    }

    action refuse() {
        drop_for(DROP_POLICY);
    }

    action consult_rules() {
    }

    action forward(bit<9> port) {
        standard_metadata.egress_spec = port;
    }

    action no_way_out() {
        drop_for(DROP_POLICY);
    }

    // The wire: what comes in here goes out there.
    table wire {
        key = { standard_metadata.ingress_port: exact @name("ingress_port"); }
        actions = { forward; no_way_out; }
        const default_action = no_way_out();
        const entries = {
            1: forward(2);
            2: forward(1);
        }
    }

    // What happens to each kind of packet; nothing but rules lets something through at first.
    table policy {
        key = { meta.kind: exact @name("kind"); }
        actions = { pass; refuse; consult_rules; }
        default_action = consult_rules();
        size = 16;
    }

    table acl4 {
        key = {
            standard_metadata.ingress_port: ternary @name("ingress_port");
            hdr.ipv4.src:                   ternary @name("src");
            hdr.ipv4.dst:                   ternary @name("dst");
            meta.protocol:                  ternary @name("protocol");
            meta.has_ports:                 ternary @name("has_ports");
            meta.src_port:                  ternary @name("src_port");
            meta.dst_port:                  ternary @name("dst_port");
        }
        actions = { allow; deny; }
        default_action = deny();
        counters = rules4;
        size = 4096;
    }

    table acl6 {
        key = {
            standard_metadata.ingress_port: ternary @name("ingress_port");
            hdr.ipv6.src:                   ternary @name("src");
            hdr.ipv6.dst:                   ternary @name("dst");
            meta.protocol:                  ternary @name("protocol");
            meta.has_ports:                 ternary @name("has_ports");
            meta.src_port:                  ternary @name("src_port");
            meta.dst_port:                  ternary @name("dst_port");
        }
        actions = { allow6; deny6; }
        default_action = deny6();
        counters = rules6;
        size = 4096;
    }

    // Set meta.size and meta.payload from what the IP header says.
    action measure() {
        meta.size = 14;
        if (hdr.vlan.isValid()) {
            meta.size = meta.size + 4;
        }
        if (hdr.ipv4.isValid()) {
            meta.size = meta.size |+| hdr.ipv4.total_length;
            meta.payload = hdr.ipv4.total_length |-| ((bit<16>)hdr.ipv4.ihl << 2);
        } else if (hdr.ipv6.isValid()) {
            meta.size = meta.size |+| 40 |+| hdr.ipv6.payload_length;
            meta.payload = hdr.ipv6.payload_length;
            if (hdr.fragment6.isValid()) {
                meta.payload = meta.payload |-| 8;
            }
        }
    }

    apply {
        measure();

        bool malformed = standard_metadata.parser_error != error.NoError
            || (bit<32>)meta.size > standard_metadata.packet_length;
        meta.kind = KIND_OTHER;
        if (hdr.arp.isValid()) {
            meta.kind = KIND_NEIGHBOUR;
            malformed = malformed || hdr.arp.hardware_type != 1 || hdr.arp.protocol_type != TYPE_IPV4
                || hdr.arp.hardware_size != 6 || hdr.arp.protocol_size != 4;
        } else if (hdr.ipv4.isValid()) {
            meta.kind = KIND_IP;
            malformed = malformed || hdr.ipv4.version != 4 || hdr.ipv4.ihl < 5
                || hdr.ipv4.total_length < (bit<16>)hdr.ipv4.ihl << 2;
            if (hdr.ipv4.offset != 0) {
                meta.kind = KIND_FRAGMENT;
                // It would overlap TCP's flags, which the first fragment was judged by (RFC 3128).
                malformed = malformed
                    || (hdr.ipv4.offset == 1 && hdr.ipv4.protocol == PROTOCOL_TCP);
            }
        } else if (hdr.ipv6.isValid()) {
            meta.kind = KIND_IP;
            malformed = malformed || hdr.ipv6.version != 6;
            if (hdr.fragment6.isValid() && hdr.fragment6.offset != 0) {
                meta.kind = KIND_FRAGMENT;
            } else if (hdr.icmp.isValid() && hdr.ipv6.hop_limit == 255
                       && hdr.icmp.type >= 133 && hdr.icmp.type <= 137) {
                meta.kind = KIND_NEIGHBOUR;
            }
        }

        if (hdr.tcp.isValid()) {
            malformed = malformed || hdr.tcp.data_offset < 5
                || meta.payload < (bit<16>)hdr.tcp.data_offset << 2;
        } else if (hdr.udp.isValid()) {
            malformed = malformed || hdr.udp.length < 8;
            // The first of several fragments holds less than the whole datagram.
            if (hdr.ipv4.more_fragments == 0 && !hdr.fragment6.isValid()) {
                malformed = malformed || hdr.udp.length > meta.payload;
            }
        }

        if (malformed) {
            drop_for(DROP_MALFORMED);
        } else if (standard_metadata.checksum_error == 1) {
            drop_for(DROP_CHECKSUM);
        } else {
            wire.apply();
            switch (policy.apply().action_run) {
                consult_rules: {
                    if (hdr.ipv4.isValid()) {
                        acl4.apply();
                    } else if (hdr.ipv6.isValid()) {
                        acl6.apply();
                    } else {
                        drop_for(DROP_POLICY);
                    }
                }
                default: {
                }
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
        packet.emit(hdr.vlan);
        packet.emit(hdr.arp);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.options8);
        packet.emit(hdr.options4);
        packet.emit(hdr.options2);
        packet.emit(hdr.options1);
        packet.emit(hdr.ipv6);
        packet.emit(hdr.fragment6);
        packet.emit(hdr.tcp);
        packet.emit(hdr.udp);
        packet.emit(hdr.icmp);
    }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
