/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "../../dpdk/runtime/p4k_writer.h"
#include "../runtime/p4k_bpf.h"
#include "bytes.h"
#include "mirror_bytes.h"
#include "mirror_masks.h"
#include "outer.h"

#define BATCH 4096
#define LEAST_BATCH 8
#define LEAST_ROOM 16 /* a map for fewer entries would not be smaller */
#define TRIES 100     /* the kernel may want a moment to have memory at hand */
#define TRY_AGAIN_US 100

static void retire(void *owner, void (*release)(void *), void *memory)
{
	(void)owner;
	release(memory);
}

static void slot_released(void *owner, uint32_t slot)
{
	struct mirror *mirror = owner;

	if (mirror->n_released == mirror->released_room) {
		unsigned int room = mirror->released_room ? 2 * mirror->released_room : 64;
		uint32_t *released = realloc(mirror->released, room * sizeof(*released));

		if (!released) {
			counter_write(mirror->direct, slot, (struct p4k_cell){0});
			return;
		}
		mirror->released = released;
		mirror->released_room = room;
	}
	mirror->released[mirror->n_released++] = slot;
}

void mirror_clear_released(struct mirror *mirror)
{
	while (mirror->n_released > 0)
		counter_write(mirror->direct, mirror->released[--mirror->n_released],
			      (struct p4k_cell){0});
}

int mirror_default(struct mirror *mirror, const struct p4k_table *table)
{
	uint8_t value[8 + 2 * MIRROR_VALUE_MAX];
	struct p4k_bpf_default *both = (struct p4k_bpf_default *)value;
	uint32_t stride = P4K_BPF_STRIDE(mirror->spec->data_bytes);

	/* First the place that is not in force, then the word that says which one is. */
	if (bpf_map_lookup_elem(mirror->maps.fallback, &mirror->slot, value) != 0)
		return -EIO;
	mirror_value(mirror->spec, p4k_default(table), both->entries + (both->place ^ 1) * stride);
	for (unsigned int i = 0; i < 2; i++) {
		if (bpf_map_update_elem(mirror->maps.fallback, &mirror->slot, value, BPF_ANY) != 0)
			return -EIO;
		both->place ^= 1 ^ i;
	}
	return 0;
}

static int put_one(int map, const uint8_t *key, const uint8_t *value)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		if (bpf_map_update_elem(map, key, value, BPF_ANY) == 0)
			return 0;
		if (errno != ENOMEM)
			break;
		usleep(TRY_AGAIN_US);
	}
	return errno == ENOMEM || errno == E2BIG || errno == ENOSPC ? -ENOMEM : -EIO;
}

/* All that the kernel is to have of the table into a map. */
static int fill(struct mirror *mirror, const struct p4k_table *table, int map)
{
	uint8_t key[MIRROR_KEY_MAX], value[MIRROR_VALUE_MAX];
	uint8_t *record = malloc(p4k_record_bytes(mirror->spec));
	const struct p4k_entry *entry;
	uint32_t cursor = 0;
	int ret = record ? 0 : -ENOMEM;

	while (ret == 0 && (entry = p4k_table_next(table, &cursor))) {
		p4k_table_record(table, entry, record);
		mirror_key(mirror, record, key);
		mirror_value(mirror->spec, mirror_seen(table, record), value);
		ret = put_one(map, key, value);
	}
	free(record);
	return ret;
}

/* A new map with room for what is in the table. */
static int make_map(const struct mirror *mirror, uint32_t room)
{
	const struct p4k_table_spec *spec = mirror->spec;
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);

	return bpf_map_create(spec->kind == P4K_LPM ? BPF_MAP_TYPE_LPM_TRIE : BPF_MAP_TYPE_HASH, "p4k_table",
			      mirror_key_bytes(spec), P4K_BPF_ENTRY_BYTES + spec->data_bytes, room,
			      &options);
}

/* Every entry into a map of the right size, which takes the place of the one that there may be. */
static int mirror_renew(struct mirror *mirror, const struct p4k_table *table)
{
	struct outer_change change = {.outer = mirror->maps.entries, .index = mirror->slot};
	uint32_t room = mirror->spec->kind == P4K_LPM ? mirror->spec->size : LEAST_ROOM;
	int ret;

	while (room < p4k_table_count(table))
		room *= 2;
	room = room < mirror->spec->size ? room : mirror->spec->size;
	change.inner = make_map(mirror, room);
	if (change.inner < 0)
		return -ENOMEM;
	ret = fill(mirror, table, change.inner);
	if (ret == 0)
		ret = outer_put(&change, 1);
	if (ret != 0) {
		close(change.inner);
		return ret;
	}
	if (mirror->entries >= 0)
		close(mirror->entries);
	mirror->entries = change.inner;
	mirror->room = room;
	return 0;
}

static const uint8_t *record_at(const struct mirror *mirror, const struct records *records,
				uint64_t i)
{
	return records->bytes + records->positions[i] * p4k_record_bytes(mirror->spec);
}

/* What a record makes of the kernel's map; false: nothing, since another record of the request took it back. */
static bool to_put(const struct mirror *mirror, const struct p4k_table *table,
		   const uint8_t *record, uint8_t *key, uint8_t *value)
{
	const struct p4k_entry *seen = mirror_seen(table, record);

	if (!seen || !mirror_key(mirror, record, key))
		return false;
	mirror_value(mirror->spec, seen, value);
	return true;
}

