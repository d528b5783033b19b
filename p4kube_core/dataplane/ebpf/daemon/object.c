/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "../runtime/p4k_bpf.h"
#include "pins.h"

#define LOG_BYTES (1u << 20)
#define SAID_BYTES 300 /* of the verifier's last words, in an answer */

static char verifier_log[LOG_BYTES];

/* libbpf's own words, but for what it says while it tries what the kernel can. */
static int on_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

static struct bpf_object *open_object(const struct object *object, struct failure *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "p4k",
		    .kernel_log_buf = verifier_log, .kernel_log_size = sizeof(verifier_log));
	struct bpf_object *opened;

	libbpf_set_print(on_print);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	opened = bpf_object__open_mem(object->bytes, object->length, &options);
	if (!opened)
		fail(why, FAIL_INVALID, "want a BPF object with BTF: %s", strerror(errno));
	return opened;
}

/* The last lines of what the verifier said, in one. */
static void shorten(char said[SAID_BYTES])
{
	size_t length = strnlen(verifier_log, sizeof(verifier_log));
	const char *end = strstr(verifier_log, "\nprocessed ");
	const char *from;

	if (end)
		length = (size_t)(end - verifier_log);
	from = verifier_log + (length > SAID_BYTES - 1 ? length - (SAID_BYTES - 1) : 0);
	snprintf(said, SAID_BYTES, "%.*s", (int)(verifier_log + length - from), from);
	for (char *at = said; *at; at++)
		if (*at == '\n')
			*at = ';';
}

static int refused(int error, struct failure *why)
{
	char said[SAID_BYTES];

	if (verifier_log[0] == '\0')
		return fail(why, error == -ENOMEM ? FAIL_FULL : FAIL_INVALID,
			    "the kernel does not take the program: %s", strerror(-error));
	say("the kernel does not take the program; the verifier's log:");
	fputs(verifier_log, stderr);
	shorten(said);
	return fail(why, FAIL_INVALID, "the kernel does not take the program: %s", said);
}

/* Ways out belong to the port where the packet came in, all else to the device. */
static bool is_shared(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	return !bpf_map__is_internal(map) && strcmp(name, "exits") != 0 && strcmp(name, "chain") != 0;
}

/* Put p4k_load into the object's .rodata. */
static int set_load(struct bpf_object *opened, struct p4k_bpf_load load, struct failure *why)
{
	const struct btf *btf = bpf_object__btf(opened);
	int section = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -1;
	const struct btf_type *type = section < 0 ? NULL : btf__type_by_id(btf, (uint32_t)section);
	struct bpf_map *map;

	bpf_object__for_each_map(map, opened) {
		size_t size = 0;
		uint8_t *bytes = (uint8_t *)(uintptr_t)bpf_map__initial_value(map, &size);

		if (!type || !bytes || !strstr(bpf_map__name(map), ".rodata"))
			continue;
		for (unsigned int i = 0; i < btf_vlen(type); i++) {
			const struct btf_var_secinfo *variable = btf_var_secinfos(type) + i;
			const struct btf_type *named = btf__type_by_id(btf, variable->type);
			const char *name = btf__name_by_offset(btf, named->name_off);

			if (name && strcmp(name, "p4k_load") == 0 && variable->size == sizeof(load) &&
			    variable->offset + sizeof(load) <= size) {
				memcpy(bytes + variable->offset, &load, sizeof(load));
				return 0;
			}
		}
	}
	return fail(why, FAIL_INVALID, "want `p4k_load` in .rodata; the object has none");
}

static int load(struct bpf_object *opened, struct p4k_bpf_load what, struct failure *why)
{
	struct bpf_program *program = bpf_object__find_program_by_name(opened, "p4k_program");
	int ret;

	if (!program)
		return fail(why, FAIL_INVALID, "want program p4k_program; the object has none");
	bpf_program__set_type(program, BPF_PROG_TYPE_SCHED_CLS);
	if (set_load(opened, what, why) != 0)
		return -1;
	verifier_log[0] = '\0';
	ret = bpf_object__load(opened);
	return ret == 0 ? 0 : refused(ret, why);
}

