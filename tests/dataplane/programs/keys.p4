/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Range and optional keys, also beside other kinds, and entries that the program brings. A packet asks a
 * table about its fields; what it answers goes back in the packet.
 */
#include <core.p4>
#include <v1model.p4>

header query_t {
    bit<8> which;
    bit<8> kind;
    bit<16> port;
    bit<32> address;
    bit<8> answer;
}

struct headers_t {
    query_t q;
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
    action answer(bit<8> number) {
        hdr.q.answer = number;
    }
    table ports {
        key = {
            hdr.q.port: range @name("port");
            hdr.q.kind: exact @name("kind");
        }
        actions = { answer; NoAction; }
        size = 64;
    }
    table rules {
        key = {
            hdr.q.kind: optional @name("kind");
            hdr.q.port: range @name("port");
            hdr.q.address: lpm @name("address");
            hdr.q.port[3:0]: range @name("nibble");
        }
        actions = { answer; NoAction; }
        size = 64;
    }
    table fixed {
        key = {
            hdr.q.port: range @name("port");
            hdr.q.kind: optional @name("kind");
        }
        actions = { answer; NoAction; }
        default_action = answer(99);
        const entries = {
            (0 .. 1023, 17): answer(1);
            (0 .. 1023, _): answer(2);
            (_, 17): answer(3);
            (8080, _): answer(4);
        }
    }

    apply {
        standard.egress_spec = standard.ingress_port;
        switch (hdr.q.which) {
            0: { ports.apply(); }
            1: { rules.apply(); }
            default: { fixed.apply(); }
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
        packet.emit(hdr.q);
    }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
