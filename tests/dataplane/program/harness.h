/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one compiled program in a plain process: its tables, its counters, one worker. */
#ifndef HARNESS_H
#define HARNESS_H

#include "p4k_table.h"

struct harness;

struct harness *harness_new(const struct p4k_program *program);
/* From a shared object; NULL with a message on stderr if it cannot be loaded. */
struct harness *harness_open(const char *path);
void harness_free(struct harness *harness);

/* As p4k_table_insert and p4k_table_set_default: 0 or a negative errno. */
int harness_insert(struct harness *harness, unsigned int table, const uint8_t *record);
int harness_set_default(struct harness *harness, unsigned int table, uint16_t action, const uint8_t *data);

uint64_t harness_drops(const struct harness *harness, unsigned int index);
uint64_t harness_packets(const struct harness *harness, unsigned int counter, uint32_t index);
uint64_t harness_bytes(const struct harness *harness, unsigned int counter, uint32_t index);
/* Slot of the entry with the record's identity; the table's size (the default's cell) if there is none. */
uint32_t harness_slot(const struct harness *harness, unsigned int table, const uint8_t *record);

/* Rates and bursts of a meter's cell; the clock that meters see, at first a second. */
void harness_meter(struct harness *harness, unsigned int meter, uint32_t index, uint64_t cir, uint64_t cburst,
		   uint64_t pir, uint64_t pburst);
void harness_time(struct harness *harness, uint64_t now_ns);
/* Digests that found no room. */
uint64_t harness_lost(const struct harness *harness);
/* The next digest: its index, with its data in `data`; -1 if there is none. */
int64_t harness_digest(struct harness *harness, uint8_t *data);

/*
 * Run one packet in a buffer of exactly headroom + length + tailroom bytes. Returns the egress port; `out`
 * takes up to `room` bytes of what comes out, *out_length is all of its length. Aborts if the program leaves the
 * packet outside of its buffer.
 */
unsigned int harness_run(struct harness *harness, unsigned int port, const uint8_t *data, uint32_t length,
			 uint32_t headroom, uint32_t tailroom, uint8_t *out, uint32_t room, uint32_t *out_length);

#endif
