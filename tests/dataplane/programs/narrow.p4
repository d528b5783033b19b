/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ternary keys of a byte or two, whose masks are shorter than a word, under priorities of every size; in a
 * header that has a struct inside. A packet asks two tables; what they answer goes back in the packet.
 */
#include <core.p4>
#include <v1model.p4>

struct kinds_t {
    bit<8> small;
    bit<16> large;
}

header query_t {
    bit<4> version;
    bit<4> pad;
    kinds_t kinds;
    bit<8> of_rules;
    bit<8> of_small;
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
    action rule(bit<8> number) { hdr.q.of_rules = number; }
    action answer(bit<8> number) { hdr.q.of_small = number; }

    table rules {
        key = { hdr.q.kinds.large : ternary; }
        actions = { rule; }
        const default_action = rule(0);
        const entries = {
            0x1101 &&& 0x000f : rule(1) @priority(3);
            0x1181 : rule(2);
            0x1001 &&& 0xf00f : rule(3) @priority(1);
        }
    }
    table small {
        key = { hdr.q.kinds.small : ternary @name("small"); }
        actions = { answer; }
        const default_action = answer(0);
    }

    apply {
        rules.apply();
        small.apply();
        standard.egress_spec = 1;
    }
}

control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard)
{
    apply { }
}

control compute_sums(inout headers_t hdr, inout meta_t meta)
{
    apply { }
}

control deparse(packet_out packet, in headers_t hdr)
{
    apply { packet.emit(hdr.q); }
}

V1Switch(parse(), verify_sums(), ingress(), egress(), compute_sums(), deparse()) main;
