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

uint32_t mirror_value_bytes(const struct p4k_table_spec *spec)
{
	return P4K_BPF_ENTRY_BYTES + spec->data_bytes + (spec->n_ranges > 0 ? 2u * spec->key_bytes : 0);
}

void mirror_default_value(const struct p4k_table_spec *spec, const struct p4k_entry *entry,
			  uint8_t *value)
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

void mirror_value(const struct p4k_table *table, const struct p4k_entry *entry, uint8_t *value)
{
	const struct p4k_table_spec *spec = table->writer->spec;
	uint8_t record[p4k_record_bytes(spec)];

	mirror_default_value(spec, entry, value);
	if (spec->n_ranges == 0)
		return;
	p4k_table_record(table, entry, record);
	memcpy(value + P4K_BPF_ENTRY_BYTES + spec->data_bytes, record, 2u * spec->key_bytes);
}

/* Ternary: the keys of a record. */
struct covering {
	const struct mirror *mirror;
	const struct p4k_table *table;
	void (*each)(void *owner, const uint8_t *key, const struct p4k_entry *seen);
	void *owner;
};

static void cover(void *owner, const uint8_t *key, const uint8_t *mask)
{
	const struct covering *covering = owner;
	uint8_t full[MIRROR_KEY_MAX];
	uint32_t number;

	/* A mask that the kernel has no number for has no entries there. */
	if (!mirror_mask_number(covering->mirror, mask, &number))
		return;
	memcpy(full, &number, sizeof(number));
	memcpy(full + sizeof(number), key, covering->mirror->spec->key_bytes);
	covering->each(covering->owner, full, p4k_ternary_seen(covering->table, key, mask));
}

void mirror_keys(const struct mirror *mirror, const struct p4k_table *table, const uint8_t *record,
		 void (*each)(void *owner, const uint8_t *key, const struct p4k_entry *seen),
		 void *owner)
{
	struct covering covering = {mirror, table, each, owner};
	const struct p4k_table_spec *spec = mirror->spec;
	uint8_t key[MIRROR_KEY_MAX];
	uint32_t length;

	switch (spec->kind) {
	case P4K_EXACT:
		each(owner, record, p4k_table_find(table, record));
		break;
	case P4K_LPM:
		length = load16(record + spec->key_bytes);
		memcpy(key, &length, sizeof(length));
		memcpy(key + sizeof(length), record, spec->key_bytes);
		each(owner, key, p4k_table_find(table, record));
		break;
	case P4K_TERNARY:
		p4k_ternary_cover(spec, record, cover, &covering);
		break;
	}
}

uint32_t mirror_n_keys(const struct p4k_table_spec *spec, const uint8_t *record)
{
	int n = spec->kind == P4K_TERNARY ? p4k_ternary_cover(spec, record, NULL, NULL) : 1;

	return n > 0 ? (uint32_t)n : 0;
}
