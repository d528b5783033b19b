/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters, one set of cells a worker. Only its worker writes a cell: the control thread sets a counter by keeping
 * what must be taken off the sum.
 */
#ifndef P4K_DAEMON_COUNTER_H
#define P4K_DAEMON_COUNTER_H

#include <stdint.h>

#include "../runtime/p4k.h"

struct counter {
	uint32_t size;		 /* cells; a direct counter has one more than its table, for the default entry */
	struct p4k_cell **cells; /* by worker; that worker: wo, control: ro */
	struct p4k_cell *base;	 /* control only: value = sum of cells - base */
};

/* -1 without memory; then, too, it is to be freed. */
int counter_make(struct counter *counter, uint32_t size);
/* The cells of another, for one more user. */
int counter_share(struct counter *counter, const struct counter *with);
void counter_free(struct counter *counter);

struct p4k_cell counter_read(const struct counter *counter, uint32_t index);
void counter_write(struct counter *counter, uint32_t index, struct p4k_cell value);

#endif
