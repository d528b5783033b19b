/* SPDX-License-Identifier: Apache-2.0 */
#include "device_state.h"

#include <stdlib.h>

#include "../../dpdk/runtime/p4k_meter.h"
#include "manifest.h"
#include "mirror.h"

static struct array_spec counter_spec(const struct p4k_program *program, unsigned int i)
{
	const struct p4k_counter_spec *spec = &program->counters[i];

	return (struct array_spec){"counter", i, spec->size, spec->table, sizeof(struct p4k_bpf_cell),
				   false};
}

static struct array_spec meter_spec(const struct p4k_program *program, unsigned int i)
{
	const struct p4k_meter_spec *spec = &program->meters[i];

	return (struct array_spec){"meter", i, spec->size, spec->table, sizeof(struct p4k_meter_cell),
				   true};
}

static struct array_spec register_spec(const struct p4k_program *program, unsigned int i)
{
	const struct p4k_register_spec *spec = &program->registers[i];

	return (struct array_spec){"register", i, spec->size, -1,
				   (uint32_t)p4k_register_bytes(spec), true};
}

/* The index that the other device has of a table, -1 where it is no other's. */
static int shared_table(const struct device *device, unsigned int i)
{
	return device->like ? manifest_same(device->like->program, device->program, PART_TABLE, i) : -1;
}

/* Likewise of cells; direct ones go with their table. */
static int shared_cells(const struct device *device, enum manifest_part part,
			const struct array_spec *spec)
{
	if (!device->like || (spec->table >= 0 && shared_table(device, (unsigned int)spec->table) < 0))
		return -1;
	return manifest_same(device->like->program, device->program, part, spec->index);
}

/* With `again` it is there already. */
static int make_cells(struct device *device, enum manifest_part part, struct array *array,
		      struct array_spec spec, bool again, struct failure *why)
{
	int shared = shared_cells(device, part, &spec);
	const struct device *like = device->like;
	const struct array *from;

	if (shared < 0 && again)
		return 0;
	if (shared < 0)
		return array_make(array, device->image, &spec, device->slot, device->found, why);
	from = part == PART_COUNTER ? &like->counters[shared].cells :
	       part == PART_METER   ? &like->meters[shared] :
				      &like->registers[shared];
	return array_share(array, device->image, &spec, device->slot, from, why);
}

static int make_all_cells(struct device *device, bool again, struct failure *why)
{
	const struct p4k_program *program = device->program;
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < program->n_counters; i++) {
		struct counter *counter = &device->counters[i];

		ret = make_cells(device, PART_COUNTER, &counter->cells, counter_spec(program, i), again,
				 why);
		counter->size = counter->cells.size;
	}
	for (unsigned int i = 0; ret == 0 && i < program->n_meters; i++)
		ret = make_cells(device, PART_METER, &device->meters[i], meter_spec(program, i), again,
				 why);
	for (unsigned int i = 0; ret == 0 && i < program->n_registers; i++)
		ret = make_cells(device, PART_REGISTER, &device->registers[i], register_spec(program, i),
				 again, why);
	return ret;
}

static struct mirror_place place_of(struct device *device, unsigned int table)
{
	struct mirror_place place = {.image = device->image, .index = table, .slot = device->slot};
	const struct p4k_program *program = device->program;

	for (unsigned int i = 0; i < program->n_counters; i++)
		if (program->counters[i].table == (int32_t)table)
			place.direct = &device->counters[i];
	for (unsigned int i = 0; i < program->n_meters; i++)
		if (program->meters[i].table == (int32_t)table)
			place.meter = &device->meters[i];
	return place;
}

static int make_table(struct device *device, unsigned int i, struct failure *why)
{
	struct mirror_place place = place_of(device, i);
	int shared = shared_table(device, i);
	struct device *like = device->like;

	if (shared < 0) {
		device->direct[i] = place.direct;
		device->mirrors[i] = mirror_make(place, device->found, &device->tables[i], why);
		return device->mirrors[i] ? 0 : -1;
	}
	device->direct[i] = like->direct[shared];
	device->mirrors[i] = like->mirrors[shared];
	device->tables[i] = like->tables[shared];
	return mirror_share(device->mirrors[i], device->tables[i], place, why);
}

static void *some(size_t n, size_t bytes)
{
	return calloc(n + 1, bytes);
}

