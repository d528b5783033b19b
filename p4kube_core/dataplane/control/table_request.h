/* SPDX-License-Identifier: Apache-2.0 */
/* The table that a request names. */
#ifndef P4K_DAEMON_TABLE_REQUEST_H
#define P4K_DAEMON_TABLE_REQUEST_H

#include "device.h"
#include "message.h"

struct target {
	struct device *device;
	const struct p4k_table_spec *spec;
	struct p4k_table *table;
	struct counter *direct; /* or NULL */
	size_t record_bytes;
};

int target_read(const struct request *request, struct target *target, struct failure *why);

#endif
