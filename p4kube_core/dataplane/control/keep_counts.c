/* SPDX-License-Identifier: Apache-2.0 */
#include "keep_counts.h"

#include <stdlib.h>
#include <string.h>

struct pair {
	unsigned int new, old;
};

static int read_pair(const json_t *at, unsigned int n_new, unsigned int n_old, struct pair *pair)
{
	const json_t *new = json_array_get(at, 0), *old = json_array_get(at, 1);

	if (json_array_size(at) != 2 || !json_is_integer(new) || !json_is_integer(old) ||
	    json_integer_value(new) < 0 || json_integer_value(new) >= n_new ||
	    json_integer_value(old) < 0 || json_integer_value(old) >= n_old)
		return -1;
	*pair = (struct pair){(unsigned int)json_integer_value(new),
			      (unsigned int)json_integer_value(old)};
	return 0;
}

static bool same_records(const struct p4k_table_spec *a, const struct p4k_table_spec *b)
{
	return a->kind == b->kind && a->key_bytes == b->key_bytes && a->n_ranges == b->n_ranges &&
	       (a->n_ranges == 0 ||
		memcmp(a->ranges, b->ranges, a->n_ranges * sizeof(*a->ranges)) == 0);
}

int keep_counts_check(const json_t *counts, const struct device *old, const struct device *new,
		      struct failure *why)
{
	const struct p4k_program *from = old->program, *to = new->program;
	const json_t *at;
	struct pair pair;
	size_t i;

	json_array_foreach(json_object_get(counts, "tables"), i, at)
		if (read_pair(at, to->n_tables, from->n_tables, &pair) != 0 ||
		    !same_records(&to->tables[pair.new], &from->tables[pair.old]) ||
		    !new->direct[pair.new] || !old->direct[pair.old])
			return fail(why, FAIL_INVALID,
				    "counts: tables %zu: want [new, old] of the same form, with direct counters",
				    i);
	json_array_foreach(json_object_get(counts, "counters"), i, at)
		if (read_pair(at, to->n_counters, from->n_counters, &pair) != 0 ||
		    to->counters[pair.new].table >= 0 || from->counters[pair.old].table >= 0)
			return fail(why, FAIL_INVALID,
				    "counts: counters %zu: want [new, old], neither of a table", i);
	return 0;
}

static void add(struct counter *to, uint32_t to_cell, struct counter *from, uint32_t from_cell)
{
	struct p4k_cell sum = counter_read(to, to_cell), more = counter_read(from, from_cell);

	if (more.packets == 0 && more.bytes == 0)
		return;
	sum.packets += more.packets;
	sum.bytes += more.bytes;
	counter_write(to, to_cell, sum);
}

static bool same_action(const struct device *a, const struct p4k_entry *of_a, const struct device *b,
			const struct p4k_entry *of_b)
{
	return strcmp(a->program->actions[of_a->action].name,
		      b->program->actions[of_b->action].name) == 0;
}

static void keep_table(struct device *old, struct device *new, struct pair pair)
{
	const struct p4k_table *to = new->tables[pair.new], *from = old->tables[pair.old];
	uint8_t *record = malloc(p4k_record_bytes(&new->program->tables[pair.new]));
	const struct p4k_entry *entry, *before;
	uint32_t cursor = 0;

	if (from == to) { /* both have it */
		free(record);
		return;
	}
	while (record && (entry = p4k_table_next(to, &cursor))) {
		p4k_table_record(to, entry, record);
		before = p4k_table_find(from, record);
		if (before && same_action(new, entry, old, before))
			add(new->direct[pair.new], entry->slot, old->direct[pair.old],
			    before->slot);
	}
	free(record);
	entry = p4k_default(to);
	before = p4k_default(from);
	if (same_action(new, entry, old, before))
		add(new->direct[pair.new], entry->slot, old->direct[pair.old], before->slot);
}

static void keep_counter(struct device *old, struct device *new, struct pair pair)
{
	struct counter *to = &new->counters[pair.new], *from = &old->counters[pair.old];

	for (uint32_t i = 0; i < to->size && i < from->size; i++)
		add(to, i, from, i);
}

void keep_counts(const json_t *counts, struct device *old, struct device *new)
{
	const struct p4k_program *from = old->program, *to = new->program;
	const json_t *at;
	struct pair pair;
	size_t i;

	json_array_foreach(json_object_get(counts, "tables"), i, at)
		if (read_pair(at, to->n_tables, from->n_tables, &pair) == 0)
			keep_table(old, new, pair);
	json_array_foreach(json_object_get(counts, "counters"), i, at)
		if (read_pair(at, to->n_counters, from->n_counters, &pair) == 0)
			keep_counter(old, new, pair);
}
