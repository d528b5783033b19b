/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../dpdk/runtime/p4k_writer.h"
#include "../runtime/p4k_bpf.h"
#include "bytes.h"
#include "mirror_bytes.h"
#include "mirror_masks.h"

#define BATCH 4096

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

static int find_maps(struct mirror *mirror, const struct object *object, unsigned int index,
		     struct failure *why)
{
	const struct p4k_table_spec *spec = mirror->spec;

	mirror->entries = mirror->masks = -1;
	mirror->fallback = object_map_checked(object, "default", index, 4,
					      P4K_BPF_ENTRY_BYTES + spec->data_bytes, 1, why);
	if (mirror->fallback < 0)
		return -1;
	if (spec->key_bytes > 0) {
		mirror->entries = object_map_checked(object, "table", index,
						     mirror_key_bytes(spec),
						     P4K_BPF_ENTRY_BYTES + spec->data_bytes,
						     spec->size, why);
		if (mirror->entries < 0)
			return -1;
	}
	if (spec->kind == P4K_TERNARY) {
		mirror->masks = object_map_checked(object, "masks", index, 4, 4, 1, why);
		if (mirror->masks < 0)
			return -1;
	}
	return 0;
}

/* The program's own entries and default into the kernel. */
static int fill(struct mirror *mirror, struct p4k_table *table, struct failure *why)
{
	int ret = mirror_default(mirror, table);
	uint32_t cursor = 0;
	const struct p4k_entry *entry;
	uint8_t *record = malloc(p4k_record_bytes(mirror->spec));

	if (!record)
		ret = -ENOMEM;
	if (ret == 0)
		ret = mirror_masks(mirror, table);
	while (ret == 0 && (entry = p4k_table_next(table, &cursor))) {
		uint8_t key[MIRROR_KEY_MAX], value[MIRROR_VALUE_MAX];

		p4k_table_record(table, entry, record);
		entry = mirror_seen(table, record);
		mirror_key(mirror, record, key);
		mirror_value(mirror->spec, entry, value);
		if (bpf_map_update_elem(mirror->entries, key, value, BPF_ANY) != 0)
			ret = -errno;
	}
	free(record);
	return ret == 0 ? 0 : fail(why, ret == -E2BIG || ret == -ENOMEM ? FAIL_FULL : FAIL_IO, "table '%s': %s",
				   mirror->spec->name,
				   ret == -E2BIG ? "its own entries have too many different masks"
						 : strerror(-ret));
}

int mirror_make(struct mirror *mirror, const struct object *object, unsigned int index,
		const struct p4k_table_spec *spec, struct counter *direct, bool found,
		struct p4k_table **table, struct failure *why)
{
	struct p4k_reclaimer reclaimer = {.retire = retire, .owner = mirror};
	int ret;

	*mirror = (struct mirror){.spec = spec, .direct = direct};
	if (find_maps(mirror, object, index, why) != 0)
		return -1;
	if (direct)
		reclaimer.slot_released = slot_released;
	ret = p4k_table_create(spec, &reclaimer, table);
	if (ret != 0)
		return fail(why, ret == -ENOMEM ? FAIL_FULL : FAIL_INVALID,
			    "table '%s' with its const entries: %s", spec->name, strerror(-ret));
	if (spec->kind == P4K_TERNARY && (*table)->tuples->n > P4K_BPF_MASKS)
		return fail(why, FAIL_FULL, "table '%s': its own entries have more than %d different masks",
			    spec->name, P4K_BPF_MASKS);
	if (!found)
		return fill(mirror, *table, why);
	return mirror_find_again(mirror, *table, why);
}

void mirror_free(struct mirror *mirror)
{
	free(mirror->released);
	mirror_masks_free(mirror);
}

int mirror_default(struct mirror *mirror, const struct p4k_table *table)
{
	uint8_t value[MIRROR_VALUE_MAX];
	uint32_t zero = 0;

	mirror_value(mirror->spec, p4k_default(table), value);
	return bpf_map_update_elem(mirror->fallback, &zero, value, BPF_ANY) == 0 ? 0 : -EIO;
}

/* An entry that the kernel does not take is in no table. */
static void undo(struct mirror *mirror, struct p4k_table *table, const uint8_t *record)
{
	p4k_table_delete(table, record);
	mirror_delete(mirror, table, record);
	mirror_clear_released(mirror);
}

static int put_one(const struct mirror *mirror, const uint8_t *key, const uint8_t *value)
{
	if (bpf_map_update_elem(mirror->entries, key, value, BPF_ANY) == 0)
		return 0;
	return errno == ENOMEM || errno == E2BIG || errno == ENOSPC ? -ENOMEM : -EIO;
}

int mirror_put(struct mirror *mirror, struct p4k_table *table, const uint8_t *records,
	       const uint64_t *positions, uint64_t count,
	       void (*failed)(void *owner, uint64_t position, int error), void *owner)
{
	size_t key_bytes = mirror_key_bytes(mirror->spec), record_bytes = p4k_record_bytes(mirror->spec);
	size_t value_bytes = P4K_BPF_ENTRY_BYTES + mirror->spec->data_bytes;
	uint8_t *keys = malloc(BATCH * key_bytes), *values = malloc(BATCH * value_bytes);

	for (uint64_t done = 0; keys && values && done < count;) {
		uint32_t n = count - done < BATCH ? (uint32_t)(count - done) : BATCH, put = n;
		LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = BPF_ANY);

		for (uint32_t i = 0; i < n; i++) {
			const uint8_t *record = records + positions[done + i] * record_bytes;

			mirror_key(mirror, record, keys + i * key_bytes);
			mirror_value(mirror->spec, mirror_seen(table, record), values + i * value_bytes);
		}
		/* One by one from where it stops: to know which, and for kernels that have no batches for the map. */
		if (n < 8 || bpf_map_update_batch(mirror->entries, keys, values, &put, &options) != 0)
			put = 0;
		for (uint32_t i = put; i < n; i++) {
			const uint8_t *record = records + positions[done + i] * record_bytes;
			int ret = put_one(mirror, keys + i * key_bytes, values + i * value_bytes);

			if (ret != 0) {
				undo(mirror, table, record);
				failed(owner, positions[done + i], ret);
			}
		}
		done += n;
	}
	free(keys);
	free(values);
	return keys && values ? 0 : -ENOMEM;
}

int mirror_delete(struct mirror *mirror, struct p4k_table *table, const uint8_t *record)
{
	uint8_t key[MIRROR_KEY_MAX], value[MIRROR_VALUE_MAX];
	const struct p4k_entry *seen;

	if (mirror->entries < 0)
		return 0;
	seen = mirror_seen(table, record); /* what it hid */
	if (!mirror_key(mirror, record, key))
		return 0;
	if (!seen)
		return bpf_map_delete_elem(mirror->entries, key) == 0 || errno == ENOENT ? 0 : -EIO;
	mirror_value(mirror->spec, seen, value);
	return put_one(mirror, key, value);
}
