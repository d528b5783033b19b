/* SPDX-License-Identifier: Apache-2.0 */
/* Counters: maps whose cells the program adds to by atomic additions. */
#ifndef P4K_BPF_DAEMON_COUNTER_H
#define P4K_BPF_DAEMON_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "../../dpdk/runtime/p4k.h"
#include "../runtime/p4k_bpf.h"
#include "image.h"

struct counter {
	uint32_t size; /* cells; a direct counter has one more than its table, for the default entry */
	bool direct;
	int outer;
	uint32_t slot;		  /* the device's */
	int maps[P4K_BPF_LEVELS]; /* direct: by level, -1 where no entry has come to; else the first is all */
};

#define NO_COUNTER ((struct counter){.maps = {-1, -1, -1, -1, -1, -1, -1, -1}})

/* With `found` the maps of a process before this one. The device's slot has no such maps otherwise. */
int counter_make(struct counter *counter, const struct image *image, unsigned int index,
		 uint32_t slot, bool found, struct failure *why);
void counter_free(struct counter *counter);

/* Direct: have cells for the table's first n slots and its default entry, before packets count there; 0 or -errno. */
int counter_reach(struct counter *counter, uint32_t n);
struct p4k_cell counter_read(const struct counter *counter, uint32_t index);
/* What packets add at this moment may be lost. */
void counter_write(struct counter *counter, uint32_t index, struct p4k_cell value);

/* The sum of one u64 of a per-CPU array; set it to zero. */
uint64_t per_cpu_sum(int map, uint32_t index);
void per_cpu_clear(int map, uint32_t index);

#endif
