/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port.h"
#include "rcu.h"
#include "settings.h"
#include "wiring.h"

struct device_list devices = LIST_HEAD_INITIALIZER(devices);

struct device *device_find(uint64_t id)
{
	struct device *device;

	LIST_FOREACH(device, &devices, next)
		if (device->id == id)
			return device;
	return NULL;
}

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
	struct counter *counter = owner;

	counter_write(counter, slot, (struct p4k_cell){0});
}

/* No worker has the device any more. Fine with one that is not complete. */
static void device_free(struct device *device)
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
	free(device->registers);
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
		uint32_t size = spec->size;

		if (spec->table >= 0) {
			size = program->tables[spec->table].size + 1;
			device->direct[spec->table] = &device->counters[i];
		}
		if (counter_make(&device->counters[i], size) != 0)
			return -1;
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
			.slot_released = device->direct[i] ? slot_released : NULL,
			.owner = device->direct[i],
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
		if (!cells || !context->drops)
			return -1;
		for (unsigned int i = 0; i < program->n_counters; i++)
			cells[i] = device->counters[i].cells[w];
	}
	return 0;
}

static struct device *device_make(uint64_t id, const char *path, const char *name,
				  struct failure *why)
{
	struct device *device = calloc(1, sizeof(*device));

	if (!device || object_load(&device->object, path, why) != 0) {
		if (!device)
			fail(why, FAIL_FULL, "no memory for device %" PRIu64, id);
		free(device);
		return NULL;
	}
	device->id = id;
	device->program = device->object.program;
	snprintf(device->name, sizeof(device->name), "%s", name);
	device->epitaph_length = (size_t)snprintf(
		device->epitaph, sizeof(device->epitaph),
		"p4kube-dataplane: crashed in the program of device %" PRIu64 " (%s)\n", id, name);
	if (make_counters(device) != 0) {
		fail(why, FAIL_FULL, "no memory for the counters of '%s'", name);
	} else if (make_registers(device) != 0) {
		fail(why, FAIL_FULL, "no memory for the registers of '%s'", name);
	} else if (make_tables(device, why) == 0) {
		if (make_runs(device) == 0)
			return device;
		fail(why, FAIL_FULL, "no memory for device '%s'", name);
	}
	device_free(device);
	return NULL;
}

int device_add(uint64_t id, const struct program_file *file, const char *name, struct failure *why)
{
	struct device *device;

	if (device_find(id))
		return fail(why, FAIL_EXISTS, "there is a device %" PRIu64 " already", id);
	device = device_make(id, file->path, name, why);
	if (!device)
		return -1;
	LIST_INSERT_HEAD(&devices, device, next);
	return 0;
}

static void rewire(const struct device *from, struct device *to)
{
	struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->device == from)
			port->device = to;
}

int device_replace(struct device *old, const struct program_file *file, struct failure *why)
{
	struct device *new = device_make(old->id, file->path, old->name, why);

	if (!new)
		return -1;
	rewire(old, new);
	if (wiring_publish(why) != 0) {
		rewire(new, old);
		device_free(new);
		return -1;
	}
	LIST_INSERT_AFTER(old, new, next);
	LIST_REMOVE(old, next);
	device_free(old);
	return 0;
}

int device_remove(struct device *device, struct failure *why)
{
	struct port *port;
	bool wired[LANES_MAX] = {false};
	unsigned int i = 0;

	LIST_FOREACH(port, &ports, next)
		wired[i++] = port->device == device;
	rewire(device, NULL);
	if (wiring_publish(why) != 0) {
		i = 0;
		LIST_FOREACH(port, &ports, next)
			if (wired[i++])
				port->device = device;
		return -1;
	}
	LIST_REMOVE(device, next);
	device_free(device);
	return 0;
}

static int start(void)
{
	return 0;
}

static void stop(void)
{
	struct device *device;

	while ((device = LIST_FIRST(&devices))) {
		LIST_REMOVE(device, next);
		device_free(device);
	}
}

const struct module devices_module = {.name = "devices", .start = start, .stop = stop};
