/* SPDX-License-Identifier: Apache-2.0 */
#include "signature.h"

#include <stddef.h>

/* Indices say where in its own program something stands; names are for people. */
static const char *const table_members[] = {
	"id", "kind", "size", "key_bytes", "data_bytes", "fields", "const", "actions", "default_only", "table_only"};
static const char *const cells_members[] = {"id", "size", "unit", "width"};

static json_t *pick(const json_t *from, const char *const *names, size_t n)
{
	json_t *picked = json_object();

	for (size_t i = 0; i < n; i++) {
		json_t *member = json_object_get(from, names[i]);

		if (member)
			json_object_set(picked, names[i], member);
	}
	return picked;
}

static json_t *pick_cells(const json_t *cells)
{
	return pick(cells, cells_members, sizeof(cells_members) / sizeof(*cells_members));
}

static char *text_of(json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(json);
	return text;
}

/* The table's actions, by the indices that its entries name them by. */
static json_t *actions_of(const json_t *manifest, const json_t *table)
{
	const json_t *all = json_object_get(manifest, "actions"), *index;
	json_t *actions = json_array();
	size_t i;

	json_array_foreach(json_object_get(table, "actions"), i, index)
		json_array_append(actions, json_array_get(all, (size_t)json_integer_value(index)));
	return actions;
}

/* The table's direct counter or meter. */
static json_t *direct_of(const json_t *manifest, const char *list, const json_t *table,
			 const char *member)
{
	const json_t *index = json_object_get(table, member);

	if (!json_is_integer(index))
		return json_null();
	return pick_cells(json_array_get(json_object_get(manifest, list), (size_t)json_integer_value(index)));
}

char *signature_of_table(const json_t *manifest, const json_t *table)
{
	json_t *picked = pick(table, table_members, sizeof(table_members) / sizeof(*table_members));

	json_object_set_new(picked, "action", actions_of(manifest, table));
	json_object_set_new(picked, "counter", direct_of(manifest, "counters", table, "direct_counter"));
	json_object_set_new(picked, "meter", direct_of(manifest, "meters", table, "direct_meter"));
	if (json_is_true(json_object_get(table, "const")))
		json_object_set(picked, "entries", json_object_get(table, "entries"));
	return text_of(picked);
}

char *signature_of_cells(const json_t *cells)
{
	return text_of(pick_cells(cells));
}
