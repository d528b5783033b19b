/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../../dpdk/runtime/p4k_table.h"
#include "bytes.h"
#include "field.h"
#include "signature.h"

#define COUNT_MAX 1024	     /* tables, actions, counters, drops */
#define SIZE_MAX_ENTRIES (1u << 26)
#define KEY_BYTES_MAX 500 /* a hash's key is at most 512 */
#define DATA_BYTES_MAX 4096

/* All that the program points to lies in one list, to be freed together. */
struct manifest {
	struct p4k_program program;
	void **parts;
	size_t n_parts;
	const char **signatures[PARTS]; /* by index: what must be equal for two to be the same */
	size_t n_signatures[PARTS];
};

static void *part(struct manifest *manifest, size_t bytes)
{
	void **parts = realloc(manifest->parts, (manifest->n_parts + 1) * sizeof(void *));
	void *memory = parts ? calloc(1, bytes + 1) : NULL;

	if (parts)
		manifest->parts = parts;
	if (memory)
		parts[manifest->n_parts++] = memory;
	return memory;
}

static const char *text_of(struct manifest *manifest, const json_t *from, const char *name,
			   struct failure *why)
{
	const char *text;
	char *copy;

	if (field_string(from, name, 1024, &text, why) != 0)
		return NULL;
	copy = part(manifest, strlen(text));
	if (!copy)
		fail(why, FAIL_FULL, "no memory for the manifest");
	else
		memcpy(copy, text, strlen(text));
	return copy;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hexadecimal of at most `bytes`; returns how many, or -1. */
static int hex(const json_t *from, uint8_t *to, size_t bytes)
{
	const char *text = json_string_value(from);
	size_t length = text ? strlen(text) : 1;

	if (length % 2 || length / 2 > bytes)
		return -1;
	for (size_t i = 0; i < length; i += 2) {
		int high = digit(text[i]), low = digit(text[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		to[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (int)(length / 2);
}

/* The list of that name, of at most COUNT_MAX objects. */
static const json_t *list_of(const json_t *manifest, const char *name, struct failure *why)
{
	const json_t *list = json_object_get(manifest, name);

	if (!json_is_array(list) || json_array_size(list) > COUNT_MAX) {
		fail(why, FAIL_INVALID, "manifest: %s: want a list of at most %d", name, COUNT_MAX);
		return NULL;
	}
	return list;
}

static int number_of(const json_t *from, const char *name, uint64_t high, uint64_t *value,
		     struct failure *why)
{
	return field_number(from, name, 0, high, value, why);
}

static int read_actions(struct manifest *manifest, const json_t *root, struct failure *why)
{
	const json_t *list = list_of(root, "actions", why);
	size_t n = json_array_size(list);
	struct p4k_action_spec *specs = list ? part(manifest, n * sizeof(*specs)) : NULL;

	if (!specs)
		return list ? fail(why, FAIL_FULL, "no memory for the manifest") : -1;
	manifest->program.actions = specs;
	manifest->program.n_actions = (uint16_t)n;
	for (size_t i = 0; i < n; i++) {
		const json_t *at = json_array_get(list, i);
		uint64_t bytes;

		specs[i].name = text_of(manifest, at, "name", why);
		if (!specs[i].name ||
		    number_of(at, "data_bytes", DATA_BYTES_MAX, &bytes, why) != 0)
			return -1;
		specs[i].data_bytes = (uint16_t)bytes;
	}
	return 0;
}

static int read_default(struct manifest *manifest, const json_t *at, struct p4k_table_spec *spec,
			struct failure *why)
{
	uint8_t *bytes = part(manifest, spec->data_bytes + 2u);

	if (!bytes)
		return fail(why, FAIL_FULL, "no memory for the manifest");
	if (hex(json_object_get(at, "default"), bytes, spec->data_bytes + 2u) < 2 ||
	    load16(bytes) >= manifest->program.n_actions)
		return fail(why, FAIL_INVALID, "manifest: table '%s': default: want an action and its data",
			    spec->name);
	spec->default_action = load16(bytes);
	spec->default_data = bytes + 2;
	return 0;
}

static int read_entries(struct manifest *manifest, const json_t *at, struct p4k_table_spec *spec,
			struct failure *why)
{
	const json_t *list = json_object_get(at, "entries");
	size_t n = json_array_size(list), each = p4k_record_bytes(spec);
	uint8_t *records;

	if (n == 0)
		return 0;
	records = n <= spec->size ? part(manifest, n * each) : NULL;
	if (!records)
		return fail(why, FAIL_INVALID, "manifest: table '%s': want at most %u entries; it has %zu",
			    spec->name, spec->size, n);
	for (size_t i = 0; i < n; i++) {
		uint8_t *record = records + i * each;
		int length = hex(json_array_get(list, i), record, each);

		if (length < 0 || (size_t)length != each ||
		    load16(record + each - spec->data_bytes - 2) >= manifest->program.n_actions)
			return fail(why, FAIL_INVALID,
				    "manifest: table '%s': entry %zu is not well formed", spec->name, i);
	}
	spec->const_entries = records;
	spec->n_const_entries = (uint32_t)n;
	return 0;
}

static int read_ranges(struct manifest *manifest, const json_t *at, struct p4k_table_spec *spec,
		       struct failure *why)
{
	const json_t *list = list_of(at, "fields", why), *field;
	struct p4k_range_spec *ranges =
		list ? part(manifest, json_array_size(list) * sizeof(*ranges)) : NULL;
	size_t i;

	if (!ranges)
		return list ? fail(why, FAIL_FULL, "no memory for the manifest") : -1;
	spec->ranges = ranges;
	json_array_foreach(list, i, field) {
		uint64_t offset, bytes;
		const char *match;

		if (field_string(field, "match", 16, &match, why) != 0 ||
		    number_of(field, "offset", spec->key_bytes, &offset, why) != 0 ||
		    number_of(field, "bytes", spec->key_bytes, &bytes, why) != 0)
			return -1;
		if (strcmp(match, "range") != 0)
			continue;
		if (spec->kind != P4K_TERNARY || bytes == 0 || offset + bytes > spec->key_bytes)
			return fail(why, FAIL_INVALID,
				    "manifest: table '%s': field %zu is no range within the key", spec->name, i);
		ranges[spec->n_ranges++] =
			(struct p4k_range_spec){(uint16_t)offset, (uint16_t)bytes};
	}
	return 0;
}

static int read_table(struct manifest *manifest, const json_t *at, struct p4k_table_spec *spec,
		      struct failure *why)
{
	static const char *const kinds[] = {
		[P4K_EXACT] = "exact", [P4K_LPM] = "lpm", [P4K_TERNARY] = "ternary"};
	uint64_t size, key_bytes, data_bytes;
	unsigned int kind = 0;
	const char *word;

	spec->name = text_of(manifest, at, "name", why);
	if (!spec->name || field_string(at, "kind", 16, &word, why) != 0 ||
	    field_number(at, "size", 1, SIZE_MAX_ENTRIES, &size, why) != 0 ||
	    number_of(at, "key_bytes", KEY_BYTES_MAX, &key_bytes, why) != 0 ||
	    number_of(at, "data_bytes", DATA_BYTES_MAX, &data_bytes, why) != 0)
		return -1;
	while (kind <= P4K_TERNARY && strcmp(word, kinds[kind]) != 0)
		kind++;
	if (kind > P4K_TERNARY || (key_bytes == 0 && kind != P4K_EXACT))
		return fail(why, FAIL_UNSUPPORTED, "manifest: table '%s': no tables of kind '%s' with %u bytes of key",
			    spec->name, word, (unsigned int)key_bytes);
	spec->kind = (enum p4k_kind)kind;
	spec->size = (uint32_t)size;
	spec->key_bytes = (uint16_t)key_bytes;
	spec->data_bytes = (uint16_t)data_bytes;
	if (read_ranges(manifest, at, spec, why) != 0 || read_default(manifest, at, spec, why) != 0)
		return -1;
	return read_entries(manifest, at, spec, why);
}

/* A table's index, or -1 where there is none. */
static int table_of(const struct manifest *manifest, const json_t *at, int32_t *table,
		    struct failure *why)
{
	uint64_t index;

	if (field_number_or(at, "table", 0, COUNT_MAX, UINT64_MAX, &index, why) != 0)
		return -1;
	if (index != UINT64_MAX && index >= manifest->program.n_tables)
		return fail(why, FAIL_INVALID, "manifest: there is no table %u", (unsigned int)index);
	*table = index == UINT64_MAX ? -1 : (int32_t)index;
	return 0;
}

static int read_counter(struct manifest *manifest, const json_t *at, struct p4k_counter_spec *spec,
			struct failure *why)
{
	uint64_t size;

	spec->name = text_of(manifest, at, "name", why);
	if (!spec->name || number_of(at, "size", SIZE_MAX_ENTRIES, &size, why) != 0)
		return -1;
	spec->size = (uint32_t)size;
	return table_of(manifest, at, &spec->table, why);
}

static int read_meter(struct manifest *manifest, const json_t *at, struct p4k_meter_spec *spec,
		      struct failure *why)
{
	const char *unit;
	uint64_t size;

	spec->name = text_of(manifest, at, "name", why);
	if (!spec->name || number_of(at, "size", SIZE_MAX_ENTRIES, &size, why) != 0 ||
	    field_string(at, "unit", 16, &unit, why) != 0)
		return -1;
	spec->size = (uint32_t)size;
	spec->counts_bytes = strcmp(unit, "bytes") == 0;
	return table_of(manifest, at, &spec->table, why);
}

static int read_register(struct manifest *manifest, const json_t *at,
			 struct p4k_register_spec *spec, struct failure *why)
{
	uint64_t size, width;

	spec->name = text_of(manifest, at, "name", why);
	if (!spec->name || number_of(at, "size", SIZE_MAX_ENTRIES, &size, why) != 0 ||
	    field_number(at, "width", 1, 128, &width, why) != 0)
		return -1;
	spec->size = (uint32_t)size;
	spec->width_bits = (uint32_t)width;
	return 0;
}

static int read_digest(struct manifest *manifest, const json_t *at, struct p4k_digest_spec *spec,
		       struct failure *why)
{
	uint64_t bytes;

	spec->name = text_of(manifest, at, "name", why);
	if (!spec->name || number_of(at, "data_bytes", DATA_BYTES_MAX, &bytes, why) != 0)
		return -1;
	spec->data_bytes = (uint32_t)bytes;
	return 0;
}

/* A function that reads a list of that name with `read`, each into a spec. */
#define READ_LIST(plural, type, read)                                                             \
	static int read_##plural(struct manifest *manifest, const json_t *root, struct failure *why) \
	{                                                                                         \
		const json_t *list = list_of(root, #plural, why), *at;                            \
		struct type *specs = list ? part(manifest, json_array_size(list) * sizeof(*specs)) : NULL; \
		size_t i;                                                                         \
                                                                                                  \
		if (!specs)                                                                       \
			return list ? fail(why, FAIL_FULL, "no memory for the manifest") : -1;    \
		json_array_foreach(list, i, at)                                                   \
			if (read(manifest, at, &specs[i], why) != 0)                              \
				return -1;                                                        \
		manifest->program.plural = specs;                                                 \
		manifest->program.n_##plural = (uint16_t)json_array_size(list);                   \
		return 0;                                                                         \
	}

READ_LIST(tables, p4k_table_spec, read_table)
READ_LIST(counters, p4k_counter_spec, read_counter)
READ_LIST(meters, p4k_meter_spec, read_meter)
READ_LIST(registers, p4k_register_spec, read_register)
READ_LIST(digests, p4k_digest_spec, read_digest)

static int read_signatures(struct manifest *manifest, const json_t *root, struct failure *why)
{
	static const char *const lists[] = {
		[PART_TABLE] = "tables", [PART_COUNTER] = "counters", [PART_METER] = "meters",
		[PART_REGISTER] = "registers"};

	for (unsigned int kind = 0; kind < PARTS; kind++) {
		const json_t *list = json_object_get(root, lists[kind]), *at;
		size_t n = json_array_size(list), i;
		const char **signatures = part(manifest, n * sizeof(*signatures));

		manifest->signatures[kind] = signatures;
		manifest->n_signatures[kind] = n;
		json_array_foreach(list, i, at) {
			char *text = kind == PART_TABLE ? signature_of_table(root, at) :
							  signature_of_cells(at);
			char *copy = text && signatures ? part(manifest, strlen(text)) : NULL;

			if (copy)
				signatures[i] = strcpy(copy, text);
			free(text);
			if (!copy)
				return fail(why, FAIL_FULL, "no memory for the manifest");
		}
	}
	return 0;
}

int manifest_same(const struct p4k_program *old, const struct p4k_program *new,
		  enum manifest_part part, unsigned int index)
{
	/* Their first members. */
	const struct manifest *one = (const struct manifest *)old, *other = (const struct manifest *)new;

	for (size_t i = 0; i < one->n_signatures[part]; i++)
		if (strcmp(one->signatures[part][i], other->signatures[part][index]) == 0)
			return (int)i;
	return -1;
}

static int read_drops(struct manifest *manifest, const json_t *root, struct failure *why)
{
	const json_t *list = list_of(root, "drops", why);
	size_t n = json_array_size(list);
	const char **names = list ? part(manifest, n * sizeof(*names)) : NULL;

	if (!names)
		return list ? fail(why, FAIL_FULL, "no memory for the manifest") : -1;
	manifest->program.drops = names;
	manifest->program.n_drops = (uint16_t)n;
	for (size_t i = 0; i < n; i++) {
		const char *name = json_string_value(json_array_get(list, i));
		char *copy = name ? part(manifest, strlen(name)) : NULL;

		if (!copy)
			return fail(why, FAIL_INVALID, "manifest: drops: want strings");
		memcpy(copy, name, strlen(name));
		names[i] = copy;
	}
	return 0;
}

static int read_all(struct manifest *manifest, const json_t *root, struct failure *why)
{
	struct p4k_program *program = &manifest->program;
	const char *target;
	uint64_t abi;

	if (field_string(root, "target", 16, &target, why) != 0 ||
	    field_number(root, "abi", 0, UINT32_MAX, &abi, why) != 0)
		return -1;
	if (strcmp(target, "ebpf") != 0)
		return fail(why, FAIL_UNSUPPORTED, "manifest: want target ebpf; it is %s", target);
	if (abi != P4K_ABI)
		return fail(why, FAIL_UNSUPPORTED, "manifest: want ABI %d; it has %u", P4K_ABI,
			    (unsigned int)abi);
	program->abi = (uint32_t)abi;
	program->name = text_of(manifest, root, "name", why);
	program->digest = program->name ? text_of(manifest, root, "digest", why) : NULL;
	if (!program->digest || read_actions(manifest, root, why) != 0 ||
	    read_tables(manifest, root, why) != 0 || read_counters(manifest, root, why) != 0 ||
	    read_meters(manifest, root, why) != 0 || read_registers(manifest, root, why) != 0 ||
	    read_digests(manifest, root, why) != 0 || read_drops(manifest, root, why) != 0)
		return -1;
	return read_signatures(manifest, root, why);
}

struct p4k_program *manifest_read(const uint8_t *text, size_t length, struct failure *why)
{
	struct manifest *manifest = calloc(1, sizeof(*manifest));
	json_error_t error;
	json_t *root;

	if (!manifest) {
		fail(why, FAIL_FULL, "no memory for the manifest");
		return NULL;
	}
	root = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(root)) {
		fail(why, FAIL_INVALID, "manifest: want a JSON object; at byte %d: %s",
		     root ? 0 : error.position, root ? "something else" : error.text);
	} else if (read_all(manifest, root, why) == 0) {
		json_decref(root);
		return &manifest->program;
	}
	json_decref(root);
	manifest_free(&manifest->program);
	return NULL;
}

void manifest_free(struct p4k_program *program)
{
	struct manifest *manifest = (struct manifest *)program; /* its first member */

	for (size_t i = 0; i < manifest->n_parts; i++)
		free(manifest->parts[i]);
	free(manifest->parts);
	free(manifest);
}
