/* SPDX-License-Identifier: Apache-2.0 */
/* What was counted goes on when a staged device takes another's place. */
#ifndef P4K_CONTROL_KEEP_COUNTS_H
#define P4K_CONTROL_KEEP_COUNTS_H

#include <jansson.h>

#include "device.h"

/* Check the request's `counts`: pairs [of the new device, of the old one] of tables and of counters that are the same. */
int keep_counts_check(const json_t *counts, const struct device *old, const struct device *new,
		      struct failure *why);

/* Checked ones: add what the old device counted for the same entries with the same action, and cell by cell. */
void keep_counts(const json_t *counts, struct device *old, struct device *new);

#endif
