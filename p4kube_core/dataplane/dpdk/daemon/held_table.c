/* SPDX-License-Identifier: Apache-2.0 */
#include "held_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/p4k_meter.h"
#include "cells.h"
#include "rcu.h"

static void retire(void *owner, void (*release)(void *), void *memory)
{
	(void)owner;
	rcu_retire(release, memory);
}

static void flush(void *owner)
{
	(void)owner;
	rcu_flush();
}

static void slot_released(void *owner, uint32_t slot)
{
	static const struct p4k_meter_config none;
	struct held_table *held = owner;

	if (held->counted)
		counter_write(&held->counter, slot, (struct p4k_cell){0});
	if (held->meter)
		p4k_meter_write(&held->meter[slot], &none);
}

/* NULL without memory, or where there is nothing. */
static void *copy(const void *memory, size_t bytes)
{
	void *copied = bytes ? malloc(bytes) : NULL;

	if (copied)
		memcpy(copied, memory, bytes);
	return copied;
}

/* The spec with memory of its own, but the const entries, which are looked at once. */
static int copy_spec(struct p4k_table_spec *to, const struct p4k_table_spec *from)
{
	size_t data_bytes = from->default_data ? from->data_bytes : 0;
	size_t range_bytes = from->n_ranges * sizeof(*from->ranges);

	*to = *from;
	to->name = strdup(from->name);
	to->default_data = copy(from->default_data, data_bytes);
	to->ranges = copy(from->ranges, range_bytes);
	return to->name && (to->default_data || !data_bytes) && (to->ranges || !range_bytes) ? 0 : -1;
}

int held_table_make(const struct p4k_table_spec *spec, const struct counter *counter,
		    struct p4k_meter_cell *meter, struct held_table **out)
{
	struct held_table *held = calloc(1, sizeof(*held));
	const struct p4k_reclaimer reclaimer = {
		.retire = retire, .flush = flush, .slot_released = slot_released, .owner = held};
	int ret = -ENOMEM;

	if (!held)
		return ret;
	held->users = 1;
	held->counted = counter && counter_share(&held->counter, counter) == 0;
	held->meter = meter ? cells_share(meter) : NULL;
	if (copy_spec(&held->spec, spec) == 0 && held->counted == !!counter)
		ret = p4k_table_create(&held->spec, &reclaimer, &held->table);
	held->spec.const_entries = NULL;
	held->spec.n_const_entries = 0;
	if (ret == 0)
		*out = held;
	else
		held_table_free(held);
	return ret;
}

void held_table_free(struct held_table *held)
{
	if (!held || --held->users > 0)
		return;
	p4k_table_destroy(held->table);
	if (held->counted)
		counter_free(&held->counter);
	cells_free(held->meter);
	free((void *)(uintptr_t)held->spec.name);
	free((void *)(uintptr_t)held->spec.default_data);
	free((void *)(uintptr_t)held->spec.ranges);
	free(held);
}
