/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table with what its entries have by slot, of one device or of several (one takes another's place). It outlives the
 * program that it was made for. Control thread only; workers read through `table`.
 */
#ifndef P4K_DAEMON_HELD_TABLE_H
#define P4K_DAEMON_HELD_TABLE_H

#include "../runtime/p4k_table.h"
#include "counter.h"

struct held_table {
	unsigned int users;
	struct p4k_table *table;
	struct p4k_table_spec spec;
	bool counted;
	struct counter counter;	      /* if counted: the direct counter */
	struct p4k_meter_cell *meter; /* the direct meter, or NULL */
};

/* With the direct counter and the direct meter (or NULL), which it takes a share of. 0 or a negative errno. */
int held_table_make(const struct p4k_table_spec *spec, const struct counter *counter,
		    struct p4k_meter_cell *meter, struct held_table **out);
/* A user less; NULL is fine. */
void held_table_free(struct held_table *held);

#endif
