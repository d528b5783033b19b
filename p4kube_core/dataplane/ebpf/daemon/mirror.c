/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "../../dpdk/runtime/p4k_meter.h"
#include "../../dpdk/runtime/p4k_writer.h"
#include "../runtime/p4k_bpf.h"
#include "bytes.h"
#include "mirror_bytes.h"
#include "mirror_default.h"
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

/* What was counted and configured for an entry that is gone. */
static void clear(struct mirror *mirror, uint32_t slot)
{
	const struct p4k_meter_config none = {.set = false};
	struct p4k_meter_cell *cell = NULL;

	if (mirror->place.direct)
		counter_write(mirror->place.direct, slot, (struct p4k_cell){0});
	if (mirror->place.meter)
		cell = array_cell(mirror->place.meter, slot);
	if (cell)
		p4k_meter_write(cell, &none);
}

static void slot_released(void *owner, uint32_t slot)
{
	struct mirror *mirror = owner;

	if (!mirror->place.direct && !mirror->place.meter)
		return;
	if (mirror->n_released == mirror->released_room) {
		unsigned int room = mirror->released_room ? 2 * mirror->released_room : 64;
		uint32_t *released = realloc(mirror->released, room * sizeof(*released));

		if (!released) {
			clear(mirror, slot);
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
		clear(mirror, mirror->released[--mirror->n_released]);
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

/* Keys and values on their way into a map. */
struct batch {
	const struct p4k_table *table;
	int map;
	uint32_t key_bytes, value_bytes;
	uint8_t *keys, *values;
	uint32_t n;
	int ret; /* of what was put so far */
};

static struct batch batch_of(const struct mirror *mirror, const struct p4k_table *table, int map)
{
	struct batch batch = {
		.table = table,
		.map = map,
		.key_bytes = mirror_key_bytes(mirror->spec),
		.value_bytes = mirror_value_bytes(mirror->spec),
	};

	batch.keys = malloc(BATCH * (size_t)batch.key_bytes);
	batch.values = malloc(BATCH * (size_t)batch.value_bytes);
	batch.ret = batch.keys && batch.values ? 0 : -ENOMEM;
	return batch;
}

static void batch_put(struct batch *batch)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = BPF_ANY);
	uint32_t n = batch->n;

	/* One by one where that stops: not all kernels have batches for all maps. */
	if (n < LEAST_BATCH || bpf_map_update_batch(batch->map, batch->keys, batch->values, &n, &options) != 0)
		for (uint32_t i = 0; i < batch->n && batch->ret == 0; i++)
			batch->ret = put_one(batch->map, batch->keys + i * batch->key_bytes,
					     batch->values + i * batch->value_bytes);
	batch->n = 0;
}

static void batch_add(void *owner, const uint8_t *key, const struct p4k_entry *seen)
{
	struct batch *batch = owner;

	/* Another record of the request may have taken it back. */
	if (batch->ret != 0 || !seen)
		return;
	memcpy(batch->keys + batch->n * batch->key_bytes, key, batch->key_bytes);
	mirror_value(batch->table, seen, batch->values + batch->n * batch->value_bytes);
	if (++batch->n == BATCH)
		batch_put(batch);
}

static int batch_end(struct batch *batch)
{
	if (batch->ret == 0)
		batch_put(batch);
	free(batch->keys);
	free(batch->values);
	return batch->ret;
}

/* All that the kernel is to have of the table into a map. */
static int fill(struct mirror *mirror, const struct p4k_table *table, int map)
{
	struct batch batch = batch_of(mirror, table, map);
	uint8_t record[p4k_record_bytes(mirror->spec)];
	const struct p4k_entry *entry;
	uint32_t cursor = 0;

	while (batch.ret == 0 && (entry = p4k_table_next(table, &cursor))) {
		p4k_table_record(table, entry, record);
		mirror_keys(mirror, table, record, batch_add, &batch);
	}
	return batch_end(&batch);
}

/* A new map with room for what is in the table. */
static int make_map(const struct mirror *mirror, uint32_t room)
{
	const struct p4k_table_spec *spec = mirror->spec;
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);

	return bpf_map_create(spec->kind == P4K_LPM ? BPF_MAP_TYPE_LPM_TRIE : BPF_MAP_TYPE_HASH, "p4k_table",
			      mirror_key_bytes(spec), mirror_value_bytes(spec), room, &options);
}

