/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/p4k_bpf.h"
#include "field.h"
#include "kept.h"
#include "port.h"
#include "settings.h"

struct device_list devices = LIST_HEAD_INITIALIZER(devices);

struct device *device_find(uint64_t id)
{
	struct device *device;

	LIST_FOREACH(device, &devices, next)
		if (device->id == id)
			return device;
	return NULL;
}

/* Fine with one that is not complete. */
static void device_free(struct device *device)
{
	const struct p4k_program *program = device->program;

	for (unsigned int i = 0; device->mirrors && i < program->n_tables; i++)
		mirror_free(&device->mirrors[i]);
	for (unsigned int i = 0; device->tables && i < program->n_tables; i++)
		p4k_table_destroy(device->tables[i]);
	for (unsigned int i = 0; device->counters && i < program->n_counters; i++)
		counter_free(&device->counters[i]);
	free(device->tables);
	free(device->mirrors);
	free(device->counters);
	free(device->direct);
	image_free_slot(device->image, device->slot);
	image_give(device->image);
	free(device);
}

static int find_counters(struct device *device, bool found, struct failure *why)
{
	const struct p4k_program *program = device->program;

	for (unsigned int i = 0; i < program->n_counters; i++)
		device->counters[i] = NO_COUNTER;
	for (unsigned int i = 0; i < program->n_counters; i++) {
		int32_t table = program->counters[i].table;

		if (counter_make(&device->counters[i], device->image, i, device->slot, found, why) != 0)
			return -1;
		if (table >= 0)
			device->direct[table] = &device->counters[i];
	}
	return 0;
}

static int make_parts(struct device *device, bool found, struct failure *why)
{
	const struct p4k_program *program = device->program;

	device->counters = calloc(program->n_counters + 1u, sizeof(*device->counters));
	device->direct = calloc(program->n_tables + 1u, sizeof(*device->direct));
	device->tables = calloc(program->n_tables + 1u, sizeof(struct p4k_table *));
	device->mirrors = calloc(program->n_tables + 1u, sizeof(*device->mirrors));
	if (!device->counters || !device->direct || !device->tables || !device->mirrors)
		return fail(why, FAIL_FULL, "no memory for device '%s'", device->name);
	for (unsigned int i = 0; i < program->n_tables; i++)
		device->mirrors[i].entries = -1;
	if (find_counters(device, found, why) != 0)
		return -1;
	for (unsigned int i = 0; i < program->n_tables; i++)
		if (mirror_make(&device->mirrors[i], device->image, i, device->slot, device->direct[i],
				found, &device->tables[i], why) != 0)
			return -1;
	return 0;
}

/* The image has a user, and a slot taken, for the device; if this fails it gives both back. */
static struct device *device_make(uint64_t id, const char *name, struct image *image, uint32_t slot,
				  bool found, struct failure *why)
{
	struct device *device = calloc(1, sizeof(*device));

	if (!device) {
		fail(why, FAIL_FULL, "no memory for device %" PRIu64, id);
		image_free_slot(image, slot);
		image_give(image);
		return NULL;
	}
	device->id = id;
	device->image = image;
	device->slot = slot;
	device->program = image->program;
	snprintf(device->name, sizeof(device->name), "%s", name);
	for (uint32_t i = 0; !found && i < P4K_BPF_DROPS; i++)
		per_cpu_clear(image_map(image, "drops"), slot * P4K_BPF_DROPS + i);
	if (make_parts(device, found, why) == 0)
		return device;
	device_free(device);
	return NULL;
}

static struct device *device_new(uint64_t id, const struct program_file *file, const char *name,
				 struct failure *why)
{
	struct image *image = image_take(file, why);

	return image ? device_make(id, name, image, (uint32_t)image_slot(image), false, why) : NULL;
}

json_t *device_keep(const struct device *device)
{
	return json_pack("{s:I, s:s, s:I, s:I}", "id", (json_int_t)device->id, "name", device->name,
			 "image", (json_int_t)device->image->number, "slot",
			 (json_int_t)device->slot);
}

