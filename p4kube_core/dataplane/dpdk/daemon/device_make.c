/* SPDX-License-Identifier: Apache-2.0 */
/* A device and its state, before any worker has it and after the last one had it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/p4k_meter.h"
#include "cell_request.h"
#include "device.h"
#include "event_ring.h"
#include "rcu.h"
#include "settings.h"

/* What goes with an entry's slot, of one table. */
struct by_slot {
	struct counter *counter;      /* or NULL */
	struct p4k_meter_cell *meter; /* or NULL */
};

static void retire(void *owner, void (*release)(void *), void *memory)
{
	(void)owner;
	rcu_retire(release, memory);
}

static void flush(void *owner)
{
	(void)owner;
	rcu_flush();
}

static void slot_released(void *owner, uint32_t slot)
{
	static const struct p4k_meter_config none;
	const struct by_slot *by_slot = owner;

	if (by_slot->counter)
		counter_write(by_slot->counter, slot, (struct p4k_cell){0});
	if (by_slot->meter)
		p4k_meter_write(&by_slot->meter[slot], &none);
}

/* Fine with one that is not complete. */
void device_free(struct device *device)
{
	const struct p4k_program *program = device->program;

	for (unsigned int i = 0; device->tables && i < program->n_tables; i++)
		p4k_table_destroy(device->tables[i]);
	for (unsigned int i = 0; device->counters && i < program->n_counters; i++)
		counter_free(&device->counters[i]);
	for (unsigned int w = 0; device->runs && w < settings.workers; w++) {
		free((void *)(uintptr_t)device->runs[w].context.counters);
		free(device->runs[w].context.drops);
	}
	for (unsigned int i = 0; device->registers && i < program->n_registers; i++)
		free(device->registers[i]);
	for (unsigned int i = 0; device->meters && i < program->n_meters; i++)
		free(device->meters[i]);
	free(device->registers);
	free(device->meters);
	free(device->by_slot);
	free(device->runs);
	free(device->tables);
	free(device->counters);
	free(device->direct);
	object_unload(&device->object);
	free(device);
}

static int make_counters(struct device *device)
{
	const struct p4k_program *program = device->program;

	device->counters = calloc(program->n_counters + 1u, sizeof(*device->counters));
	device->direct = calloc(program->n_tables + 1u, sizeof(*device->direct));
	if (!device->counters || !device->direct)
		return -1;
	for (unsigned int i = 0; i < program->n_counters; i++) {
		const struct p4k_counter_spec *spec = &program->counters[i];

		if (counter_make(&device->counters[i],
				 cells_of(program, spec->table, spec->size)) != 0)
			return -1;
		if (spec->table >= 0) {
			device->direct[spec->table] = &device->counters[i];
			device->by_slot[spec->table].counter = &device->counters[i];
		}
	}
	return 0;
}

static int make_meters(struct device *device)
{
	const struct p4k_program *program = device->program;

	device->meters = calloc(program->n_meters + 1u, sizeof(*device->meters));
	if (!device->meters)
		return -1;
	for (unsigned int i = 0; i < program->n_meters; i++) {
		const struct p4k_meter_spec *spec = &program->meters[i];

		device->meters[i] = calloc(cells_of(program, spec->table, spec->size) + 1u,
					   sizeof(**device->meters));
		if (!device->meters[i])
			return -1;
		if (spec->table >= 0)
			device->by_slot[spec->table].meter = device->meters[i];
	}
	return 0;
}

static int make_registers(struct device *device)
{
	const struct p4k_program *program = device->program;

	device->registers = calloc(program->n_registers + 1u, sizeof(*device->registers));
	if (!device->registers)
		return -1;
	for (unsigned int i = 0; i < program->n_registers; i++) {
		const struct p4k_register_spec *spec = &program->registers[i];

		device->registers[i] = calloc(spec->size + 1u, p4k_register_bytes(spec));
		if (!device->registers[i])
			return -1;
	}
	return 0;
}

static int make_tables(struct device *device, struct failure *why)
{
	const struct p4k_program *program = device->program;

	device->tables = calloc(program->n_tables + 1u, sizeof(struct p4k_table *));
	if (!device->tables)
		return fail(why, FAIL_FULL, "no memory for the tables of '%s'", device->name);
	for (unsigned int i = 0; i < program->n_tables; i++) {
		struct p4k_reclaimer reclaimer = {
			.retire = retire,
			.flush = flush,
			.slot_released = slot_released,
			.owner = &device->by_slot[i],
		};
		int ret = p4k_table_create(&program->tables[i], &reclaimer, &device->tables[i]);

		if (ret != 0)
			return fail(why, ret == -ENOMEM ? FAIL_FULL : FAIL_INVALID,
				    "table '%s' with its const entries: %s",
				    program->tables[i].name, strerror(-ret));
	}
	return 0;
}

static int make_runs(struct device *device)
{
	const struct p4k_program *program = device->program;
	size_t bytes = settings.workers * sizeof(*device->runs);

	device->runs = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
	if (!device->runs)
		return -1;
	memset(device->runs, 0, bytes);
	for (unsigned int w = 0; w < settings.workers; w++) {
		struct p4k_context *context = &device->runs[w].context;
		struct p4k_cell **cells = calloc(program->n_counters + 1u, sizeof(*cells));

		context->counters = cells;
		context->drops = calloc(program->n_drops + 1u, sizeof(*context->drops));
		context->tables = (const struct p4k_table *const *)device->tables;
		context->registers = device->registers;
		context->meters = device->meters;
		context->events = event_ring(w);
		context->device = device->number;
		context->lost_events = &device->runs[w].lost_events;
		if (!cells || !context->drops)
			return -1;
		for (unsigned int i = 0; i < program->n_counters; i++)
			cells[i] = device->counters[i].cells[w];
	}
	return 0;
}

void device_name(struct device *device, uint64_t id, const char *name)
{
	device->id = id;
	snprintf(device->name, sizeof(device->name), "%s", name);
	device->epitaph_length = (size_t)snprintf(
		device->epitaph, sizeof(device->epitaph),
		"p4kube-dataplane: crashed in the program of device %" PRIu64 " (%s)\n", id, name);
}

struct device *device_make(uint64_t id, const char *path, const char *name,
				  struct failure *why)
{
	struct device *device = calloc(1, sizeof(*device));
	static uint32_t number;

	if (!device || object_load(&device->object, path, why) != 0) {
		if (!device)
			fail(why, FAIL_FULL, "no memory for device %" PRIu64, id);
		free(device);
		return NULL;
	}
	device->number = ++number;
	device->program = device->object.program;
	device_name(device, id, name);
	device->by_slot = calloc(device->program->n_tables + 1u, sizeof(*device->by_slot));
	if (!device->by_slot || make_counters(device) != 0 || make_meters(device) != 0 ||
	    make_registers(device) != 0) {
		fail(why, FAIL_FULL, "no memory for the counters, meters and registers of '%s'", name);
	} else if (make_tables(device, why) == 0) {
		if (make_runs(device) == 0)
			return device;
		fail(why, FAIL_FULL, "no memory for device '%s'", name);
	}
	device_free(device);
	return NULL;
}

struct p4k_meter_cell *meter_cell(const struct device *device, unsigned int index, uint32_t cell)
{
	return &device->meters[index][cell];
}

void *register_cell(const struct device *device, unsigned int index, uint32_t cell)
{
	return (uint8_t *)device->registers[index] +
	       cell * p4k_register_bytes(&device->program->registers[index]);
}
