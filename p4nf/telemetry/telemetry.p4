// SPDX-License-Identifier: Apache-2.0
// Looks at what passes on a wire and changes nothing: what enters at port 1 (outside) leaves at
// port 2 (inside), and the other way round. It counts the flows that it is told of, and tells a
// controller of flows that are new and of flows that are heavy, once in each epoch.
//
// Time is cut into epochs. No cell is ever cleared: each says which epoch it is of, and one of
// another epoch is as good as empty.
#include "../flow.p4"

const bit<32> ROW_CELLS = 4096;      // of each of the sketch's four rows
const bit<32> SEEN_WORDS = 16384;    // of the filter that knows which flows have been seen
const bit<32> REPORTED_WORDS = 1024; // and which heavy ones have been reported

// Indices of the counter `kinds`.
const bit<32> KIND_OTHER = 0; // neither IPv4 nor IPv6
const bit<32> KIND_IPV4 = 1;
const bit<32> KIND_IPV6 = 2;
const bit<32> KIND_MALFORMED = 3;

// What a controller is told. An IPv4 address a.b.c.d is ::ffff:a.b.c.d.
struct new_flow_t {
    bit<128> src;
    bit<128> dst;
    bit<8>   protocol;
    bit<16>  src_port;
    bit<16>  dst_port;
    bit<9>   ingress_port;
}

struct heavy_flow_t {
    bit<128> src;
    bit<128> dst;
    bit<8>   protocol;
    bit<16>  src_port;
    bit<16>  dst_port;
    bit<9>   ingress_port;
    bit<64>  estimate; // bytes or packets in this epoch so far: never too low
}

