/* SPDX-License-Identifier: Apache-2.0 */
/* A device and its state, before any worker has it and after the last one had it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/p4k_meter.h"
#include "cell_request.h"
#include "cells.h"
#include "device.h"
#include "device_like.h"
#include "event_ring.h"
#include "settings.h"

/* Fine with one that is not complete. */
void device_free(struct device *device)
{
	const struct p4k_program *program = device->program;

	for (unsigned int i = 0; device->held && i < program->n_tables; i++)
		held_table_free(device->held[i]);
	for (unsigned int i = 0; device->counters && i < program->n_counters; i++)
		counter_free(&device->counters[i]);
	for (unsigned int w = 0; device->runs && w < settings.workers; w++) {
		free((void *)(uintptr_t)device->runs[w].context.counters);
		free(device->runs[w].context.drops);
	}
	for (unsigned int i = 0; device->registers && i < program->n_registers; i++)
		cells_free(device->registers[i]);
	for (unsigned int i = 0; device->meters && i < program->n_meters; i++)
		cells_free(device->meters[i]);
	free(device->registers);
	free(device->meters);
	free(device->held);
	free(device->runs);
	free(device->tables);
	free(device->counters);
	free(device->direct);
	object_unload(&device->object);
	json_decref(device->manifest);
	free(device);
}

/* Each of the below: what `like` has as well (or nothing of it, if that is NULL) is had in common, the rest made. */

static int make_counters(struct device *device, const struct device *like)
{
	const struct p4k_program *program = device->program;

	device->counters = calloc(program->n_counters + 1u, sizeof(*device->counters));
	device->direct = calloc(program->n_tables + 1u, sizeof(*device->direct));
	if (!device->counters || !device->direct)
		return -1;
	for (unsigned int i = 0; i < program->n_counters; i++) {
		const struct p4k_counter_spec *spec = &program->counters[i];
		struct counter *counter = &device->counters[i];
		int same = like_counter(device, like, i);

		if ((same >= 0 ? counter_share(counter, &like->counters[same]) :
				 counter_make(counter, cells_of(program, spec->table, spec->size))) != 0)
			return -1;
		if (spec->table >= 0)
			device->direct[spec->table] = counter;
	}
	return 0;
}

static int make_meters(struct device *device, const struct device *like)
{
	const struct p4k_program *program = device->program;

	device->meters = calloc(program->n_meters + 1u, sizeof(*device->meters));
	if (!device->meters)
		return -1;
	for (unsigned int i = 0; i < program->n_meters; i++) {
		const struct p4k_meter_spec *spec = &program->meters[i];
		int same = like_meter(device, like, i);

		device->meters[i] = same >= 0 ?
					    cells_share(like->meters[same]) :
					    cells_make(cells_of(program, spec->table, spec->size),
						       sizeof(**device->meters));
		if (!device->meters[i])
			return -1;
	}
	return 0;
}

static int make_registers(struct device *device, const struct device *like)
{
	const struct p4k_program *program = device->program;

	device->registers = calloc(program->n_registers + 1u, sizeof(*device->registers));
	if (!device->registers)
		return -1;
	for (unsigned int i = 0; i < program->n_registers; i++) {
		const struct p4k_register_spec *spec = &program->registers[i];
		int same = like_register(device, like, i);

		device->registers[i] = same >= 0 ? cells_share(like->registers[same]) :
						   cells_make(spec->size, p4k_register_bytes(spec));
		if (!device->registers[i])
			return -1;
	}
	return 0;
}

static struct p4k_meter_cell *direct_meter(const struct device *device, unsigned int table)
{
	for (unsigned int i = 0; i < device->program->n_meters; i++)
		if (device->program->meters[i].table == (int32_t)table)
			return device->meters[i];
	return NULL;
}

static int make_tables(struct device *device, const struct device *like, struct failure *why)
{
	const struct p4k_program *program = device->program;

	device->held = calloc(program->n_tables + 1u, sizeof(*device->held));
	device->tables = calloc(program->n_tables + 1u, sizeof(*device->tables));
	if (!device->held || !device->tables)
		return fail(why, FAIL_FULL, "no memory for the tables of '%s'", device->name);
	for (unsigned int i = 0; i < program->n_tables; i++) {
		int same = like_table(device, like, i), ret;

		if (same >= 0) {
			device->held[i] = like->held[same];
			device->held[i]->users++;
		} else {
			ret = held_table_make(&program->tables[i], device->direct[i],
					      direct_meter(device, i), &device->held[i]);
			if (ret != 0)
				return fail(why, ret == -ENOMEM ? FAIL_FULL : FAIL_INVALID,
					    "table '%s' with its const entries: %s",
					    program->tables[i].name, strerror(-ret));
		}
		device->tables[i] = device->held[i]->table;
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

struct device *device_make(uint64_t id, const struct program_file *file, const char *name,
			   const struct device *like, struct failure *why)
{
	struct device *device = calloc(1, sizeof(*device));
	static uint32_t number;

	if (!device || object_load(&device->object, file->path, why) != 0) {
		if (!device)
			fail(why, FAIL_FULL, "no memory for device %" PRIu64, id);
		free(device);
		return NULL;
	}
	device->number = ++number;
	device->program = device->object.program;
	device_name(device, id, name);
	if (like_read_manifest(device, file, why) != 0) {
		device_free(device);
		return NULL;
	}
	if (make_counters(device, like) != 0 || make_meters(device, like) != 0 ||
	    make_registers(device, like) != 0) {
		fail(why, FAIL_FULL, "no memory for the counters, meters and registers of '%s'", name);
	} else if (make_tables(device, like, why) == 0) {
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
