/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../runtime/p4k_bpf.h"
#include "kept.h"
#include "manifest.h"
#include "message.h"
#include "pins.h"
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

/* Fine with one that is not complete. With `whole` nothing of it is left for a later process. */
static void device_free(struct device *device, bool whole)
{
	const struct p4k_program *program = device->program;
	char path[PATH_MAX];

	for (unsigned int i = 0; device->mirrors && i < program->n_tables; i++)
		mirror_free(&device->mirrors[i]);
	for (unsigned int i = 0; device->tables && i < program->n_tables; i++)
		p4k_table_destroy(device->tables[i]);
	free(device->tables);
	free(device->mirrors);
	free(device->counters);
	free(device->direct);
	object_unload(&device->object);
	if (program)
		manifest_free(device->program);
	if (whole) {
		pins_remove(device->pins);
		kept_path(path, "%s.o", device->pins);
		unlink(path);
		kept_path(path, "%s.json", device->pins);
		unlink(path);
	}
	free(device);
}

static int find_counters(struct device *device, struct failure *why)
{
	const struct p4k_program *program = device->program;

	device->counters = calloc(program->n_counters + 1u, sizeof(*device->counters));
	device->direct = calloc(program->n_tables + 1u, sizeof(*device->direct));
	if (!device->counters || !device->direct)
		return fail(why, FAIL_FULL, "no memory for the counters of '%s'", device->name);
	for (unsigned int i = 0; i < program->n_counters; i++) {
		const struct p4k_counter_spec *spec = &program->counters[i];
		struct counter *counter = &device->counters[i];

		counter->size = spec->size;
		if (spec->table >= 0) {
			counter->size = program->tables[spec->table].size + 1;
			device->direct[spec->table] = counter;
		}
		counter->map = -1;
		if (counter->size > 0)
			counter->map = object_map_checked(&device->object, "counter", i, 4,
							  sizeof(struct p4k_bpf_cell),
							  counter->size, why);
		if (counter->size > 0 && counter->map < 0)
			return -1;
	}
	device->drops = object_map(&device->object, "drops");
	return device->drops < 0 ? fail(why, FAIL_INVALID, "want map 'drops'; the object has none") : 0;
}

static int make_tables(struct device *device, bool found, struct failure *why)
{
	const struct p4k_program *program = device->program;

	device->tables = calloc(program->n_tables + 1u, sizeof(struct p4k_table *));
	device->mirrors = calloc(program->n_tables + 1u, sizeof(*device->mirrors));
	if (!device->tables || !device->mirrors)
		return fail(why, FAIL_FULL, "no memory for the tables of '%s'", device->name);
	for (unsigned int i = 0; i < program->n_tables; i++)
		if (mirror_make(&device->mirrors[i], &device->object, i, &program->tables[i],
				device->direct[i], found, &device->tables[i], why) != 0)
			return -1;
	return 0;
}

/* Takes `object` and `manifest` over. */
static struct device *device_make(uint64_t id, const char *name, uint64_t generation,
				  uint8_t *object, size_t length, struct p4k_program *program,
				  bool found, struct failure *why)
{
	struct device *device = calloc(1, sizeof(*device));

	if (!device) {
		fail(why, FAIL_FULL, "no memory for device %" PRIu64, id);
		free(object);
		manifest_free(program);
		return NULL;
	}
	device->id = id;
	device->generation = generation;
	device->program = program;
	snprintf(device->name, sizeof(device->name), "%s", name);
	snprintf(device->pins, sizeof(device->pins), "%" PRIu64 "_%" PRIu64, id, generation);
	if (!found)
		pins_remove(device->pins); /* should a process have ended while it made them */
	if (object_load(&device->object, object, length, device->pins, found, why) == 0 &&
	    find_counters(device, why) == 0 && make_tables(device, found, why) == 0)
		return device;
	device_free(device, !found);
	return NULL;
}

/* A device that a request brings; its files are kept for a later process. */
static struct device *device_from_file(uint64_t id, const struct program_file *file,
				       const char *name, uint64_t generation, struct failure *why)
{
	struct p4k_program *program;
	struct device *device;
	char path[PATH_MAX];
	uint8_t *object;
	size_t length;

	object = file_read(file->path, MESSAGE_MAX, &length, why);
	if (!object)
		return NULL;
	program = manifest_read(file->manifest, file->manifest_length, why);
	if (!program) {
		free(object);
		return NULL;
	}
	device = device_make(id, name, generation, object, length, program, false, why);
	if (!device)
		return NULL;
	kept_path(path, "%s.json", device->pins);
	if (file_write(path, file->manifest, file->manifest_length, why) == 0) {
		kept_path(path, "%s.o", device->pins);
		if (file_write(path, device->object.bytes, device->object.length, why) == 0)
			return device;
	}
	device_free(device, true);
	return NULL;
}

int device_find_again(uint64_t id, const char *name, uint64_t generation, struct failure *why)
{
	uint8_t *manifest, *object;
	struct p4k_program *program;
	struct device *device;
	char path[PATH_MAX];
	size_t length;

	kept_path(path, "%" PRIu64 "_%" PRIu64 ".json", id, generation);
	manifest = file_read(path, MESSAGE_MAX, &length, why);
	program = manifest ? manifest_read(manifest, length, why) : NULL;
	free(manifest);
	if (!program)
		return -1;
	kept_path(path, "%" PRIu64 "_%" PRIu64 ".o", id, generation);
	object = file_read(path, MESSAGE_MAX, &length, why);
	if (!object) {
		manifest_free(program);
		return -1;
	}
	device = device_make(id, name, generation, object, length, program, true, why);
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
	device = device_from_file(id, file, name, 1, why);
	if (!device)
		return -1;
	LIST_INSERT_HEAD(&devices, device, next);
	if (kept_write(why) == 0)
		return 0;
	LIST_REMOVE(device, next);
	device_free(device, true);
	return -1;
}

int device_replace(struct device *old, const struct program_file *file, struct failure *why)
{
	struct device *new = device_from_file(old->id, file, old->name, old->generation + 1, why);

	if (!new)
		return -1;
	if (ports_move(old, new, why) != 0) {
		device_free(new, true);
		return -1;
	}
	LIST_INSERT_AFTER(old, new, next);
	LIST_REMOVE(old, next);
	if (kept_write(why) != 0)
		say("%s", why->message);
	device_free(old, true);
	return 0;
}

int device_remove(struct device *device, struct failure *why)
{
	ports_leave(device);
	LIST_REMOVE(device, next);
	if (kept_write(why) != 0)
		say("%s", why->message);
	device_free(device, true);
	return 0;
}

json_t *device_describe(const struct device *device)
{
	const struct p4k_program *program = device->program;
	json_t *tables = json_array(), *drops = json_object();

	for (unsigned int i = 0; i < program->n_tables; i++)
		json_array_append_new(tables,
				      json_pack("{s:s, s:I, s:I}", "name", program->tables[i].name,
						"entries",
						(json_int_t)p4k_table_count(device->tables[i]),
						"size", (json_int_t)program->tables[i].size));
	for (unsigned int i = 0; i < program->n_drops; i++)
		json_object_set_new(drops, program->drops[i],
				    json_integer((json_int_t)per_cpu_sum(device->drops, i)));
	json_object_set_new(drops, "no_port",
			    json_integer((json_int_t)per_cpu_sum(device->drops, P4K_BPF_DROP_NO_PORT)));
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
		device_free(device, true);
	}
}

const struct module devices_module = {.name = "devices", .start = start, .stop = stop};
