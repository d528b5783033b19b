/* SPDX-License-Identifier: Apache-2.0 */
/* Meters of packets and of bytes. A packet says which one and which cell; its colour goes back in it. */
#include <core.p4>
#include <v1model.p4>

header request_t {
    bit<8> which;
    bit<32> index;
    bit<8> colour;
}

struct headers_t {
    request_t r;
}

struct meta_t {
    bit<1> is_yellow;
    bit<64> wide;
}

parser parse(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t standard)
{
    state start {
        packet.extract(hdr.r);
        transition accept;
    }
}

control verify_sums(inout headers_t hdr, inout meta_t meta)
{
    apply { }
}

control ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard)
{
    meter(16, MeterType.packets) packets;
    meter(16, MeterType.bytes) octets;

    apply {
        standard.egress_spec = standard.ingress_port;
        switch (hdr.r.which) {
            0: { packets.execute_meter(hdr.r.index, hdr.r.colour); }
            1: { octets.execute_meter(hdr.r.index, hdr.r.colour); }
            2: {
                packets.execute_meter(hdr.r.index, meta.is_yellow);
                hdr.r.colour = (bit<8>)meta.is_yellow;
            }
            3: {
                packets.execute_meter(hdr.r.index, meta.wide);
                hdr.r.colour = meta.wide[7:0];
            }
            default: {
                packets.execute_meter(hdr.r.index, hdr.r.colour[7:6]);
                if (hdr.r.colour[7:6] == V1MODEL_METER_COLOR_RED) {
                    mark_to_drop(standard);
                }
            }
        }
    }
}

control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard)
{
    apply { }
}

control update_sums(inout headers_t hdr, inout meta_t meta)
{
    apply { }
}

control deparse(packet_out packet, in headers_t hdr)
{
    apply {
        packet.emit(hdr.r);
    }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
