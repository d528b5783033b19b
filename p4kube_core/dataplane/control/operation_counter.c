/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "bytes.h"
#include "field.h"
#include "table_request.h"

#define CELL_BYTES 16
#define CELLS_MAX (MESSAGE_MAX / 2 / CELL_BYTES)

int target_read(const struct request *request, struct target *target, struct failure *why)
{
	struct device *device = wanted_device(request, "device", why);
	uint64_t index;

	if (!device || field_number(request->json, "table", 0, UINT16_MAX, &index, why) != 0)
		return -1;
	if (index >= device->program->n_tables)
		return fail(why, FAIL_NOT_FOUND, "device %" PRIu64 " has no table %" PRIu64,
			    device->id, index);
	*target = (struct target){
		.device = device,
		.spec = &device->program->tables[index],
		.table = device->tables[index],
		.direct = device->direct[index],
		.record_bytes = p4k_record_bytes(&device->program->tables[index]),
	};
	return 0;
}

/* The counter and its first cell, `count` of which must be there. */
static struct counter *wanted_counter(const struct request *request, uint64_t count,
				      uint64_t *first, struct failure *why)
{
	struct device *device = wanted_device(request, "device", why);
	struct counter *counter;
	uint64_t index;

	if (!device || field_number(request->json, "counter", 0, UINT16_MAX, &index, why) != 0 ||
	    field_number_or(request->json, "first", 0, UINT32_MAX, 0, first, why) != 0)
		return NULL;
	if (index >= device->program->n_counters) {
		fail(why, FAIL_NOT_FOUND, "device %" PRIu64 " has no counter %" PRIu64, device->id,
		     index);
		return NULL;
	}
	counter = &device->counters[index];
	if (*first > counter->size || count > counter->size - *first) {
		fail(why, FAIL_INVALID, "counter '%s' has %u cells; wanted %" PRIu64 " from %" PRIu64,
		     device->program->counters[index].name, counter->size, count, *first);
		return NULL;
	}
	return counter;
}

int op_counter_read(const struct request *request, struct answer *answer, struct failure *why)
{
	struct counter *counter;
	uint64_t first, count;

	if (field_number(request->json, "count", 0, CELLS_MAX, &count, why) != 0)
		return -1;
	counter = wanted_counter(request, count, &first, why);
	if (!counter)
		return -1;
	answer->blob_length = count * CELL_BYTES;
	answer->blob = malloc(answer->blob_length + 1);
	if (!answer->blob)
		return fail(why, FAIL_FULL, "no memory for the answer");
	for (uint64_t i = 0; i < count; i++)
		store_cell(answer->blob + i * CELL_BYTES,
			   counter_read(counter, (uint32_t)(first + i)));
	return 0;
}

int op_counter_write(const struct request *request, struct answer *answer, struct failure *why)
{
	uint64_t count = request->blob_length / CELL_BYTES, first;
	struct counter *counter;

	(void)answer;
	if (request->blob_length % CELL_BYTES != 0)
		return fail(why, FAIL_INVALID, "want %d bytes a cell; got %zu bytes", CELL_BYTES,
			    request->blob_length);
	counter = wanted_counter(request, count, &first, why);
	if (!counter)
		return -1;
	for (uint64_t i = 0; i < count; i++)
		counter_write(counter, (uint32_t)(first + i),
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
