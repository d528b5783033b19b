/* SPDX-License-Identifier: Apache-2.0 */
/* Counters: cells that the program adds to by atomic additions. */
#ifndef P4K_BPF_DAEMON_COUNTER_H
#define P4K_BPF_DAEMON_COUNTER_H

#include <stdint.h>

#include "../../dpdk/runtime/p4k.h"
#include "array.h"

struct counter {
	uint32_t size; /* cells; a direct counter has one more than its table, for the default entry */
	struct array cells;
};

struct p4k_cell counter_read(const struct counter *counter, uint32_t index);
/* What packets add at this moment may be lost. */
void counter_write(struct counter *counter, uint32_t index, struct p4k_cell value);

/* The sum of one u64 of a per-CPU array; set it to zero. */
uint64_t per_cpu_sum(int map, uint32_t index);
void per_cpu_clear(int map, uint32_t index);

#endif
