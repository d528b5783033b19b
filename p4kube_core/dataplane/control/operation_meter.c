/* SPDX-License-Identifier: Apache-2.0 */
#include "../dpdk/runtime/p4k_meter.h"
#include "bytes.h"
#include "cell_request.h"
#include "table_request.h"

#define CONFIG_BYTES 33 /* whether there is one, then four numbers */

static bool array_of_meter(const struct device *device, uint64_t index, const char **name,
			   uint32_t *size)
{
	const struct p4k_program *program = device->program;

	if (index >= program->n_meters)
		return false;
	*name = program->meters[index].name;
	*size = cells_of(program, program->meters[index].table, program->meters[index].size);
	return true;
}

static void store_config(uint8_t *at, struct p4k_meter_config config)
{
	at[0] = config.set;
	store64(at + 1, config.cir);
	store64(at + 9, config.cburst);
	store64(at + 17, config.pir);
	store64(at + 25, config.pburst);
}

static struct p4k_meter_config load_config(const uint8_t *at)
{
	return (struct p4k_meter_config){
		.set = at[0] != 0,
		.cir = load64(at + 1),
		.cburst = load64(at + 9),
		.pir = load64(at + 17),
		.pburst = load64(at + 25),
	};
}

int op_meter_read(const struct request *request, struct answer *answer, struct failure *why)
{
	struct cells cells;
	uint64_t count;

	if (cells_answer(request, CONFIG_BYTES, answer, &count, why) != 0 ||
	    cells_read(request, "meter", array_of_meter, count, &cells, why) != 0)
		return -1;
	for (uint64_t i = 0; i < count; i++)
		store_config(answer->blob + i * CONFIG_BYTES,
			     p4k_meter_read(meter_cell(cells.device, cells.index,
						       cells.first + (uint32_t)i)));
	return 0;
}

static int check_configs(const uint8_t *blob, uint64_t count, struct failure *why)
{
	for (uint64_t i = 0; i < count; i++)
		if (blob[i * CONFIG_BYTES] > 1)
			return fail(why, FAIL_INVALID, "configuration %zu: want 0 or 1 in front; got %u",
				    (size_t)i, blob[i * CONFIG_BYTES]);
	return 0;
}

int op_meter_write(const struct request *request, struct answer *answer, struct failure *why)
{
	struct cells cells;
	uint64_t count;

	(void)answer;
	if (cells_given(request, CONFIG_BYTES, &count, why) != 0 ||
	    cells_read(request, "meter", array_of_meter, count, &cells, why) != 0 ||
	    check_configs(request->blob, count, why) != 0)
		return -1;
	for (uint64_t i = 0; i < count; i++) {
		struct p4k_meter_config config = load_config(request->blob + i * CONFIG_BYTES);

		p4k_meter_write(meter_cell(cells.device, cells.index, cells.first + (uint32_t)i),
				&config);
	}
	return 0;
}

/* The table's direct meter, or n_meters. */
static unsigned int direct_meter(const struct target *target)
{
	const struct p4k_program *program = target->device->program;
	unsigned int i = 0;

	while (i < program->n_meters &&
	       (program->meters[i].table < 0 ||
		&program->tables[program->meters[i].table] != target->spec))
		i++;
	return i;
}

int op_direct_meter_write(const struct request *request, struct answer *answer, struct failure *why)
{
	struct p4k_meter_config config;
	const struct p4k_entry *entry;
	struct target target;
	unsigned int meter;

	(void)answer;
	if (target_read(request, &target, why) != 0)
		return -1;
	meter = direct_meter(&target);
	if (meter == target.device->program->n_meters)
		return fail(why, FAIL_UNSUPPORTED, "table '%s' has no direct meter", target.spec->name);
	if (request->blob_length != target.record_bytes + CONFIG_BYTES)
		return fail(why, FAIL_INVALID,
			    "want a record and a configuration, %zu bytes; got %zu",
			    target.record_bytes + CONFIG_BYTES, request->blob_length);
	if (check_configs(request->blob + target.record_bytes, 1, why) != 0)
		return -1;
	entry = p4k_table_find(target.table, request->blob);
	if (!entry)
		return fail(why, FAIL_NOT_FOUND, "table '%s' has no such entry", target.spec->name);
	config = load_config(request->blob + target.record_bytes);
	p4k_meter_write(meter_cell(target.device, meter, entry->slot), &config);
	return 0;
}