static void put_each(struct mirror *mirror, struct p4k_table *table, const struct records *records,
		     failed_callback failed, void *owner)
{
	uint8_t key[MIRROR_KEY_MAX], value[MIRROR_VALUE_MAX];

	for (uint64_t i = 0; i < records->n; i++) {
		const uint8_t *record = record_at(mirror, records, i);
		int ret = 0;

		if (to_put(mirror, table, record, key, value))
			ret = put_one(mirror->entries, key, value);
		if (ret != 0) {
			mirror_undo(mirror, table, record);
			failed(owner, records->positions[i], ret);
		}
	}
}

/* Many at once; false: some may not be there. */
static bool put_batches(struct mirror *mirror, const struct p4k_table *table,
			const struct records *records)
{
	size_t key_bytes = mirror_key_bytes(mirror->spec);
	size_t value_bytes = P4K_BPF_ENTRY_BYTES + mirror->spec->data_bytes;
	uint8_t *keys = malloc(BATCH * key_bytes), *values = malloc(BATCH * value_bytes);
	bool whole = keys && values;

	for (uint64_t done = 0; whole && done < records->n;) {
		LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = BPF_ANY);
		uint32_t n = 0;

		for (; n < BATCH && done < records->n && whole; n++, done++)
			whole = to_put(mirror, table, record_at(mirror, records, done), keys + n * key_bytes,
				       values + n * value_bytes);
		whole = whole && bpf_map_update_batch(mirror->entries, keys, values, &n, &options) == 0;
	}
	free(keys);
	free(values);
	return whole;
}

int mirror_put(struct mirror *mirror, struct p4k_table *table, const struct records *records,
	       failed_callback failed, void *owner)
{
	int ret = 0;

	if (mirror->direct)
		ret = counter_reach(mirror->direct, table->writer->n_slots);
	if (ret == 0 && (mirror->entries < 0 || p4k_table_count(table) > mirror->room))
		return mirror_renew(mirror, table);
	/* One by one where it stops: to know which, and for kernels that have no batches for the map. */
	if (ret == 0 && (records->n < LEAST_BATCH || !put_batches(mirror, table, records)))
		put_each(mirror, table, records, failed, owner);
	return ret;
}

int mirror_delete(struct mirror *mirror, struct p4k_table *table, const uint8_t *record)
{
	uint8_t key[MIRROR_KEY_MAX], value[MIRROR_VALUE_MAX];

	if (mirror->entries < 0)
		return 0;
	if (to_put(mirror, table, record, key, value)) /* what it hid */
		return put_one(mirror->entries, key, value);
	if (!mirror_key(mirror, record, key))
		return 0;
	return bpf_map_delete_elem(mirror->entries, key) == 0 || errno == ENOENT ? 0 : -EIO;
}

void mirror_undo(struct mirror *mirror, struct p4k_table *table, const uint8_t *record)
{
	p4k_table_delete(table, record);
	mirror_delete(mirror, table, record);
	mirror_clear_released(mirror);
}

/* The maps that all devices of the program share were checked when it was loaded. */
static void find_maps(struct mirror *mirror, const struct image *image, unsigned int index)
{
	mirror->maps.fallback = image_map_at(image, "default", index);
	mirror->maps.entries = image_map_at(image, "table", index);
	mirror->maps.masks = image_map_at(image, "masks", index);
}

int mirror_make(struct mirror *mirror, const struct image *image, unsigned int index, uint32_t slot,
		struct counter *direct, bool found, struct p4k_table **table, struct failure *why)
{
	const struct p4k_table_spec *spec = &image->program->tables[index];
	struct p4k_reclaimer reclaimer = {.retire = retire, .owner = mirror};
	int ret;

	*mirror = (struct mirror){.spec = spec, .direct = direct, .slot = slot, .entries = -1};
	find_maps(mirror, image, index);
	if (direct)
		reclaimer.slot_released = slot_released;
	ret = p4k_table_create(spec, &reclaimer, table);
	if (ret != 0)
		return fail(why, ret == -ENOMEM ? FAIL_FULL : FAIL_INVALID,
			    "table '%s' with its const entries: %s", spec->name, strerror(-ret));
	if (spec->kind == P4K_TERNARY && (*table)->tuples->n > P4K_BPF_MASKS)
		return fail(why, FAIL_FULL, "table '%s': its own entries have more than %d different masks",
			    spec->name, P4K_BPF_MASKS);
	if (found)
		return mirror_find_again(mirror, *table, why);
	ret = mirror_default(mirror, *table);
	if (ret == 0)
		ret = mirror_masks(mirror, *table);
	if (ret == 0 && direct)
		ret = counter_reach(direct, (*table)->writer->n_slots);
	if (ret == 0 && p4k_table_count(*table) > 0)
		ret = mirror_renew(mirror, *table);
	return ret == 0 ? 0 : fail(why, ret == -ENOMEM ? FAIL_FULL : FAIL_IO, "table '%s': %s", spec->name,
				   strerror(-ret));
}

void mirror_free(struct mirror *mirror)
{
	if (mirror->entries >= 0)
		close(mirror->entries);
	free(mirror->released);
	mirror_masks_free(mirror);
}
