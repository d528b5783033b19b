/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables in turn, each with a direct counter: exact on bytes 0..5, lpm on bytes 6..9, three ranges on bytes 10..15 where
 * the packet has them, ternary on bytes 10..11.
 * Counter 3 counts by ingress port. A packet shorter than 12 bytes is malformed.
 */
#include <string.h>

#include "p4k_table.h"

enum { TABLE_EXACT, TABLE_LPM, TABLE_TERNARY, TABLE_RANGE };
enum { COUNTER_PORTS = 3, COUNTER_RANGE };
enum { ACTION_DROP, ACTION_FORWARD, ACTION_NOTHING };
enum { DROP_MALFORMED, DROP_BY_TABLE };

static void count(const struct p4k_context *context, unsigned int counter, uint32_t index,
		  const struct p4k_packet *packet)
{
	struct p4k_cell *cell = &context->counters[counter][index];

	cell->packets++;
	cell->bytes += packet->length;
}

static const struct p4k_entry *look_up(const struct p4k_context *context,
				       const struct p4k_packet *packet)
{
	const struct p4k_table *const *tables = context->tables;
	const struct p4k_entry *entry;
	uint64_t key = 0;

	memcpy(&key, packet->data, 6);
	entry = p4k_exact_lookup(tables[TABLE_EXACT], &key, 1);
	if (entry) {
		count(context, TABLE_EXACT, entry->slot, packet);
		return entry;
	}
	entry = p4k_lpm_lookup(tables[TABLE_LPM], packet->data + 6, 4);
	if (entry) {
		count(context, TABLE_LPM, entry->slot, packet);
		return entry;
	}
	if (packet->length >= 16) {
		key = 0;
		memcpy(&key, packet->data + 10, 6);
		entry = p4k_ternary_lookup(tables[TABLE_RANGE], &key, 1);
		if (entry) {
			count(context, COUNTER_RANGE, entry->slot, packet);
			return entry;
		}
	}
	key = 0;
	memcpy(&key, packet->data + 10, 2);
	entry = p4k_ternary_lookup(tables[TABLE_TERNARY], &key, 1);
	if (!entry)
		entry = p4k_default(tables[TABLE_TERNARY]);
	count(context, TABLE_TERNARY, entry->slot, packet);
	return entry;
}

static void process(const struct p4k_context *context, struct p4k_packet *packets, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct p4k_packet *packet = &packets[i];
		const struct p4k_entry *entry;

		packet->egress_port = P4K_PORT_DROP;
		count(context, COUNTER_PORTS, packet->ingress_port % 8, packet);
		if (packet->length < 12) {
			context->drops[DROP_MALFORMED]++;
			continue;
		}
		entry = look_up(context, packet);
		if (entry->action == ACTION_FORWARD)
			packet->egress_port = (uint16_t)(entry->data[0] << 8 | entry->data[1]);
		else
			context->drops[DROP_BY_TABLE]++;
	}
}

static const struct p4k_action_spec actions[] = {{"drop", 0}, {"forward", 2}, {"NoAction", 0}};

static const struct p4k_range_spec ranges[] = {{0, 2}, {2, 2}, {4, 2}};

static const struct p4k_table_spec tables[] = {
	{.name = "exact", .kind = P4K_EXACT, .size = 1024, .key_bytes = 6, .data_bytes = 2},
	{.name = "lpm", .kind = P4K_LPM, .size = 1024, .key_bytes = 4, .data_bytes = 2},
	{.name = "ternary", .kind = P4K_TERNARY, .size = 4, .key_bytes = 2, .data_bytes = 2},
	{.name = "range", .kind = P4K_TERNARY, .size = 4, .key_bytes = 6, .data_bytes = 2,
	 .n_ranges = 3, .ranges = ranges},
};

static const struct p4k_counter_spec counters[] = {
	{"exact", 1024, 0}, {"lpm", 1024, 1}, {"ternary", 4, 2}, {"ports", 8, -1}, {"range", 4, 3}};

static const char *const drops[] = {"malformed", "by_table"};

const struct p4k_program p4k_program = {
	.abi = P4K_ABI,
	.name = "switch",
	.digest = "sha256:1",
	.n_actions = 3,
	.n_tables = 4,
	.n_counters = 5,
	.n_drops = 2,
	.actions = actions,
	.tables = tables,
	.counters = counters,
	.drops = drops,
	.process = process,
};