int device_find_again(const json_t *kept, struct failure *why)
{
	uint64_t id, number, slot;
	struct device *device;
	struct image *image;
	const char *name;

	if (field_number(kept, "id", 1, INT64_MAX, &id, why) != 0 ||
	    field_number(kept, "image", 0, P4K_BPF_PROGRAMS - 1, &number, why) != 0 ||
	    field_number(kept, "slot", 0, P4K_BPF_SLOTS - 1, &slot, why) != 0 ||
	    field_string(kept, "name", DEVICE_NAME_MAX - 1, &name, why) != 0)
		return -1;
	image = image_take_again((uint32_t)number, why);
	if (!image)
		return -1;
	if (image_slot_again(image, (uint32_t)slot, why) != 0) {
		image_give(image);
		return -1;
	}
	device = device_make(id, name, image, (uint32_t)slot, true, why);
	if (!device)
		return -1;
	LIST_INSERT_HEAD(&devices, device, next);
	return 0;
}

int device_add(uint64_t id, const struct program_file *file, const char *name, struct failure *why)
{
	struct device *device;

	if (device_find(id))
		return fail(why, FAIL_EXISTS, "there is a device %" PRIu64 " already", id);
	device = device_new(id, file, name, why);
	if (!device)
		return -1;
	if (kept_device(device, why) != 0) {
		device_free(device);
		return -1;
	}
	LIST_INSERT_HEAD(&devices, device, next);
	return 0;
}

int device_replace(struct device *old, const struct program_file *file, struct failure *why)
{
	struct device *new = device_new(old->id, file, old->name, why);

	if (!new)
		return -1;
	if (ports_move(old, new, why) != 0) {
		device_free(new);
		return -1;
	}
	LIST_INSERT_AFTER(old, new, next);
	LIST_REMOVE(old, next);
	if (kept_device(new, why) != 0)
		say("%s", why->message);
	device_free(old);
	return 0;
}

int device_exchange(struct device *old, struct device *staged, struct failure *why)
{
	char name[DEVICE_NAME_MAX];
	uint64_t id = old->id;

	if (ports_move(old, staged, why) != 0)
		return -1;
	memcpy(name, old->name, sizeof(name));
	memcpy(old->name, staged->name, sizeof(name));
	memcpy(staged->name, name, sizeof(name));
	old->id = staged->id;
	staged->id = id;
	if (kept_device(staged, why) != 0 || kept_device(old, why) != 0)
		say("%s", why->message);
	return 0;
}

int device_remove(struct device *device, struct failure *why)
{
	(void)why;
	ports_leave(device);
	LIST_REMOVE(device, next);
	kept_remove_device(device->id);
	device_free(device);
	return 0;
}

json_t *device_describe(const struct device *device)
{
	const struct p4k_program *program = device->program;
	json_t *tables = json_array(), *drops = json_object();
	int map = image_map(device->image, "drops");

	for (unsigned int i = 0; i < program->n_tables; i++)
		json_array_append_new(tables,
				      json_pack("{s:s, s:I, s:I}", "name", program->tables[i].name,
						"entries",
						(json_int_t)p4k_table_count(device->tables[i]),
						"size", (json_int_t)program->tables[i].size));
	for (unsigned int i = 0; i < program->n_drops && i < P4K_BPF_DROPS; i++)
		json_object_set_new(drops, program->drops[i],
				    json_integer((json_int_t)per_cpu_sum(map, device->slot * P4K_BPF_DROPS + i)));
	return json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:I}", "id", (json_int_t)device->id, "name",
			 device->name, "program", program->name, "digest", program->digest, "tables",
			 tables, "drops", drops, "packets", (json_int_t)ports_packets(device));
}

static int start(void)
{
	return 0;
}

/* Ports have gone. */
static void stop(void)
{
	struct device *device;

	while ((device = LIST_FIRST(&devices))) {
		LIST_REMOVE(device, next);
		device_free(device);
	}
}

const struct module devices_module = {.name = "devices", .start = start, .stop = stop};
