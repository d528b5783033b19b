/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define LOG_BYTES (1u << 20)
#define SAID_BYTES 300 /* of the verifier's last words, in an answer */
#define PROGRAM "p4k_program"

static char verifier_log[LOG_BYTES];

/* libbpf's own words, but for what it says while it tries what the kernel can. */
static int on_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

struct bpf_object *object_open(const uint8_t *bytes, size_t length, struct failure *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "p4k",
		    .kernel_log_buf = verifier_log, .kernel_log_size = sizeof(verifier_log));
	struct bpf_object *opened;

	libbpf_set_print(on_print);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	opened = bpf_object__open_mem(bytes, length, &options);
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
		const char *of = strstr(bpf_map__name(map), ".rodata");

		if (!type || !bytes || !of || strcmp(of, ".rodata") != 0)
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

int object_load(struct bpf_object *opened, struct p4k_bpf_load what, struct failure *why)
{
	struct bpf_program *program = bpf_object__find_program_by_name(opened, PROGRAM);
	int ret;

	if (!program)
		return fail(why, FAIL_INVALID, "want program %s; the object has none", PROGRAM);
	bpf_program__set_type(program, BPF_PROG_TYPE_SCHED_CLS);
	bpf_program__set_log_level(program, 4); /* errors and figures, not every step */
	if (set_load(opened, what, why) != 0)
		return -1;
	verifier_log[0] = '\0';
	ret = bpf_object__load(opened);
	return ret == 0 ? 0 : refused(ret, why);
}

int object_program(const struct bpf_object *loaded)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(loaded, PROGRAM);

	return program ? fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 3) : -1;
}

int object_check_map(const struct bpf_object *opened, const char *name, struct map_shape want,
		     struct failure *why)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(opened, name), *of = map;

	if (map && bpf_map__type(map) == BPF_MAP_TYPE_ARRAY_OF_MAPS)
		of = bpf_map__inner_map((struct bpf_map *)(uintptr_t)map);
	if (!of)
		return fail(why, FAIL_INVALID, "want map '%s'; the object has none", name);
	if (bpf_map__key_size(of) == want.key_bytes && bpf_map__value_size(of) == want.value_bytes &&
	    bpf_map__max_entries(of) >= want.entries)
		return 0;
	return fail(why, FAIL_INVALID,
		    "map '%s': want %u bytes of key, %u of value, %u entries; it has %u, %u, %u", name,
		    want.key_bytes, want.value_bytes, want.entries, bpf_map__key_size(of),
		    bpf_map__value_size(of), bpf_map__max_entries(of));
}
