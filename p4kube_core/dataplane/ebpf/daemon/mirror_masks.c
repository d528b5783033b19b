/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror_masks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "../../dpdk/runtime/p4k_writer.h"
#include "../runtime/p4k_bpf.h"
#include "mirror_bytes.h"
#include "outer.h"

/* One place of the list that the kernel has, in its order. */
struct numbered {
	uint32_t number;
	uint32_t priority;
	uint8_t *mask;
};

/* Room for n masks of so many bytes, to be freed at once. */
static struct numbered *list_new(uint32_t n, uint32_t mask_bytes)
{
	struct numbered *list = calloc(1, n * (sizeof(*list) + mask_bytes) + 1);

	for (uint32_t i = 0; list && i < n; i++)
		list[i].mask = (uint8_t *)(list + n) + i * mask_bytes;
	return list;
}

static const struct numbered *find(const struct mirror *mirror, const uint8_t *mask)
{
	for (unsigned int i = 0; i < mirror->n_numbers; i++)
		if (memcmp(mirror->numbers[i].mask, mask, mirror->spec->key_bytes) == 0)
			return &mirror->numbers[i];
	return NULL;
}

bool mirror_mask_number(const struct mirror *mirror, const uint8_t *mask, uint32_t *number)
{
	const struct numbered *found = find(mirror, mask);

	if (found)
		*number = found->number;
	return found != NULL;
}

const uint8_t *mirror_mask_of(const struct mirror *mirror, uint32_t number)
{
	for (unsigned int i = 0; i < mirror->n_numbers; i++)
		if (mirror->numbers[i].number == number)
			return mirror->numbers[i].mask;
	return NULL;
}

void mirror_masks_free(struct mirror *mirror)
{
	free(mirror->numbers);
	mirror->numbers = NULL;
	mirror->n_numbers = 0;
}

/* Masks that a record needs, beside those of the table. */
struct needed {
	const struct p4k_table *table;
	uint32_t n; /* P4K_BPF_MASKS + 1: too many */
	uint8_t *masks;
};

static bool has(const uint8_t *masks, uint32_t n, const uint8_t *mask, size_t bytes)
{
	for (uint32_t i = 0; i < n; i++)
		if (memcmp(masks + i * bytes, mask, bytes) == 0)
			return true;
	return false;
}

static void need(void *owner, const uint8_t *key, const uint8_t *mask)
{
	struct needed *needed = owner;
	const struct p4k_tuples *tuples = needed->table->tuples;
	size_t bytes = needed->table->writer->spec->key_bytes;

	(void)key;
	if (needed->n > P4K_BPF_MASKS || has(needed->masks, needed->n, mask, bytes))
		return;
	for (uint32_t i = 0; i < tuples->n; i++)
		if (memcmp(tuples->ranked[i].tuple->mask, mask, bytes) == 0)
			return;
	if (needed->n < P4K_BPF_MASKS)
		memcpy(needed->masks + needed->n * bytes, mask, bytes);
	needed->n++;
}

bool mirror_lacks_room(const struct mirror *mirror, const struct p4k_table *table,
		       const uint8_t *record)
{
	const struct p4k_table_spec *spec = mirror->spec;
	struct needed needed = {.table = table};
	uint8_t *masks;

	if (spec->kind != P4K_TERNARY || (spec->n_ranges == 0 && table->tuples->n < P4K_BPF_MASKS))
		return false;
	masks = malloc((size_t)P4K_BPF_MASKS * spec->key_bytes);
	if (!masks)
		return true;
	needed.masks = masks;
	p4k_ternary_cover(spec, record, need, &needed);
	free(masks);
	return needed.n > 0 && table->tuples->n + needed.n > P4K_BPF_MASKS;
}

static bool is_published(const struct mirror *mirror, const struct p4k_tuples *tuples)
{
	/* A table that was always empty has no list. */
	if (mirror->n_numbers != tuples->n)
		return false;
	for (uint32_t i = 0; i < tuples->n; i++)
		if (mirror->numbers[i].priority != tuples->ranked[i].priority ||
		    memcmp(mirror->numbers[i].mask, tuples->ranked[i].tuple->mask,
			   mirror->spec->key_bytes) != 0)
			return false;
	return true;
}

/* A list for the kernel, in a map of its own; its descriptor or -errno. */
static int make_list(const struct mirror *mirror, const struct numbered *list, uint32_t n)
{
	uint32_t value_bytes = P4K_BPF_MASK_BYTES + mirror->spec->key_bytes;
	uint8_t value[P4K_BPF_MASK_BYTES + MIRROR_KEY_MAX];
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "p4k_masks", 4, value_bytes, P4K_BPF_MASKS, NULL);

	if (map < 0)
		return -errno;
	for (uint32_t i = 0; i < n; i++) {
		struct p4k_bpf_mask head = {
			.tuple = list[i].number, .used = 1, .priority = list[i].priority};

		memcpy(value, &head, P4K_BPF_MASK_BYTES);
		memcpy(value + P4K_BPF_MASK_BYTES, list[i].mask, mirror->spec->key_bytes);
		if (bpf_map_update_elem(map, &i, value, BPF_ANY) != 0) {
			int error = -errno;

			close(map);
			return error;
		}
	}
	return map;
}

int mirror_masks(struct mirror *mirror, const struct p4k_table *table)
{
	const struct p4k_tuples *tuples = table->tuples;
	struct outer_change change = {.outer = mirror->maps.masks, .index = mirror->place.slot};
	struct numbered *list;
	int ret;

	if (mirror->spec->kind != P4K_TERNARY || is_published(mirror, tuples))
		return 0;
	list = list_new(tuples->n, mirror->spec->key_bytes);
	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < tuples->n; i++) {
		memcpy(list[i].mask, tuples->ranked[i].tuple->mask, mirror->spec->key_bytes);
		list[i].priority = tuples->ranked[i].priority;
		if (!mirror_mask_number(mirror, list[i].mask, &list[i].number))
			list[i].number = mirror->next_number++;
	}
	change.inner = make_list(mirror, list, tuples->n);
	ret = change.inner < 0 ? change.inner : outer_put(&change, 1);
	if (change.inner >= 0)
		close(change.inner);
	if (ret != 0) {
		free(list);
		return ret == -ENOMEM ? ret : -EIO;
	}
	free(mirror->numbers);
	mirror->numbers = list;
	mirror->n_numbers = tuples->n;
	return 0;
}

int mirror_masks_find_again(struct mirror *mirror)
{
	uint8_t value[P4K_BPF_MASK_BYTES + MIRROR_KEY_MAX];
	int map = outer_get(mirror->maps.masks, mirror->place.slot);
	uint32_t i;

	if (map < 0)
		return map == -ENOENT ? 0 : map;
	mirror->numbers = list_new(P4K_BPF_MASKS, mirror->spec->key_bytes);
	if (!mirror->numbers) {
		close(map);
		return -ENOMEM;
	}
	for (i = 0; i < P4K_BPF_MASKS && bpf_map_lookup_elem(map, &i, value) == 0; i++) {
		struct p4k_bpf_mask head;

		memcpy(&head, value, P4K_BPF_MASK_BYTES);
		if (!head.used)
			break;
		mirror->numbers[i].number = head.tuple;
		mirror->numbers[i].priority = head.priority;
		memcpy(mirror->numbers[i].mask, value + P4K_BPF_MASK_BYTES, mirror->spec->key_bytes);
		if (head.tuple >= mirror->next_number)
			mirror->next_number = head.tuple + 1;
	}
	mirror->n_numbers = i;
	close(map);
	return 0;
}
