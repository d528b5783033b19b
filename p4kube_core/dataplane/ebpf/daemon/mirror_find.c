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
		store32(record + spec->key_bytes, head.priority);
		record += spec->key_bytes + 4;
	}
	store16(record, head.action);
	memcpy(record + 2, value + P4K_BPF_ENTRY_BYTES, spec->data_bytes);
	return true;
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
		memcpy(found->bytes + found->n * found->each, value, sizeof(uint32_t));
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
	uint8_t value[MIRROR_VALUE_MAX];
	struct p4k_bpf_entry head;
	uint32_t zero = 0;
	int ret = 0;

	for (uint32_t i = 0; i < spec->n_const_entries; i++)
		p4k_table_delete(table, spec->const_entries + i * each);
	for (size_t i = 0; i < found->n && ret == 0; i++) {
		const uint8_t *at = found->bytes + i * found->each;
		uint32_t slot;

		memcpy(&slot, at, sizeof(slot));
		ret = p4k_table_restore(table, at + 4, slot);
	}
	if (ret != 0)
		return ret;
	if (bpf_map_lookup_elem(mirror->fallback, &zero, value) != 0)
		return -errno;
	memcpy(&head, value, P4K_BPF_ENTRY_BYTES);
	return p4k_table_set_default(table, head.action, value + P4K_BPF_ENTRY_BYTES);
}

int mirror_find_again(struct mirror *mirror, struct p4k_table *table, struct failure *why)
{
	struct found found = {.each = 4 + p4k_record_bytes(mirror->spec)};
	int ret = 0;

	if (mirror->spec->kind == P4K_TERNARY)
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
