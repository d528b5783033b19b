/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror_default.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "../runtime/p4k_bpf.h"
#include "mirror_bytes.h"

/* What a slot has in a default_I. */
union fallback {
	struct p4k_bpf_default both;
	uint8_t bytes[8 + 2 * MIRROR_VALUE_MAX];
};

static int get(const struct mirror *mirror, union fallback *value)
{
	return bpf_map_lookup_elem(mirror->maps.fallback, &mirror->place.slot, value) == 0 ? 0 : -EIO;
}

/* With another generation. */
static int put(const struct mirror *mirror, union fallback *value)
{
	value->both.generation++;
	return bpf_map_update_elem(mirror->maps.fallback, &mirror->place.slot, value, BPF_ANY) == 0 ? 0 : -EIO;
}

/* First the place that is not in force, then the word that says which one is. */
static int put_entry(const struct mirror *mirror, const struct p4k_entry *entry)
{
	union fallback value;
	uint32_t next;
	int ret = get(mirror, &value);

	if (ret != 0)
		return ret;
	next = (value.both.place & 1) ^ 1; /* a damaged one leads nowhere else */
	mirror_default_value(mirror->spec, entry,
			     value.both.entries + next * P4K_BPF_STRIDE(mirror->spec->data_bytes));
	ret = put(mirror, &value);
	value.both.place = next;
	return ret == 0 ? put(mirror, &value) : ret;
}

/* The program's own. */
static int put_own(const struct mirror *at)
{
	const struct p4k_table_spec *spec = at->spec;
	union {
		struct p4k_entry entry;
		uint8_t bytes[sizeof(struct p4k_entry) + MIRROR_VALUE_MAX];
	} own = {.entry = {.slot = spec->size, .action = spec->default_action}};

	memcpy(own.entry.data, spec->default_data, spec->data_bytes);
	return put_entry(at, &own.entry);
}

int mirror_default(struct mirror *mirror, const struct p4k_table *table)
{
	return put_entry(mirror, p4k_default(table));
}

int mirror_invalidate(const struct mirror *mirror)
{
	union fallback value;
	int ret;

	if (mirror->spec->kind != P4K_TERNARY)
		return 0;
	ret = get(mirror, &value);
	return ret == 0 ? put(mirror, &value) : ret;
}

bool mirror_has_own_default(const struct mirror *mirror, const struct p4k_table *table)
{
	const struct p4k_table_spec *spec = mirror->spec;
	const struct p4k_entry *entry = p4k_default(table);

	return entry->action == spec->default_action &&
	       memcmp(entry->data, spec->default_data, spec->data_bytes) == 0;
}

int mirror_default_share(const struct mirror *mirror, const struct p4k_table *table,
			 const struct mirror *with)
{
	return mirror_has_own_default(mirror, table) ? put_own(with) : put_entry(with, p4k_default(table));
}
