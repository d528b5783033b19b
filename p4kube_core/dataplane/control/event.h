/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What data planes tell those who subscribed, unasked: digests, packets for a controller, and how many of either were
 * lost (docs/seams.md, 4). Each subscriber has a bounded queue; one that reads slowly loses events and is told how many.
 */
#ifndef P4K_CONTROL_EVENT_H
#define P4K_CONTROL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether anyone would hear of an event. */
bool event_wanted(void);

/* As they come; those of one kind in a row travel together. */
void event_digest(uint64_t device, unsigned int digest, const uint8_t *data, size_t bytes);
void event_packet_in(uint64_t device, unsigned int p4_port, const uint8_t *packet, uint16_t bytes);
/* So many found no room on their way here. */
void event_lost(uint64_t device, uint64_t count);
/* No more for now: send what was gathered. */
void event_end(void);

/* A connection's end. */
struct subscriber *subscriber_make(void);
void subscriber_free(struct subscriber *subscriber);
bool subscriber_waits(const struct subscriber *subscriber);
/* The next message, malloc'ed, or NULL. */
uint8_t *subscriber_next(struct subscriber *subscriber, size_t *length);

#endif
