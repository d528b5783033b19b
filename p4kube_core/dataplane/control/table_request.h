/* SPDX-License-Identifier: Apache-2.0 */
/* The table that a request names. */
#ifndef P4K_CONTROL_TABLE_REQUEST_H
#define P4K_CONTROL_TABLE_REQUEST_H

#include "device.h"
#include "message.h"

struct target {
	struct device *device;
	const struct p4k_table_spec *spec;
	struct p4k_table *table;
	struct counter *direct; /* or NULL */
	size_t record_bytes;
};

enum table_mode { TABLE_INSERT, TABLE_MODIFY, TABLE_DELETE, TABLE_UPSERT };

/*
 * What each data plane brings. Errors are negative errnos: those of p4k_table.h, ENOTSUP for an action that there is not,
 * E2BIG for too many masks, EIO for what the kernel says.
 */
/* Write `count` records in their order; `failed` is called for each that fails, in any order. */
void table_write(const struct target *target, enum table_mode mode, const uint8_t *records,
		 uint64_t count, void (*failed)(void *owner, uint64_t position, int error),
		 void *owner);
/* As p4k_table_set_default. */
int table_set_default(const struct target *target, uint16_t action, const uint8_t *data);

/* Check one record and write it into the table of the runtime. */
int table_record_write(const struct target *target, enum table_mode mode, const uint8_t *record);

int target_read(const struct request *request, struct target *target, struct failure *why);

#endif