/* Give each shared map the descriptor that it has already. */
static int reuse(struct bpf_object *opened, const struct object *object, const char *directory,
		 struct failure *why)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, opened) {
		char path[PATH_MAX];
		int fd, ret;

		if (!is_shared(map))
			continue;
		if (directory) {
			pin_path(path, "%s/%s", directory, bpf_map__name(map));
			fd = bpf_obj_get(path);
		} else {
			fd = object_map(object, bpf_map__name(map));
		}
		ret = fd < 0 ? -errno : bpf_map__reuse_fd(map, fd);
		if (directory && fd >= 0)
			close(fd);
		if (ret != 0)
			return fail(why, FAIL_IO, "map '%s' cannot be taken: %s", bpf_map__name(map),
				    strerror(-ret));
	}
	return 0;
}

static int pin(struct bpf_object *opened, const char *directory, struct failure *why)
{
	struct bpf_map *map;
	char path[PATH_MAX];

	pin_path(path, "%s", directory);
	if (mkdir(path, 0700) != 0)
		return fail(why, FAIL_IO, "%s: %s", path, strerror(errno));
	bpf_object__for_each_map(map, opened) {
		if (!is_shared(map))
			continue;
		pin_path(path, "%s/%s", directory, bpf_map__name(map));
		if (bpf_obj_pin(bpf_map__fd(map), path) != 0) {
			fail(why, FAIL_IO, "%s: %s", path, strerror(errno));
			pins_remove(directory);
			return -1;
		}
	}
	return 0;
}

int object_load(struct object *object, uint8_t *bytes, size_t length, const char *directory,
		bool found, struct failure *why)
{
	*object = (struct object){.bytes = bytes, .length = length};
	object->base = open_object(object, why);
	if (object->base && (!found || reuse(object->base, object, directory, why) == 0) &&
	    load(object->base, (struct p4k_bpf_load){.test = 1}, why) == 0 &&
	    (found || pin(object->base, directory, why) == 0))
		return 0;
	object_unload(object);
	return -1;
}

void object_unload(struct object *object)
{
	bpf_object__close(object->base);
	free(object->bytes);
	*object = (struct object){0};
}

int object_map(const struct object *object, const char *name)
{
	return bpf_object__find_map_fd_by_name(object->base, name);
}

int object_map_checked(const struct object *object, const char *prefix, unsigned int index,
		       uint32_t key_bytes, uint32_t value_bytes, uint32_t entries,
		       struct failure *why)
{
	const struct bpf_map *map;
	char name[32];

	snprintf(name, sizeof(name), "%s_%u", prefix, index);
	map = bpf_object__find_map_by_name(object->base, name);
	if (!map)
		return fail(why, FAIL_INVALID, "want map '%s'; the object has none", name);
	if (bpf_map__key_size(map) != key_bytes || bpf_map__value_size(map) != value_bytes ||
	    bpf_map__max_entries(map) < entries)
		return fail(why, FAIL_INVALID,
			    "map '%s': want %u bytes of key, %u of value, %u entries; it has %u, %u, %u", name,
			    key_bytes, value_bytes, entries, bpf_map__key_size(map),
			    bpf_map__value_size(map), bpf_map__max_entries(map));
	return bpf_map__fd(map);
}

int copy_load(const struct object *object, uint32_t port, bool test, struct copy *copy,
	      struct failure *why)
{
	struct bpf_object *opened = open_object(object, why);
	int exits;

	*copy = NO_COPY;
	if (!opened)
		return -1;
	if (reuse(opened, object, NULL, why) != 0 ||
	    load(opened, (struct p4k_bpf_load){.port = port, .test = test}, why) != 0) {
		bpf_object__close(opened);
		return -1;
	}
	exits = bpf_object__find_map_fd_by_name(opened, "exits");
	copy->program = fcntl(bpf_program__fd(bpf_object__find_program_by_name(opened, "p4k_program")),
			      F_DUPFD_CLOEXEC, 3);
	copy->exits = exits < 0 ? -1 : fcntl(exits, F_DUPFD_CLOEXEC, 3);
	bpf_object__close(opened);
	if (copy->program >= 0 && copy->exits >= 0)
		return 0;
	copy_unload(copy);
	return fail(why, FAIL_INVALID, "want map 'exits'; the object has none");
}

void copy_unload(struct copy *copy)
{
	if (copy->program >= 0)
		close(copy->program);
	if (copy->exits >= 0)
		close(copy->exits);
	*copy = NO_COPY;
}
