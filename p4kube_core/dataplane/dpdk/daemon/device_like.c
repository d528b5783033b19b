/* SPDX-License-Identifier: Apache-2.0 */
#include "device_like.h"

#include <stdlib.h>
#include <string.h>

#include "cell_request.h"
#include "signature.h"

static const json_t *member(const struct device *device, const char *list, unsigned int index)
{
	return json_array_get(json_object_get(device->manifest, list), index);
}

/* Where the other's list has what has this id, or -1. */
static int same_id(const struct device *device, const struct device *like, const char *list,
		   unsigned int index)
{
	const json_t *id = json_object_get(member(device, list, index), "id"), *at;
	size_t i;

	if (!like || !id)
		return -1;
	json_array_foreach(json_object_get(like->manifest, list), i, at)
		if (json_equal(json_object_get(at, "id"), id))
			return (int)i;
	return -1;
}

/* Takes both texts over. */
static bool equal(char *a, char *b)
{
	bool same = a && b && strcmp(a, b) == 0;

	free(a);
	free(b);
	return same;
}

/* What sharing memory rests on, whatever the manifests say. */
static bool same_form(const struct p4k_table_spec *a, const struct p4k_table_spec *b)
{
	return a->kind == b->kind && a->size == b->size && a->key_bytes == b->key_bytes &&
	       a->data_bytes == b->data_bytes && a->n_ranges == b->n_ranges &&
	       (a->n_ranges == 0 ||
		memcmp(a->ranges, b->ranges, a->n_ranges * sizeof(*a->ranges)) == 0);
}

int like_table(const struct device *device, const struct device *like, unsigned int index)
{
	int other = same_id(device, like, "tables", index);
	const json_t *ours, *theirs;

	if (other < 0 ||
	    !same_form(&device->program->tables[index], &like->program->tables[other]))
		return -1;
	ours = member(device, "tables", index);
	theirs = member(like, "tables", (unsigned int)other);
	/* The default stands in the table itself. */
	return json_equal(json_object_get(ours, "default"), json_object_get(theirs, "default")) &&
			       equal(signature_of_table(device->manifest, ours),
				     signature_of_table(like->manifest, theirs)) ?
		       other :
		       -1;
}

static int same_cells(const struct device *device, const struct device *like, const char *list,
		      unsigned int index)
{
	int other = same_id(device, like, list, index);

	return other >= 0 && equal(signature_of_cells(member(device, list, index)),
				   signature_of_cells(member(like, list, (unsigned int)other))) ?
		       other :
		       -1;
}

/* Direct ones go with their table; what is not direct must not be so there either. */
static bool same_owner(const struct device *device, const struct device *like, int32_t table,
		       int32_t other)
{
	return table < 0 ? other < 0 :
			   other >= 0 && like_table(device, like, (unsigned int)table) == other;
}

int like_counter(const struct device *device, const struct device *like, unsigned int index)
{
	int other = same_cells(device, like, "counters", index);
	const struct p4k_counter_spec *ours = &device->program->counters[index], *theirs;

	if (other < 0)
		return -1;
	theirs = &like->program->counters[other];
	return ours->size == theirs->size && same_owner(device, like, ours->table, theirs->table) ?
		       other :
		       -1;
}

int like_meter(const struct device *device, const struct device *like, unsigned int index)
{
	int other = same_cells(device, like, "meters", index);
	const struct p4k_meter_spec *ours = &device->program->meters[index], *theirs;

	if (other < 0)
		return -1;
	theirs = &like->program->meters[other];
	return ours->size == theirs->size && same_owner(device, like, ours->table, theirs->table) ?
		       other :
		       -1;
}

int like_register(const struct device *device, const struct device *like, unsigned int index)
{
	int other = same_cells(device, like, "registers", index);
	const struct p4k_register_spec *ours = &device->program->registers[index], *theirs;

	if (other < 0)
		return -1;
	theirs = &like->program->registers[other];
	return ours->size == theirs->size && ours->width_bits == theirs->width_bits ? other : -1;
}

static int check_list(const struct device *device, const char *list, unsigned int n,
		      struct failure *why)
{
	size_t found = json_array_size(json_object_get(device->manifest, list));

	return found == n ? 0 :
			    fail(why, FAIL_INVALID, "manifest: want the object's %u %s; found %zu", n,
				 list, found);
}

int like_read_manifest(struct device *device, const struct program_file *file, struct failure *why)
{
	const struct p4k_program *program = device->program;
	json_error_t error;

	if (file->manifest_length == 0)
		return 0;
	device->manifest = json_loadb((const char *)file->manifest, file->manifest_length,
				      JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(device->manifest))
		return fail(why, FAIL_INVALID, "manifest: want a JSON object; at byte %d: %s",
			    device->manifest ? 0 : error.position,
			    device->manifest ? "something else" : error.text);
	if (check_list(device, "tables", program->n_tables, why) != 0 ||
	    check_list(device, "actions", program->n_actions, why) != 0 ||
	    check_list(device, "counters", program->n_counters, why) != 0 ||
	    check_list(device, "meters", program->n_meters, why) != 0)
		return -1;
	return check_list(device, "registers", program->n_registers, why);
}
