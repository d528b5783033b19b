/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker tells control: a bounded ring of events of any length, one producer (the worker), one consumer
 * (the control thread), no locks. An event that finds no room is lost, and counted by whoever put it.
 */
#ifndef P4K_RING_H
#define P4K_RING_H

#include <string.h>

#include "p4k_event.h"

struct p4k_ring {
	uint8_t *bytes; /* fixed */
	uint64_t size;	/* fixed; a power of two, at least 64 */
	_Alignas(64) uint64_t put; /* bytes ever put; producer: wo, consumer: ro */
	_Alignas(64) uint64_t taken; /* bytes ever taken; consumer: wo, producer: ro */
};

/* An event with its data, whole words. */
static inline uint64_t p4k_ring_bytes(uint32_t length)
{
	return (sizeof(struct p4k_event) + (uint64_t)length + 7) & ~UINT64_C(7);
}

/* Producer. False: there is no room. */
static inline bool p4k_ring_put(struct p4k_ring *ring, const struct p4k_event *event, const uint8_t *data)
{
	const uint64_t put = ring->put, wanted = p4k_ring_bytes(event->length);
	const uint64_t at = (put + sizeof(*event)) & (ring->size - 1), left = ring->size - at;
	const uint64_t first = event->length < left ? event->length : left;

	if (wanted > ring->size - (put - __atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE)))
		return false;
	/* Places are whole words and the event is two, so that only 8 of its bytes may stand before the ring's end. */
	memcpy(ring->bytes + (put & (ring->size - 1)), event, 8);
	memcpy(ring->bytes + ((put + 8) & (ring->size - 1)), (const uint8_t *)event + 8, 8);
	memcpy(ring->bytes + at, data, first);
	memcpy(ring->bytes, data + first, event->length - first);
	__atomic_store_n(&ring->put, put + wanted, __ATOMIC_RELEASE);
	return true;
}

/* Consumer: the next event and how long its data are, without taking it. False: there is none. */
static inline bool p4k_ring_peek(const struct p4k_ring *ring, struct p4k_event *event)
{
	const uint64_t taken = ring->taken;

	if (taken == __atomic_load_n(&ring->put, __ATOMIC_ACQUIRE))
		return false;
	memcpy(event, ring->bytes + (taken & (ring->size - 1)), 8);
	memcpy((uint8_t *)event + 8, ring->bytes + ((taken + 8) & (ring->size - 1)), 8);
	return true;
}

/* Consumer: take the event that p4k_ring_peek() gave, its data to `data`, or nowhere if that is NULL. */
static inline void p4k_ring_take(struct p4k_ring *ring, const struct p4k_event *event, uint8_t *data)
{
	const uint64_t taken = ring->taken;
	const uint64_t at = (taken + sizeof(*event)) & (ring->size - 1), left = ring->size - at;
	const uint64_t first = event->length < left ? event->length : left;

	if (data) {
		memcpy(data, ring->bytes + at, first);
		memcpy(data + first, ring->bytes, event->length - first);
	}
	__atomic_store_n(&ring->taken, taken + p4k_ring_bytes(event->length), __ATOMIC_RELEASE);
}

#endif
