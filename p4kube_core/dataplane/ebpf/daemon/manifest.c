/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../../dpdk/runtime/p4k_table.h"
#include "bytes.h"
#include "field.h"

#define COUNT_MAX 1024	     /* tables, actions, counters, drops */
#define SIZE_MAX_ENTRIES (1u << 26)
#define KEY_BYTES_MAX 500 /* a hash's key is at most 512 */
#define DATA_BYTES_MAX 4096

/* All that the program points to lies in one list, to be freed together. */
struct manifest {
	struct p4k_program program;
	void **parts;
	size_t n_parts;
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
	if (read_default(manifest, at, spec, why) != 0)
		return -1;
	return read_entries(manifest, at, spec, why);
}

static int read_tables(struct manifest *manifest, const json_t *root, struct failure *why)
{
	const json_t *list = list_of(root, "tables", why);
	size_t n = json_array_size(list);
	struct p4k_table_spec *specs = list ? part(manifest, n * sizeof(*specs)) : NULL;

	if (!specs)
		return list ? fail(why, FAIL_FULL, "no memory for the manifest") : -1;
	manifest->program.tables = specs;
	manifest->program.n_tables = (uint16_t)n;
	for (size_t i = 0; i < n; i++)
		if (read_table(manifest, json_array_get(list, i), &specs[i], why) != 0)
			return -1;
	return 0;
}

static int read_counters(struct manifest *manifest, const json_t *root, struct failure *why)
{
	const json_t *list = list_of(root, "counters", why);
	size_t n = json_array_size(list);
	struct p4k_counter_spec *specs = list ? part(manifest, n * sizeof(*specs)) : NULL;

	if (!specs)
		return list ? fail(why, FAIL_FULL, "no memory for the manifest") : -1;
	manifest->program.counters = specs;
	manifest->program.n_counters = (uint16_t)n;
	for (size_t i = 0; i < n; i++) {
		const json_t *at = json_array_get(list, i);
		uint64_t size, table;

		specs[i].name = text_of(manifest, at, "name", why);
		if (!specs[i].name || number_of(at, "size", SIZE_MAX_ENTRIES, &size, why) != 0 ||
		    field_number_or(at, "table", 0, COUNT_MAX, UINT64_MAX, &table, why) != 0)
			return -1;
		if (table != UINT64_MAX && table >= manifest->program.n_tables)
			return fail(why, FAIL_INVALID, "manifest: counter '%s': there is no table %u",
				    specs[i].name, (unsigned int)table);
		specs[i].size = (uint32_t)size;
		specs[i].table = table == UINT64_MAX ? -1 : (int32_t)table;
	}
	return 0;
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
	    read_tables(manifest, root, why) != 0 || read_counters(manifest, root, why) != 0)
		return -1;
	return read_drops(manifest, root, why);
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
