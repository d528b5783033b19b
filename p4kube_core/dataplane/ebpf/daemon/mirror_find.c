/* SPDX-License-Identifier: Apache-2.0 */
/* A table as a process before this one has left it in the kernel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "../../dpdk/runtime/p4k_writer.h"
#include "../runtime/p4k_bpf.h"
#include "bytes.h"
#include "mirror_bytes.h"
#include "mirror_masks.h"
#include "outer.h"

/* Records, each with its slot in front. */
struct found {
	uint8_t *bytes;
	size_t each, n, room;
};

static int by_slot(const void *a, const void *b)
{
	uint32_t one, other;

	memcpy(&one, a, sizeof(one));
	memcpy(&other, b, sizeof(other));
	return one < other ? -1 : one > other;
}

/* The record that a key and a value of the map stand for; false: it belongs to no mask any more. */
static bool record_of(const struct mirror *mirror, const uint8_t *key, const uint8_t *value,
		      uint8_t *record)
{
	const struct p4k_table_spec *spec = mirror->spec;
	struct p4k_bpf_entry head;
	const uint8_t *mask;
	uint32_t front;

	memcpy(&head, value, P4K_BPF_ENTRY_BYTES);
	memcpy(&front, key, spec->kind == P4K_EXACT ? 0 : sizeof(front));
	memcpy(record, key + (spec->kind == P4K_EXACT ? 0 : sizeof(front)), spec->key_bytes);
	record += spec->key_bytes;
	if (spec->kind == P4K_LPM) {
		store16(record, (uint16_t)front);
		record += 2;
	} else if (spec->kind == P4K_TERNARY) {
		mask = mirror_mask_of(mirror, front);
		if (!mask)
			return false;
		memcpy(record, mask, spec->key_bytes);
		if (spec->n_ranges > 0)
			memcpy(record - spec->key_bytes, value + P4K_BPF_ENTRY_BYTES + spec->data_bytes,
			       2u * spec->key_bytes);
		store32(record + spec->key_bytes, head.priority);
		record += spec->key_bytes + 4;
	}
	store16(record, head.action);
	memcpy(record + 2, value + P4K_BPF_ENTRY_BYTES, spec->data_bytes);
	return true;
}

/* An entry's slot in host order. */
static void store_slot(uint8_t *to, const uint8_t *value)
{
	struct p4k_bpf_entry head;
	uint32_t slot;

	memcpy(&head, value, P4K_BPF_ENTRY_BYTES);
	slot = p4k_bpf_cell_number(head.cell) - 1;
	memcpy(to, &slot, sizeof(slot));
}

static int read_entries(struct mirror *mirror, struct found *found)
{
	uint8_t key[MIRROR_KEY_MAX], value[MIRROR_VALUE_MAX];
	const void *before = NULL;

	while (bpf_map_get_next_key(mirror->entries, before, key) == 0) {
		before = key;
		if (bpf_map_lookup_elem(mirror->entries, key, value) != 0)
			continue;
		if (found->n == found->room) {
			size_t room = found->room ? 2 * found->room : 256;
			uint8_t *bytes = realloc(found->bytes, room * found->each);

			if (!bytes)
				return -ENOMEM;
			found->bytes = bytes;
			found->room = room;
		}
		store_slot(found->bytes + found->n * found->each, value);
		if (record_of(mirror, key, value, found->bytes + found->n * found->each + 4))
			found->n++;
	}
	return 0;
}

/* Into a table that holds only what the program brings. */
static int restore(struct mirror *mirror, struct p4k_table *table, const struct found *found)
{
	const struct p4k_table_spec *spec = mirror->spec;
	size_t each = p4k_record_bytes(spec);
	uint8_t value[8 + 2 * MIRROR_VALUE_MAX];
	const struct p4k_bpf_default *both = (const struct p4k_bpf_default *)value;
	const uint8_t *entry;
	struct p4k_bpf_entry head;
	int ret = 0;

	for (uint32_t i = 0; mirror->maps.entries >= 0 && i < spec->n_const_entries; i++)
		p4k_table_delete(table, spec->const_entries + i * each);
	for (size_t i = 0; i < found->n && ret == 0; i++) {
		const uint8_t *at = found->bytes + i * found->each;
		uint32_t slot;

		/* With ranges each entry was found once for each of its parts. */
		if (i > 0 && by_slot(at - found->each, at) == 0)
			continue;
		memcpy(&slot, at, sizeof(slot));
		ret = p4k_table_restore(table, at + 4, slot);
	}
	if (ret != 0)
		return ret;
	if (bpf_map_lookup_elem(mirror->maps.fallback, &mirror->place.slot, value) != 0)
		return -errno;
	entry = both->entries + (both->place & 1) * P4K_BPF_STRIDE(spec->data_bytes);
	memcpy(&head, entry, P4K_BPF_ENTRY_BYTES);
	return p4k_table_set_default(table, head.action, entry + P4K_BPF_ENTRY_BYTES);
}

/* The device's own map of entries, if it has one. */
static int find_map(struct mirror *mirror)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);

	if (mirror->maps.entries < 0)
		return 0;
	mirror->entries = outer_get(mirror->maps.entries, mirror->place.slot);
	if (mirror->entries < 0)
		return mirror->entries == -ENOENT ? 0 : mirror->entries;
	if (bpf_obj_get_info_by_fd(mirror->entries, &info, &length) != 0)
		return -errno;
	mirror->room = info.max_entries;
	return 0;
}

int mirror_find_again(struct mirror *mirror, struct p4k_table *table, struct failure *why)
{
	struct found found = {.each = 4 + p4k_record_bytes(mirror->spec)};
	int ret = find_map(mirror);

	if (ret == 0 && mirror->spec->kind == P4K_TERNARY)
		ret = mirror_masks_find_again(mirror);
	if (ret == 0 && mirror->entries >= 0)
		ret = read_entries(mirror, &found);
	if (found.n)
		qsort(found.bytes, found.n, found.each, by_slot);
	if (ret == 0)
		ret = restore(mirror, table, &found);
	free(found.bytes);
	mirror->n_released = 0; /* nothing has left the kernel */
	if (ret == 0)
		ret = mirror_masks(mirror, table);
	return ret == 0 ? 0 : fail(why, FAIL_IO, "table '%s' cannot be found again: %s", mirror->spec->name,
				   strerror(-ret));
}