static int reserve(struct device *device, struct failure *why)
{
	const struct p4k_program *program = device->program;

	device->counters = some(program->n_counters, sizeof(*device->counters));
	device->meters = some(program->n_meters, sizeof(*device->meters));
	device->registers = some(program->n_registers, sizeof(*device->registers));
	device->direct = some(program->n_tables, sizeof(*device->direct));
	device->tables = some(program->n_tables, sizeof(*device->tables));
	device->mirrors = some(program->n_tables, sizeof(*device->mirrors));
	if (!device->counters || !device->meters || !device->registers || !device->direct ||
	    !device->tables || !device->mirrors) {
		free(device->mirrors);
		device->mirrors = NULL; /* state_free(): nothing is in any of them */
		return fail(why, FAIL_FULL, "no memory for device '%s'", device->name);
	}
	for (unsigned int i = 0; i < program->n_counters; i++)
		device->counters[i].cells = NO_ARRAY;
	for (unsigned int i = 0; i < program->n_meters; i++)
		device->meters[i] = NO_ARRAY;
	for (unsigned int i = 0; i < program->n_registers; i++)
		device->registers[i] = NO_ARRAY;
	return 0;
}

static int make(struct device *device, struct failure *why)
{
	if (reserve(device, why) != 0 || make_all_cells(device, false, why) != 0)
		return -1;
	for (unsigned int i = 0; i < device->program->n_tables; i++)
		if (make_table(device, i, why) != 0)
			return -1;
	return 0;
}

int state_make_like(struct device *device, struct device *like, struct failure *why)
{
	device->like = like;
	return make(device, why);
}

int state_find_again(struct device *device, struct failure *why)
{
	device->found = true;
	return make(device, why);
}

int state_share_again(struct device *device, struct failure *why)
{
	if (make_all_cells(device, true, why) != 0)
		return -1;
	for (unsigned int i = 0; i < device->program->n_tables; i++)
		if (shared_table(device, i) >= 0 &&
		    mirror_share(device->mirrors[i], device->tables[i], place_of(device, i), why) != 0)
			return -1;
	return 0;
}

static void leave_cells(struct device *device, enum manifest_part part, struct array *array,
			struct array_spec spec)
{
	if (shared_cells(device, part, &spec) >= 0)
		array_free(array);
}

static void leave_all_cells(struct device *device)
{
	const struct p4k_program *program = device->program;

	for (unsigned int i = 0; i < program->n_counters; i++)
		leave_cells(device, PART_COUNTER, &device->counters[i].cells, counter_spec(program, i));
	for (unsigned int i = 0; i < program->n_meters; i++)
		leave_cells(device, PART_METER, &device->meters[i], meter_spec(program, i));
	for (unsigned int i = 0; i < program->n_registers; i++)
		leave_cells(device, PART_REGISTER, &device->registers[i], register_spec(program, i));
}

void state_take(struct device *device)
{
	struct device *like = device->like;

	if (!like)
		return;
	for (unsigned int i = 0; i < device->program->n_tables; i++) {
		int shared = shared_table(device, i);
		struct mirror_place place = place_of(device, i);

		if (shared < 0)
			continue;
		mirror_move(device->mirrors[i], device->tables[i], place);
		device->direct[i] = like->direct[shared] = place.direct;
	}
	/* From here it is the other way round. */
	device->like = NULL;
	like->like = device;
	leave_all_cells(like);
}

static void free_table(struct device *device, unsigned int i)
{
	if (shared_table(device, i) >= 0)
		return;
	p4k_table_destroy(device->tables[i]);
	if (device->mirrors[i])
		mirror_free(device->mirrors[i]);
}

void state_free(struct device *device)
{
	const struct p4k_program *program = device->program;

	for (unsigned int i = 0; device->mirrors && i < program->n_tables; i++)
		free_table(device, i);
	for (unsigned int i = 0; device->mirrors && i < program->n_counters; i++)
		array_free(&device->counters[i].cells);
	for (unsigned int i = 0; device->mirrors && i < program->n_meters; i++)
		array_free(&device->meters[i]);
	for (unsigned int i = 0; device->mirrors && i < program->n_registers; i++)
		array_free(&device->registers[i]);
	free(device->tables);
	free(device->mirrors);
	free(device->counters);
	free(device->meters);
	free(device->registers);
	free(device->direct);
}
