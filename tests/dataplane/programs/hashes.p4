/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hash() and random() give. A packet says what to compute; the answer goes back in it.
 */
#include <core.p4>
#include <v1model.p4>

header question_t {
    bit<8> what;
    bit<72> text;
    bit<3> few;
    bit<5> rest;
    bit<32> base;
    bit<32> most;
    bit<64> answer;
}

struct headers_t {
    question_t q;
}

struct meta_t {
}

parser parse(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t standard)
{
    state start {
        packet.extract(hdr.q);
        transition accept;
    }
}

control verify_sums(inout headers_t hdr, inout meta_t meta)
{
    apply { }
}

control ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard)
{
    apply {
        bit<64> base = (bit<64>)hdr.q.base;
        bit<64> most = (bit<64>)hdr.q.most;
        bit<4> small = 9;
        standard.egress_spec = standard.ingress_port;
        switch (hdr.q.what) {
            0: { hash(hdr.q.answer, HashAlgorithm.crc32, base, { hdr.q.text }, most); }
            1: { hash(hdr.q.answer, HashAlgorithm.crc32_custom, base, { hdr.q.text }, most); }
            2: { hash(hdr.q.answer, HashAlgorithm.crc16, base, { hdr.q.text }, most); }
            3: { hash(hdr.q.answer, HashAlgorithm.crc16_custom, base, { hdr.q.text }, most); }
            4: { hash(hdr.q.answer, HashAlgorithm.csum16, base, { hdr.q.text }, most); }
            5: { hash(hdr.q.answer, HashAlgorithm.xor16, base, { hdr.q.text }, most); }
            6: { hash(hdr.q.answer, HashAlgorithm.identity, base, { hdr.q.text }, 64w0xffffffffffffffff); }
            7: { hash(hdr.q.answer, HashAlgorithm.random, base, { hdr.q.text }, most); }
            /* Three bits and one byte: 11 bits, five of zero behind. */
            8: { hash(hdr.q.answer, HashAlgorithm.crc16, base, { hdr.q.few, hdr.q.text[7:0] }, most); }
            9: { hash(hdr.q.answer, HashAlgorithm.identity, base, { hdr.q.few, hdr.q.text[7:0] }, most); }
            10: { hash(hdr.q.answer, HashAlgorithm.crc32, base, { hdr.q.few, hdr.q.rest, 16w0x1234, true, 7w0 }, most); }
            /* Into few bits. */
            11: {
                hash(small, HashAlgorithm.crc16, 8w0, { hdr.q.text }, 8w0);
                hdr.q.answer = (bit<64>)small;
                hash(small, HashAlgorithm.crc16, 16w3, { hdr.q.text }, 16w0xffff);
                hdr.q.answer = hdr.q.answer << 4 | (bit<64>)small;
            }
            12: { random(hdr.q.answer, base, most); }
            13: {
                bit<8> drawn;
                random(drawn, hdr.q.text[7:0], hdr.q.text[15:8]);
                hdr.q.answer = (bit<64>)drawn;
            }
            14: { }
            default: { mark_to_drop(standard); }
        }
    }
}

control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard)
{
    apply { }
}

control update_sums(inout headers_t hdr, inout meta_t meta)
{
    apply {
        update_checksum(hdr.q.what == 14, { hdr.q.text }, hdr.q.answer, HashAlgorithm.crc32);
    }
}

control deparse(packet_out packet, in headers_t hdr)
{
    apply {
        packet.emit(hdr.q);
    }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
