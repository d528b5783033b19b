/* SPDX-License-Identifier: Apache-2.0 */
/* Workers look up what the control thread writes, so a record needs no second step. */
#include "table_request.h"

void table_write(const struct target *target, enum table_mode mode, const uint8_t *records,
		 uint64_t count, void (*failed)(void *owner, uint64_t position, int error),
		 void *owner)
{
	for (uint64_t i = 0; i < count; i++) {
		int ret = table_record_write(target, mode, records + i * target->record_bytes);

		if (ret != 0)
			failed(owner, i, ret);
	}
}

int table_set_default(const struct target *target, uint16_t action, const uint8_t *data)
{
	return p4k_table_set_default(target->table, action, data);
}