/* Every entry into a map of the right size, which takes the place of the one that there may be. */
static int renew(struct mirror *mirror, const struct p4k_table *table)
{
	struct outer_change change = {.outer = mirror->maps.entries, .index = mirror->place.slot};
	uint32_t room = mirror->spec->kind == P4K_LPM ? mirror->spec->size : LEAST_ROOM;
	int ret;

	while (room < mirror->keys && room < 1u << 31)
		room *= 2;
	if (mirror->spec->n_ranges == 0 && room > mirror->spec->size)
		room = mirror->spec->size;
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

/* One key of a record at a time. */
struct single {
	const struct p4k_table *table;
	int map;
	int ret;
};

static void put_key(void *owner, const uint8_t *key, const struct p4k_entry *seen)
{
	uint8_t value[MIRROR_VALUE_MAX];
	struct single *single = owner;

	if (single->ret != 0)
		return;
	if (seen) {
		mirror_value(single->table, seen, value);
		single->ret = put_one(single->map, key, value);
	} else if (bpf_map_delete_elem(single->map, key) != 0 && errno != ENOENT) {
		single->ret = -EIO;
	}
}

/* Have the kernel's map as the table is, as far as the record has to do with it. */
static int put_record(struct mirror *mirror, const struct p4k_table *table, const uint8_t *record)
{
	struct single single = {.table = table, .map = mirror->entries};

	mirror_keys(mirror, table, record, put_key, &single);
	return single.ret;
}

static void put_each(struct mirror *mirror, struct p4k_table *table, const struct records *records,
		     failed_callback failed, void *owner)
{
	for (uint64_t i = 0; i < records->n; i++) {
		const uint8_t *record = record_at(mirror, records, i);
		int ret = put_record(mirror, table, record);

		if (ret != 0) {
			mirror_undo(mirror, table, record);
			failed(owner, records->positions[i], ret);
		}
	}
}

static int put_batches(struct mirror *mirror, const struct p4k_table *table,
		       const struct records *records)
{
	struct batch batch = batch_of(mirror, table, mirror->entries);

	for (uint64_t i = 0; i < records->n; i++)
		mirror_keys(mirror, table, record_at(mirror, records, i), batch_add, &batch);
	return batch_end(&batch);
}

void mirror_count(struct mirror *mirror, const uint8_t *record, bool more)
{
	uint32_t n = mirror_n_keys(mirror->spec, record);

	mirror->keys = more ? mirror->keys + n : mirror->keys - n;
}

/* Cells for what entries have of their own. */
static int reach(struct mirror *mirror, const struct p4k_table *table)
{
	int ret = 0;

	if (mirror->place.direct)
		ret = array_reach(&mirror->place.direct->cells, table->writer->n_slots);
	if (ret == 0 && mirror->place.meter)
		ret = array_reach(mirror->place.meter, table->writer->n_slots);
	return ret;
}

int mirror_put(struct mirror *mirror, struct p4k_table *table, const struct records *records,
	       failed_callback failed, void *owner)
{
	int ret = reach(mirror, table);

	if (ret == 0 && (mirror->entries < 0 || mirror->keys > mirror->room))
		ret = renew(mirror, table);
	/* One by one where that fails: to know which. */
	else if (ret == 0 && (records->n < LEAST_BATCH || put_batches(mirror, table, records) != 0))
		put_each(mirror, table, records, failed, owner);
	return ret == 0 ? mirror_invalidate(mirror) : ret;
}

int mirror_delete(struct mirror *mirror, struct p4k_table *table, const uint8_t *record)
{
	return mirror->entries < 0 ? 0 : put_record(mirror, table, record); /* or what it hid */
}

void mirror_undo(struct mirror *mirror, struct p4k_table *table, const uint8_t *record)
{
	if (p4k_table_delete(table, record) == 0)
		mirror_count(mirror, record, false);
	mirror_delete(mirror, table, record);
	mirror_invalidate(mirror);
	mirror_clear_released(mirror);
}

/* The maps that all devices of the program share, which were checked when it was loaded. */
static void go_to(struct mirror *mirror, struct mirror_place place)
{
	mirror->place = place;
	mirror->spec = &place.image->program->tables[place.index];
	mirror->maps.fallback = image_map_at(place.image, "default", place.index);
	mirror->maps.entries = image_map_at(place.image, "table", place.index);
	mirror->maps.masks = image_map_at(place.image, "masks", place.index);
}

/* All of a new table into the kernel. */
static int put_new(struct mirror *mirror, struct p4k_table *table)
{
	int ret = mirror_default(mirror, table);

	if (ret == 0)
		ret = mirror_masks(mirror, table);
	if (ret == 0)
		ret = reach(mirror, table);
	if (ret == 0 && mirror->maps.entries >= 0 && p4k_table_count(table) > 0)
		ret = renew(mirror, table);
	return ret;
}

/* Of an entry with ranges a process that was killed may have left some keys only. */
static int put_ranges(struct mirror *mirror, struct p4k_table *table)
{
	int ret = mirror_masks(mirror, table);

	return ret == 0 ? renew(mirror, table) : ret;
}

static void count_all(struct mirror *mirror, const struct p4k_table *table)
{
	uint8_t record[p4k_record_bytes(mirror->spec)];
	const struct p4k_entry *entry;
	uint32_t cursor = 0;

	while ((entry = p4k_table_next(table, &cursor))) {
		p4k_table_record(table, entry, record);
		mirror_count(mirror, record, true);
	}
}

static int make_table(struct mirror *mirror, bool found, struct p4k_table **table,
		      struct failure *why)
{
	const struct p4k_reclaimer reclaimer = {
		.retire = retire, .slot_released = slot_released, .owner = mirror};
	const struct p4k_table_spec *spec = mirror->spec;
	int ret = p4k_table_create(spec, &reclaimer, table);

	if (ret != 0)
		return fail(why, ret == -ENOMEM ? FAIL_FULL : FAIL_INVALID,
			    "table '%s' with its const entries: %s", spec->name, strerror(-ret));
	if (spec->kind == P4K_TERNARY && (*table)->tuples->n > P4K_BPF_MASKS)
		return fail(why, FAIL_FULL, "table '%s': its own entries have more than %d different masks",
			    spec->name, P4K_BPF_MASKS);
	if (found && mirror_find_again(mirror, *table, why) != 0)
		return -1;
	count_all(mirror, *table);
	if (!found)
		ret = put_new(mirror, *table);
	else if (spec->n_ranges > 0 && mirror->entries >= 0)
		ret = put_ranges(mirror, *table);
	/* A process that was killed may have changed the table and not have said so. */
	if (ret == 0)
		ret = mirror_invalidate(mirror);
	return ret == 0 ? 0 : fail(why, ret == -ENOMEM ? FAIL_FULL : FAIL_IO, "table '%s': %s", spec->name,
				   strerror(-ret));
}

struct mirror *mirror_make(struct mirror_place place, bool found, struct p4k_table **table,
			   struct failure *why)
{
	struct mirror *mirror = calloc(1, sizeof(*mirror));

	if (!mirror) {
		fail(why, FAIL_FULL, "no memory for a table");
		return NULL;
	}
	mirror->entries = -1;
	go_to(mirror, place);
	if (make_table(mirror, found, table, why) == 0)
		return mirror;
	mirror_free(mirror);
	return NULL;
}

void mirror_free(struct mirror *mirror)
{
	if (mirror->entries >= 0)
		close(mirror->entries);
	free(mirror->released);
	mirror_masks_free(mirror);
	free(mirror);
}

/* --- a table that changes hands ------------------------------------------------------------- */

int mirror_share(const struct mirror *mirror, const struct p4k_table *table,
		 struct mirror_place with, struct failure *why)
{
	struct outer_change changes[2];
	struct mirror other = {0}; /* no more than a place */
	int masks = -ENOENT, ret;
	unsigned int n = 0;

	go_to(&other, with);
	ret = mirror_default_share(mirror, table, &other);
	if (mirror->spec->kind == P4K_TERNARY)
		masks = outer_get(mirror->maps.masks, mirror->place.slot);
	if (masks >= 0)
		changes[n++] = (struct outer_change){other.maps.masks, with.slot, masks};
	if (mirror->entries >= 0)
		changes[n++] = (struct outer_change){other.maps.entries, with.slot, mirror->entries};
	if (ret == 0)
		ret = outer_put(changes, n);
	if (masks >= 0)
		close(masks);
	return ret == 0 ? 0 : fail(why, FAIL_IO, "table '%s' cannot be shared: %s", mirror->spec->name,
				   strerror(-ret));
}

void mirror_move(struct mirror *mirror, struct p4k_table *table, struct mirror_place to)
{
	bool own = mirror_has_own_default(mirror, table);

	go_to(mirror, to);
	table->writer->spec = mirror->spec;
	/* Where there is no memory for this it has the old one; the kernel has what is right. */
	if (own)
		p4k_table_set_default(table, 0, NULL);
}
