/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/p4k_bpf.h"
#include "device_state.h"
#include "events.h"
#include "field.h"
#include "kept.h"
#include "port.h"
#include "settings.h"

#define NOBODY 0 /* the id of what is about to have another's, or to go */

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
	state_free(device);
	device->image->devices[device->slot] = NULL;
	events_drain(); /* what it has told is not to be the next one's in its slot */
	image_free_slot(device->image, device->slot);
	image_give(device->image);
	free(device);
}

/* The image has a user, and a slot taken, for the device; without memory it gives both back. */
static struct device *device_make(uint64_t id, const char *name, struct image *image, uint32_t slot,
				  struct failure *why)
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
	image->devices[slot] = device;
	snprintf(device->name, sizeof(device->name), "%s", name);
	return device;
}

static struct device *device_new(uint64_t id, const struct program_file *file, const char *name,
				 struct device *like, struct failure *why)
{
	struct image *image = image_take(file, why);
	struct device *device =
		image ? device_make(id, name, image, (uint32_t)image_slot(image), why) : NULL;

	if (!device)
		return NULL;
	for (uint32_t i = 0; i < P4K_BPF_DROPS; i++)
		per_cpu_clear(image_map(image, "drops"), device->slot * P4K_BPF_DROPS + i);
	if (state_make_like(device, like, why) == 0)
		return device;
	device_free(device);
	return NULL;
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
	if (device_find(id))
		return fail(why, FAIL_EXISTS, "there is a device %" PRIu64 " already", id);
	image = image_take_again((uint32_t)number, why);
	if (!image)
		return -1;
	if (image_slot_again(image, (uint32_t)slot, why) != 0) {
		image_give(image);
		return -1;
	}
	device = device_make(id, name, image, (uint32_t)slot, why);
	if (!device)
		return -1;
	if (state_find_again(device, why) != 0) {
		device_free(device);
		return -1;
	}
	LIST_INSERT_HEAD(&devices, device, next);
	return 0;
}

int device_add(uint64_t id, const struct program_file *file, const char *name, struct failure *why)
{
	struct device *device, *like = file->like;

	if (device_find(id))
		return fail(why, FAIL_EXISTS, "there is a device %" PRIu64 " already", id);
	if (like && like->like)
		return fail(why, FAIL_BUSY, "device %" PRIu64 " is staged itself", like->id);
	device = device_new(id, file, name, like, why);
	if (!device)
		return -1;
	/* One that is staged is not taken up by another process. */
	if (!like && kept_device(device, why) != 0) {
		device_free(device);
		return -1;
	}
	LIST_INSERT_HEAD(&devices, device, next);
	return 0;
}

/* Those that were to take its place. */
static void remove_staged(const struct device *like)
{
	struct device *device = LIST_FIRST(&devices), *next;

	for (; device; device = next) {
		next = LIST_NEXT(device, next);
		if (device->like == like) {
			LIST_REMOVE(device, next);
			device_free(device);
		}
	}
}

static void swap_names(struct device *one, struct device *other)
{
	char name[DEVICE_NAME_MAX];
	uint64_t id = one->id;

	memcpy(name, one->name, sizeof(name));
	memcpy(one->name, other->name, sizeof(name));
	memcpy(other->name, name, sizeof(name));
	one->id = other->id;
	other->id = id;
}

/* Kept first: a process that comes now gives the hooks to the one that is kept. */
static int take_ports(struct device *old, struct device *new, struct failure *why)
{
	swap_names(old, new);
	if (kept_device(new, why) == 0 && ports_move(old, new, why) == 0)
		return 0;
	swap_names(old, new);
	if (kept_device(old, &(struct failure){0}) != 0)
		say("device %" PRIu64 " cannot be kept as it is", old->id);
	return -1;
}

int device_exchange(struct device *old, struct device *staged, struct failure *why)
{
	if (old->like || (staged->like && staged->like != old))
		return fail(why, FAIL_BUSY, "device %" PRIu64 " is staged for another",
			    old->like ? old->id : staged->id);
	if (state_share_again(staged, why) != 0 || take_ports(old, staged, why) != 0)
		return -1;
	state_take(staged);
	kept_remove_device(old->id); /* which is about to go */
	return 0;
}

int device_replace(struct device *old, const struct program_file *file, struct failure *why)
{
	struct device *new;

	if (old->like)
		return fail(why, FAIL_BUSY, "device %" PRIu64 " is staged", old->id);
	new = device_new(NOBODY, file, old->name, old, why);
	if (!new)
		return -1;
	LIST_INSERT_HEAD(&devices, new, next);
	if (device_exchange(old, new, why) == 0)
		return device_remove(old, why);
	device_remove(new, &(struct failure){0});
	return -1;
}

int device_remove(struct device *device, struct failure *why)
{
	(void)why;
	remove_staged(device);
	ports_leave(device);
	LIST_REMOVE(device, next);
	if (!device->like)
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
