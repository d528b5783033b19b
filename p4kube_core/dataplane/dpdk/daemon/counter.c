/* SPDX-License-Identifier: Apache-2.0 */
#include "counter.h"

#include <stdlib.h>

#include "cells.h"
#include "settings.h"

int counter_make(struct counter *counter, uint32_t size)
{
	counter->size = size;
	counter->base = cells_make(size, sizeof(*counter->base));
	counter->cells = calloc(settings.workers, sizeof(*counter->cells));
	if (!counter->base || !counter->cells)
		return -1;
	for (unsigned int w = 0; w < settings.workers; w++) {
		counter->cells[w] = cells_make(size, sizeof(**counter->cells));
		if (!counter->cells[w])
			return -1;
	}
	return 0;
}

int counter_share(struct counter *counter, const struct counter *with)
{
	counter->size = with->size;
	counter->base = cells_share(with->base);
	counter->cells = calloc(settings.workers, sizeof(*counter->cells));
	for (unsigned int w = 0; counter->cells && w < settings.workers; w++)
		counter->cells[w] = cells_share(with->cells[w]);
	return counter->cells ? 0 : -1;
}

void counter_free(struct counter *counter)
{
	for (unsigned int w = 0; counter->cells && w < settings.workers; w++)
		cells_free(counter->cells[w]);
	free(counter->cells);
	cells_free(counter->base);
}

static struct p4k_cell sum(const struct counter *counter, uint32_t index)
{
	struct p4k_cell total = {0};

	for (unsigned int w = 0; w < settings.workers; w++) {
		const struct p4k_cell *cell = &counter->cells[w][index];

		total.packets += __atomic_load_n(&cell->packets, __ATOMIC_RELAXED);
		total.bytes += __atomic_load_n(&cell->bytes, __ATOMIC_RELAXED);
	}
	return total;
}

struct p4k_cell counter_read(const struct counter *counter, uint32_t index)
{
	struct p4k_cell total = sum(counter, index);

	total.packets -= counter->base[index].packets;
	total.bytes -= counter->base[index].bytes;
	return total;
}

void counter_write(struct counter *counter, uint32_t index, struct p4k_cell value)
{
	struct p4k_cell total = sum(counter, index);

	counter->base[index].packets = total.packets - value.packets;
	counter->base[index].bytes = total.bytes - value.bytes;
}