struct metadata_t {
    flow_t   flow;
    bit<1>   watched;
    bit<128> src;
    bit<128> dst;
    bit<32>  crc32; // of addresses, protocol and ports
    bit<16>  crc16; // likewise
    bit<32>  epoch;
    bit<1>   report_new;
    bit<1>   in_bytes;  // what the sketch counts; else packets
    bit<40>  threshold; // of heavy flows; 0: none is
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

// A Bloom filter of words. A flow has one word and three bits of its 32; above them is the epoch.
control once_an_epoch(in bit<32> crc32, in bit<16> crc16, in bit<32> epoch, out bool first)
                     (bit<32> words) {
    register<bit<64>>(words) filter;

    apply {
        bit<32> index = crc32 & (words - 1);
        bit<32> own = ((bit<32>)1 << crc16[4:0]) | ((bit<32>)1 << crc16[9:5])
            | ((bit<32>)1 << crc16[14:10]);
        bit<64> word;

        @atomic {
            filter.read(word, index);
            if (word[63:32] != epoch) {
                word = epoch ++ 32w0;
            }
            first = word[31:0] & own != own;
            if (first) {
                filter.write(index, word | (bit<64>)own);
            }
        }
    }
}

// A count-min sketch. Every flow has a cell in each of four rows, by different bits of its hashes;
// above a cell's count is its epoch. The least of a flow's four counts is nearest the truth, and
// only those that are less than it has become are raised.
control sketch(in bit<32> crc32, in bit<16> crc16, in bit<24> epoch, in bit<40> amount,
               out bit<40> estimate) {
    register<bit<64>>(ROW_CELLS) row0;
    register<bit<64>>(ROW_CELLS) row1;
    register<bit<64>>(ROW_CELLS) row2;
    register<bit<64>>(ROW_CELLS) row3;

    apply {
        bit<32> index0 = (bit<32>)crc32[11:0];
        bit<32> index1 = (bit<32>)crc32[23:12];
        bit<32> index2 = (bit<32>)(crc32[31:24] ++ crc16[15:12]);
        bit<32> index3 = (bit<32>)crc16[11:0];
        bit<64> cell0;
        bit<64> cell1;
        bit<64> cell2;
        bit<64> cell3;

        @atomic {
            row0.read(cell0, index0);
            row1.read(cell1, index1);
            row2.read(cell2, index2);
            row3.read(cell3, index3);
            bit<40> count0 = cell0[63:40] == epoch ? cell0[39:0] : 0;
            bit<40> count1 = cell1[63:40] == epoch ? cell1[39:0] : 0;
            bit<40> count2 = cell2[63:40] == epoch ? cell2[39:0] : 0;
            bit<40> count3 = cell3[63:40] == epoch ? cell3[39:0] : 0;

            bit<40> least = count0;
            if (count1 < least) {
                least = count1;
            }
            if (count2 < least) {
                least = count2;
            }
            if (count3 < least) {
                least = count3;
            }
            estimate = least |+| amount;

            if (count0 < estimate) {
                row0.write(index0, epoch ++ estimate);
            }
            if (count1 < estimate) {
                row1.write(index1, epoch ++ estimate);
            }
            if (count2 < estimate) {
                row2.write(index2, epoch ++ estimate);
            }
            if (count3 < estimate) {
                row3.write(index3, epoch ++ estimate);
            }
        }
    }
}

control ingress(inout headers_t hdr, inout metadata_t meta,
                inout standard_metadata_t standard_metadata) {
    flow_check() check;
    once_an_epoch(SEEN_WORDS) seen;
    once_an_epoch(REPORTED_WORDS) reported;
    sketch() volumes;
    counter(4, CounterType.packets_and_bytes) kinds;
    direct_counter(CounterType.packets_and_bytes) counts4;
    direct_counter(CounterType.packets_and_bytes) counts6;

    action forward(bit<9> port) {
        standard_metadata.egress_spec = port;
    }

    action drop() {
        mark_to_drop(standard_metadata);
    }

    action count4(bit<1> watched) {
        counts4.count();
        meta.watched = watched;
    }

    action count6(bit<1> watched) {
        counts6.count();
        meta.watched = watched;
    }

    // pace: epochs in 65,536 microseconds, times 2^32
    action set(bit<1> report_new, bit<1> in_bytes, bit<40> threshold, bit<32> pace) {
        bit<64> ticks = (bit<64>)(standard_metadata.ingress_global_timestamp >> 16);
        meta.report_new = report_new;
        meta.in_bytes = in_bytes;
        meta.threshold = threshold;
        meta.epoch = (bit<32>)((ticks * (bit<64>)pace) >> 32);
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

    table flows4 {
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
        actions = { count4; }
        default_action = count4(1);
        counters = counts4;
        size = 4096;
    }

    table flows6 {
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
        actions = { count6; }
        default_action = count6(1);
        counters = counts6;
        size = 4096;
    }

    // What is reported, and how long an epoch is.
    table settings {
        actions = { set; }
        default_action = set(0, 0, 0, 0);
    }

    apply {
        check.apply(hdr, meta.flow, standard_metadata);
        wire.apply();
        if (meta.flow.malformed == 1) {
            kinds.count(KIND_MALFORMED);
        } else if (hdr.ipv4.isValid()) {
            kinds.count(KIND_IPV4);
            flows4.apply();
            meta.src = (bit<128>)hdr.ipv4.src | 0xffff00000000;
            meta.dst = (bit<128>)hdr.ipv4.dst | 0xffff00000000;
            hash(meta.crc32, HashAlgorithm.crc32, 32w0,
                { hdr.ipv4.src, hdr.ipv4.dst, meta.flow.protocol,
                  meta.flow.ports.src, meta.flow.ports.dst }, 64w0x100000000);
            hash(meta.crc16, HashAlgorithm.crc16, 16w0,
                { hdr.ipv4.src, hdr.ipv4.dst, meta.flow.protocol,
                  meta.flow.ports.src, meta.flow.ports.dst }, 32w0x10000);
        } else if (hdr.ipv6.isValid()) {
            kinds.count(KIND_IPV6);
            flows6.apply();
            meta.src = hdr.ipv6.src;
            meta.dst = hdr.ipv6.dst;
            hash(meta.crc32, HashAlgorithm.crc32, 32w0,
                { hdr.ipv6.src, hdr.ipv6.dst, meta.flow.protocol,
                  meta.flow.ports.src, meta.flow.ports.dst }, 64w0x100000000);
            hash(meta.crc16, HashAlgorithm.crc16, 16w0,
                { hdr.ipv6.src, hdr.ipv6.dst, meta.flow.protocol,
                  meta.flow.ports.src, meta.flow.ports.dst }, 32w0x10000);
        } else {
            kinds.count(KIND_OTHER);
        }

        if (meta.watched == 1) {
            bool first = false;

            settings.apply();
            if (meta.report_new == 1) {
                seen.apply(meta.crc32, meta.crc16, meta.epoch, first);
                if (first) {
                    digest<new_flow_t>(1, { meta.src, meta.dst, meta.flow.protocol,
                        meta.flow.ports.src, meta.flow.ports.dst,
                        standard_metadata.ingress_port });
                }
            }
            if (meta.threshold != 0) {
                bit<40> amount = 1;
                bit<40> estimate;

                if (meta.in_bytes == 1) {
                    amount = (bit<40>)standard_metadata.packet_length;
                }
                volumes.apply(meta.crc32, meta.crc16, meta.epoch[23:0], amount, estimate);
                if (estimate >= meta.threshold) {
                    reported.apply(meta.crc32, meta.crc16, meta.epoch, first);
                    if (first) {
                        digest<heavy_flow_t>(1, { meta.src, meta.dst, meta.flow.protocol,
                            meta.flow.ports.src, meta.flow.ports.dst,
                            standard_metadata.ingress_port, (bit<64>)estimate });
                    }
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
        packet.emit(hdr);
    }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
