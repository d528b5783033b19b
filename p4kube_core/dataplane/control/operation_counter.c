/* SPDX-License-Identifier: Apache-2.0 */
#include "bytes.h"
#include "cell_request.h"
#include "table_request.h"

#define CELL_BYTES 16

static bool array_of_counter(const struct device *device, uint64_t index, const char **name,
			     uint32_t *size)
{
	if (index >= device->program->n_counters)
		return false;
	*name = device->program->counters[index].name;
	*size = device->counters[index].size;
	return true;
}

int op_counter_read(const struct request *request, struct answer *answer, struct failure *why)
{
	struct cells cells;
	uint64_t count;

	if (cells_answer(request, CELL_BYTES, answer, &count, why) != 0 ||
	    cells_read(request, "counter", array_of_counter, count, &cells, why) != 0)
		return -1;
	for (uint64_t i = 0; i < count; i++)
		store_cell(answer->blob + i * CELL_BYTES,
			   counter_read(&cells.device->counters[cells.index],
					cells.first + (uint32_t)i));
	return 0;
}

int op_counter_write(const struct request *request, struct answer *answer, struct failure *why)
{
	struct cells cells;
	uint64_t count;

	(void)answer;
	if (cells_given(request, CELL_BYTES, &count, why) != 0 ||
	    cells_read(request, "counter", array_of_counter, count, &cells, why) != 0)
		return -1;
	for (uint64_t i = 0; i < count; i++)
		counter_write(&cells.device->counters[cells.index], cells.first + (uint32_t)i,
			      load_cell(request->blob + i * CELL_BYTES));
	return 0;
}

int op_direct_counter_write(const struct request *request, struct answer *answer,
			    struct failure *why)
{
	const struct p4k_entry *entry;
	struct target target;

	(void)answer;
	if (target_read(request, &target, why) != 0)
		return -1;
	if (!target.direct)
		return fail(why, FAIL_UNSUPPORTED, "table '%s' has no direct counter",
			    target.spec->name);
	if (request->blob_length != target.record_bytes + CELL_BYTES)
		return fail(why, FAIL_INVALID, "want a record and counts, %zu bytes; got %zu",
			    target.record_bytes + CELL_BYTES, request->blob_length);
	entry = p4k_table_find(target.table, request->blob);
	if (!entry)
		return fail(why, FAIL_NOT_FOUND, "table '%s' has no such entry", target.spec->name);
	counter_write(target.direct, entry->slot, load_cell(request->blob + target.record_bytes));
	return 0;
}
