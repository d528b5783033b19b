/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By a packet's first bytes: byte 0 is looked up in a table with a direct meter of packets; byte 1 is the index into a
 * meter of bytes and into three registers, which count packets. The worse colour says the way out: green
 * port 2, yellow port 3, red is dropped. A packet with 0xdd in byte 0 sends as many digests as byte 1 says, numbered.
 */
#include <string.h>

#include "p4k_digest.h"
#include "p4k_meter.h"
#include "p4k_register.h"

enum { DROP_RED, DROP_SHORT };
enum { METER_FLOWS, METER_ENTRIES };

static enum p4k_colour colour_of(const struct p4k_context *context, const struct p4k_packet *packet)
{
	uint64_t key = packet->data[0];
	const struct p4k_entry *entry = p4k_exact_lookup(context->tables[0], &key, 1);
	enum p4k_colour flow = P4K_GREEN, direct;

	if (packet->data[1] < 8)
		flow = p4k_meter(&context->meters[METER_FLOWS][packet->data[1]], context->now_ns,
				 packet->length);
	if (!entry)
		entry = p4k_default(context->tables[0]);
	direct = p4k_meter(&context->meters[METER_ENTRIES][entry->slot], context->now_ns, 1);
	return flow > direct ? flow : direct;
}

static void count(const struct p4k_context *context, uint8_t index)
{
	p4k_write_register_8(context->registers[0], 8, index,
			     (uint8_t)(p4k_read_register_8(context->registers[0], 8, index) + 1));
	p4k_write_register_64(context->registers[1], 8, index,
			      p4k_read_register_64(context->registers[1], 8, index) + 1);
}

static void process(const struct p4k_context *context, struct p4k_packet *packets, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct p4k_packet *packet = &packets[i];
		enum p4k_colour colour;

		packet->egress_port = P4K_PORT_DROP;
		if (packet->length < 2) {
			context->drops[DROP_SHORT]++;
			continue;
		}
		colour = colour_of(context, packet);
		count(context, packet->data[1]);
		if (packet->data[0] == 0xdd)
			for (uint8_t d = 0; d < packet->data[1]; d++)
				p4k_send_digest(context, 1, (const uint8_t[]){packet->data[1], d}, 2);
		if (colour == P4K_RED)
			context->drops[DROP_RED]++;
		else
			packet->egress_port = colour == P4K_GREEN ? 2 : 3;
	}
}

static const struct p4k_action_spec actions[] = {{"NoAction", 0}};

static const struct p4k_table_spec tables[] = {
	{.name = "entries", .kind = P4K_EXACT, .size = 16, .key_bytes = 1},
};

static const struct p4k_meter_spec meters[] = {
	{.name = "flows", .counts_bytes = true, .size = 8, .table = -1},
	{.name = "entries", .size = 16, .table = 0},
};

static const struct p4k_register_spec registers[] = {
	{"narrow", 5, 8}, {"whole", 64, 8}, {"wide", 128, 8}};

static const struct p4k_digest_spec digests[] = {{"none", 0}, {"seen", 2}};

static const char *const drops[] = {"red", "short"};

const struct p4k_program p4k_program = {
	.abi = P4K_ABI,
	.name = "state",
	.digest = "sha256:3",
	.n_actions = 1,
	.n_tables = 1,
	.n_drops = 2,
	.actions = actions,
	.tables = tables,
	.drops = drops,
	.process = process,
	.n_registers = 3,
	.registers = registers,
	.n_meters = 2,
	.meters = meters,
	.n_digests = 2,
	.digests = digests,
};
