/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of every width that a C integer has, one between, a signed one and a boolean.
 * A packet says which cell to read (0) or write (1); what was read goes back in it.
 */
#include <core.p4>
#include <v1model.p4>

header request_t {
    bit<8> kind;
    bit<8> which;
    bit<32> index;
    bit<128> value;
}

struct headers_t {
    request_t r;
}

struct meta_t {
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
    register<bool>(2) flags;
    register<bit<8>>(4) bytes;
    register<bit<12>>(4) vlans;
    register<int<32>>(4) signs;
    register<bit<48>>(4) macs;
    register<bit<128>>(4) wide;
    register<bit<32>>(4) totals;

    apply {
        bool is_write = hdr.r.kind == 1;
        standard.egress_spec = standard.ingress_port;
        switch (hdr.r.which) {
            0: {
                bool flag;
                flags.read(flag, hdr.r.index);
                if (is_write) { flags.write(hdr.r.index, hdr.r.value == 1); }
                hdr.r.value = flag ? 128w1 : 0;
            }
            1: {
                bit<8> byte;
                bytes.read(byte, hdr.r.index);
                if (is_write) { bytes.write(hdr.r.index, hdr.r.value[7:0]); }
                hdr.r.value = (bit<128>)byte;
            }
            2: {
                bit<12> vlan;
                vlans.read(vlan, hdr.r.index);
                if (is_write) { vlans.write(hdr.r.index, hdr.r.value[11:0]); }
                hdr.r.value = (bit<128>)vlan;
            }
            3: {
                int<32> sign;
                signs.read(sign, hdr.r.index);
                if (is_write) { signs.write(hdr.r.index, (int<32>)hdr.r.value[31:0]); }
                hdr.r.value = (bit<128>)(bit<64>)(int<64>)sign;
            }
            4: {
                macs.read(hdr.r.value[47:0], hdr.r.index);
                if (is_write) { macs.write(hdr.r.index, 0x1234567890ab); }
            }
            5: {
                bit<128> all;
                wide.read(all, hdr.r.index);
                if (is_write) { wide.write(hdr.r.index, hdr.r.value); }
                hdr.r.value = all;
            }
            default: {
                bit<32> total;
                @atomic {
                    totals.read(total, 1);
                    total = total + 1;
                    totals.write(1, total);
                }
                hdr.r.value = (bit<128>)total;
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
