/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's inline functions by name, for ctypes. */
#include <stdlib.h>

#include "p4k_meter.h"
#include "p4k_ring.h"

struct p4k_meter_cell *meter_new(void)
{
	return calloc(1, sizeof(struct p4k_meter_cell));
}

void meter_write(struct p4k_meter_cell *cell, bool set, uint64_t cir, uint64_t cburst, uint64_t pir, uint64_t pburst)
{
	p4k_meter_write(cell, &(struct p4k_meter_config){set, cir, cburst, pir, pburst});
}

bool meter_read(const struct p4k_meter_cell *cell, uint64_t numbers[4])
{
	const struct p4k_meter_config config = p4k_meter_read(cell);

	memcpy(numbers, &config.cir, 4 * sizeof(*numbers));
	return config.set;
}

unsigned int meter_colour(struct p4k_meter_cell *cell, uint64_t now_ns, uint64_t tokens)
{
	return p4k_meter(cell, now_ns, tokens);
}

uint64_t meter_filled(uint64_t rate, uint64_t now_ns)
{
	return p4k_filled(rate, now_ns);
}

struct p4k_ring *ring_new(uint64_t size, uint64_t first)
{
	struct p4k_ring *ring = aligned_alloc(64, sizeof(*ring));

	*ring = (struct p4k_ring){.bytes = malloc(size), .size = size, .put = first, .taken = first};
	return ring;
}

void ring_free(struct p4k_ring *ring)
{
	free(ring->bytes);
	free(ring);
}

bool ring_put(struct p4k_ring *ring, uint32_t index, const uint8_t *data, uint32_t length)
{
	return p4k_ring_put(ring, &(struct p4k_event){7, P4K_EVENT_DIGEST, index, length}, data);
}

/* The event's length, or -1 if there is none. */
int64_t ring_take(struct p4k_ring *ring, uint32_t *index, uint8_t *data)
{
	struct p4k_event event;

	if (!p4k_ring_peek(ring, &event))
		return -1;
	*index = event.index;
	p4k_ring_take(ring, &event, data);
	return event.length;
}
