/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror_bytes.h"

#include <string.h>

#include "../../dpdk/runtime/p4k_writer.h"
#include "../runtime/p4k_bpf.h"
#include "bytes.h"
#include "mirror_masks.h"

uint32_t mirror_key_bytes(const struct p4k_table_spec *spec)
{
	return spec->key_bytes + (spec->kind == P4K_EXACT ? 0u : 4u);
}

bool mirror_key(const struct mirror *mirror, const uint8_t *record, uint8_t *key)
{
	size_t bytes = mirror->spec->key_bytes;
	uint32_t front = 0;

	switch (mirror->spec->kind) {
	case P4K_EXACT:
		memcpy(key, record, bytes);
		return true;
	case P4K_LPM:
		front = load16(record + bytes);
		break;
	case P4K_TERNARY:
		if (!mirror_mask_number(mirror, record + bytes, &front))
			return false;
		break;
	}
	memcpy(key, &front, sizeof(front));
	memcpy(key + sizeof(front), record, bytes);
	return true;
}

void mirror_value(const struct p4k_table_spec *spec, const struct p4k_entry *entry, uint8_t *value)
{
	/* The default entry, whose slot is the table's size, has the first cell. */
	struct p4k_bpf_entry head = {
		.cell = p4k_bpf_cell_at(entry->slot == spec->size ? 0 : entry->slot + 1),
		.priority = entry->priority,
		.action = entry->action,
	};

	memcpy(value, &head, P4K_BPF_ENTRY_BYTES);
	memcpy(value + P4K_BPF_ENTRY_BYTES, entry->data, spec->data_bytes);
}

const struct p4k_entry *mirror_seen(const struct p4k_table *table, const uint8_t *record)
{
	const struct p4k_table_spec *spec = table->writer->spec;
	uint64_t key[P4K_WORDS(MIRROR_KEY_MAX)] = {0}, mask[P4K_WORDS(MIRROR_KEY_MAX)] = {0};
	unsigned int words = table->writer->words;

	if (spec->kind != P4K_TERNARY)
		return p4k_table_find(table, record);
	memcpy(key, record, spec->key_bytes);
	memcpy(mask, record + spec->key_bytes, spec->key_bytes);
	for (uint32_t i = 0; i < table->tuples->n; i++) {
		const struct p4k_tuple *tuple = table->tuples->ranked[i].tuple;

		if (memcmp(tuple->mask, mask, words * sizeof(uint64_t)) == 0)
			return p4k_hash_find(tuple->hash, key, words);
	}
	return NULL;
}
