// SPDX-License-Identifier: Apache-2.0
// What functions that look at flows want to know of a packet: whether it is well-formed, whether it
// is IP, its addresses, protocol, DSCP and, where it has some, ports. Headers that are taken from the
// packet go back as they were; so no more of them is taken than somebody looks at.
//
// A function's parser begins with `flow_parser`, its ingress with `flow_check`; its deparser emits
// all of headers_t.
#include <core.p4>
#include <v1model.p4>

const bit<16> TYPE_IPV4 = 0x0800;
const bit<16> TYPE_VLAN = 0x8100;
const bit<16> TYPE_IPV6 = 0x86dd;

const bit<8> PROTOCOL_TCP = 6;
const bit<8> PROTOCOL_UDP = 17;
const bit<8> PROTOCOL_DCCP = 33;
const bit<8> PROTOCOL_IPV6_FRAGMENT = 44;
const bit<8> PROTOCOL_ICMPV6 = 58;
const bit<8> PROTOCOL_SCTP = 132;
const bit<8> PROTOCOL_UDPLITE = 136;

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
    bit<6>  dscp;
    bit<2>  ecn;
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
    bit<128> a;
    bit<128> b;
}

header options4_t {
    bit<128> a;
}

header options2_t {
    bit<64> a;
}

header options1_t {
    bit<32> a;
}

header ipv6_t {
    bit<4>   version;
    bit<6>   dscp;
    bit<2>   ecn;
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

// The beginning of TCP, UDP, UDP-Lite, SCTP and DCCP.
struct ports_t {
    bit<16> src;
    bit<16> dst;
}

struct headers_t {
    ethernet_t  ethernet;
    vlan_t      vlan;
    ipv4_t      ipv4;
    options8_t  options8;
    options4_t  options4;
    options2_t  options2;
    options1_t  options1;
    ipv6_t      ipv6;
    fragment6_t fragment6;
}

struct flow_t {
    bit<1>  malformed;
    bit<1>  later_fragment; // it has no ports, whatever its protocol
    bit<8>  protocol;       // of whichever IP
    bit<6>  dscp;
    bit<1>  has_ports;
    ports_t ports;          // 0 where there are none
    bit<8>  icmpv6_type;
}

parser flow_parser(packet_in packet, out headers_t hdr, inout flow_t flow) {
    bit<4> option_words; // of IPv4: 0 to 10

    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            TYPE_VLAN: parse_vlan;
            TYPE_IPV4: parse_ipv4;
            TYPE_IPV6: parse_ipv6;
            default:   accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.type) {
            TYPE_IPV4: parse_ipv4;
            TYPE_IPV6: parse_ipv6;
            default:   accept;
        }
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        option_words = hdr.ipv4.ihl - 5;
        flow.protocol = hdr.ipv4.protocol;
        flow.dscp = hdr.ipv4.dscp;
        transition select(hdr.ipv4.ihl) {
            0 &&& 12: accept; // 0 to 3: malformed, as flow_check will find
            4:        accept;
            5:        parse_ipv4_payload;
            default:  parse_options8;
        }
    }

    state parse_options8 {
        transition select(option_words) {
            8 &&& 8: extract_options8;
            default: parse_options4;
        }
    }

    state extract_options8 {
        packet.extract(hdr.options8);
        transition parse_options4;
    }

    state parse_options4 {
        transition select(option_words) {
            4 &&& 4: extract_options4;
            default: parse_options2;
        }
    }

    state extract_options4 {
        packet.extract(hdr.options4);
        transition parse_options2;
    }

    state parse_options2 {
        transition select(option_words) {
            2 &&& 2: extract_options2;
            default: parse_options1;
        }
    }

    state extract_options2 {
        packet.extract(hdr.options2);
        transition parse_options1;
    }

    state parse_options1 {
        transition select(option_words) {
            1 &&& 1: extract_options1;
            default: parse_ipv4_payload;
        }
    }

    state extract_options1 {
        packet.extract(hdr.options1);
        transition parse_ipv4_payload;
    }

    state parse_ipv4_payload {
        transition select(hdr.ipv4.offset) {
            0:       parse_payload;
            default: parse_later_fragment;
        }
    }

    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        flow.protocol = hdr.ipv6.next_header;
        flow.dscp = hdr.ipv6.dscp;
        transition select(hdr.ipv6.next_header) {
            PROTOCOL_IPV6_FRAGMENT: parse_fragment6;
            default:                parse_payload;
        }
    }

    state parse_fragment6 {
        packet.extract(hdr.fragment6);
        flow.protocol = hdr.fragment6.next_header;
        transition select(hdr.fragment6.offset) {
            0:       parse_payload;
            default: parse_later_fragment;
        }
    }

    state parse_later_fragment {
        flow.later_fragment = 1;
        transition accept;
    }

    state parse_payload {
        transition select(flow.protocol) {
            PROTOCOL_TCP:     parse_ports;
            PROTOCOL_UDP:     parse_ports;
            PROTOCOL_DCCP:    parse_ports;
            PROTOCOL_SCTP:    parse_ports;
            PROTOCOL_UDPLITE: parse_ports;
            PROTOCOL_ICMPV6:  parse_icmpv6;
            default:          accept;
        }
    }

    state parse_ports {
        flow.ports = packet.lookahead<ports_t>();
        flow.has_ports = 1;
        transition accept;
    }

    state parse_icmpv6 {
        flow.icmpv6_type = packet.lookahead<bit<8>>();
        transition accept;
    }
}

// Set flow.malformed: truncated, a wrong version, lengths that contradict each other or the packet's,
// no room for ports.
control flow_check(in headers_t hdr, inout flow_t flow, in standard_metadata_t standard_metadata) {
    apply {
        bit<16> size = 14;  // bytes that Ethernet, tag and IP say there are, at least
        bit<16> payload = 0xffff; // bytes after the IP header, as that says
        bool malformed = standard_metadata.parser_error != error.NoError;

        if (hdr.vlan.isValid()) {
            size = 18;
        }
        if (hdr.ipv4.isValid()) {
            size = size |+| hdr.ipv4.total_length;
            payload = hdr.ipv4.total_length |-| ((bit<16>)hdr.ipv4.ihl << 2);
            malformed = malformed || hdr.ipv4.version != 4 || hdr.ipv4.ihl < 5
                || hdr.ipv4.total_length < (bit<16>)hdr.ipv4.ihl << 2;
        } else if (hdr.ipv6.isValid()) {
            size = size |+| 40 |+| hdr.ipv6.payload_length;
            payload = hdr.ipv6.payload_length;
            if (hdr.fragment6.isValid()) {
                payload = payload |-| 8;
            }
            malformed = malformed || hdr.ipv6.version != 6;
        }
        malformed = malformed || (bit<32>)size > standard_metadata.packet_length
            || (flow.has_ports == 1 && payload < 4);
        if (malformed) {
            flow.malformed = 1;
        }
    }
}
