/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer's side of ternary tables with range fields. One store makes all parts of an entry
 * visible, gives them another action, or hides them.
 */
#include "p4k_ternary.h"
#include "p4k_writer.h"

#include <errno.h>
#include <string.h>

/* The lowest n bits of a field in network order, none of them outside of it. */
static void
set_low_bits(uint8_t *field, unsigned int bytes, unsigned int n)
{
	for (; n >= 8; n -= 8)
		field[--bytes] = 0xff;
	if (n > 0)
		field[bytes - 1] |= (uint8_t)(0xff >> (8 - n));
}

/* How many low bits of `low` may be anything for the field still to lie within low..high. */
static unsigned int
free_bits(const uint8_t *low, const uint8_t *high, unsigned int bytes)
{
	uint8_t end[bytes];
	unsigned int n = 0;

	memcpy(end, low, bytes);
	while (n < 8 * bytes && (low[bytes - 1 - n / 8] & 1u << n % 8) == 0) {
		end[bytes - 1 - n / 8] |= (uint8_t)(1u << n % 8);
		if (memcmp(end, high, bytes) > 0)
			break;
		n++;
	}
	return n;
}

/* Adds 1 << n. False where nothing is left above. */
static bool
step(uint8_t *field, unsigned int bytes, unsigned int n)
{
	unsigned int carry = 1u << n % 8;

	for (unsigned int i = n / 8; i < bytes && carry != 0; i++) {
		carry += field[bytes - 1 - i];
		field[bytes - 1 - i] = (uint8_t)carry;
		carry >>= 8;
	}
	return carry == 0;
}

/* Makes the field's mask that of the longest prefix that begins at its key and stays below `high`. */
static void
mask_prefix(const struct p4k_range_spec *range, const uint8_t *high, uint8_t *key, uint8_t *mask)
{
	uint8_t *field = mask + range->offset;
	unsigned int n = free_bits(key + range->offset, high + range->offset, range->bytes);

	memset(field, 0, range->bytes);
	set_low_bits(field, range->bytes, n);
	for (unsigned int i = 0; i < range->bytes; i++)
		field[i] = (uint8_t)~field[i];
}

/* The field's next prefix, or false after the last. */
static bool
next_prefix(const struct p4k_range_spec *range, const uint8_t *high, uint8_t *key, uint8_t *mask)
{
	uint8_t *field = key + range->offset;
	unsigned int n = free_bits(field, high + range->offset, range->bytes);

	if (n == 8u * range->bytes || !step(field, range->bytes, n) ||
	    memcmp(field, high + range->offset, range->bytes) > 0)
		return false;
	mask_prefix(range, high, key, mask);
	return true;
}

/* The next combination: the last field's next prefix, or its first again and the next of the field before. */
static bool
next_part(const struct p4k_table_spec *spec, const uint8_t *record, uint8_t *key, uint8_t *mask)
{
	const uint8_t *low = record, *high = record + spec->key_bytes;

	for (unsigned int r = spec->n_ranges; r > 0; r--) {
		const struct p4k_range_spec *range = &spec->ranges[r - 1];

		if (next_prefix(range, high, key, mask))
			return true;
		memcpy(key + range->offset, low + range->offset, range->bytes);
		mask_prefix(range, high, key, mask);
	}
	return false;
}

static void
first_part(const struct p4k_table_spec *spec, const uint8_t *record, uint8_t *key, uint8_t *mask)
{
	memcpy(key, record, spec->key_bytes);
	memcpy(mask, record + spec->key_bytes, spec->key_bytes);
	for (unsigned int r = 0; r < spec->n_ranges; r++)
		mask_prefix(&spec->ranges[r], record + spec->key_bytes, key, mask);
}

/* -ERANGE where there are more than P4K_PARTS_MAX. */
static int
count_parts(const struct p4k_table_spec *spec, const uint8_t *record)
{
	uint8_t key[spec->key_bytes], mask[spec->key_bytes];
	int parts = 1;

	first_part(spec, record, key, mask);
	for (unsigned int r = 0; r < spec->n_ranges; r++) {
		int prefixes = 1;

		while (next_prefix(&spec->ranges[r], record + spec->key_bytes, key, mask))
			prefixes++;
		parts *= prefixes;
		if (parts > P4K_PARTS_MAX)
			return -ERANGE;
	}
	return parts;
}

bool
p4k_ternary_valid(const struct p4k_table_spec *spec, const uint8_t *record)
{
	const uint8_t *key = record, *mask = record + spec->key_bytes;
	unsigned int at = 0;

	for (unsigned int r = 0; r < spec->n_ranges; r++) {
		const struct p4k_range_spec *range = &spec->ranges[r];

		for (; at < range->offset; at++)
			if (key[at] & ~mask[at])
				return false;
		if (memcmp(key + at, mask + at, range->bytes) > 0)
			return false;
		at += range->bytes;
	}
	for (; at < spec->key_bytes; at++)
		if (key[at] & ~mask[at])
			return false;
	return true;
}

int
p4k_ternary_cover(const struct p4k_table_spec *spec, const uint8_t *record,
		  void (*each)(void *owner, const uint8_t *key, const uint8_t *mask), void *owner)
{
	uint8_t key[spec->key_bytes], mask[spec->key_bytes];
	int parts;

	if (!p4k_ternary_valid(spec, record))
		return -EINVAL;
	parts = count_parts(spec, record);
	if (parts < 0 || each == NULL)
		return parts;
	first_part(spec, record, key, mask);
	do
		each(owner, key, mask);
	while (next_part(spec, record, key, mask));
	return parts;
}

/* Words of a part's block. */
static size_t
part_words(const struct p4k_table *table)
{
	return 2 * table->writer->words + P4K_LEAF_OWNER + P4K_WORDS(sizeof(struct p4k_entry));
}

static struct p4k_entry *
part_at(const struct p4k_table *table, struct p4k_parts *parts, uint32_t i)
{
	uint64_t *block = parts->blocks + i * part_words(table);

	return (struct p4k_entry *)(void *)(block + 2 * table->writer->words + P4K_LEAF_OWNER);
}

/* In front of an entry, where a leaf has P4K_LEAF_NEXT. */
static struct p4k_parts *
parts_of(const struct p4k_table *table, const struct p4k_entry *entry)
{
	return (struct p4k_parts *)(uintptr_t)*p4k_leaf_word(entry, table->writer->words,
							     P4K_LEAF_NEXT);
}

static void
set_parts(const struct p4k_table *table, const struct p4k_entry *entry, struct p4k_parts *parts)
{
	*p4k_leaf_word(entry, table->writer->words, P4K_LEAF_NEXT) = (uintptr_t)parts;
}

struct filling {
	const struct p4k_table *table;
	struct p4k_parts *parts;
	uint32_t priority;
};

static void
fill_part(void *owner, const uint8_t *key, const uint8_t *mask)
{
	struct filling *filling = owner;
	const struct p4k_writer *writer = filling->table->writer;
	struct p4k_entry *part = part_at(filling->table, filling->parts, filling->parts->n++);

	part->priority = filling->priority;
	*p4k_leaf_word(part, writer->words, P4K_LEAF_OWNER) = (uintptr_t)filling->parts;
	memcpy((uint64_t *)(void *)part - writer->words, key, writer->spec->key_bytes);
	memcpy((uint64_t *)(void *)part - 2 * writer->words, mask, writer->spec->key_bytes);
}

/* The entry's parts, in no hash yet; -ERANGE, -ENOMEM. */
static int
make_parts(const struct p4k_table *table, const struct p4k_entry *entry, struct p4k_parts **parts)
{
	const struct p4k_table_spec *spec = table->writer->spec;
	uint8_t record[p4k_record_bytes(spec)];
	struct filling filling = {.table = table, .priority = entry->priority};
	int n;

	p4k_table_record(table, entry, record);
	n = p4k_ternary_cover(spec, record, NULL, NULL);
	if (n < 0)
		return n;
	*parts = calloc(1, sizeof(**parts) + (size_t)n * part_words(table) * sizeof(uint64_t));
	if (*parts == NULL)
		return -ENOMEM;
	filling.parts = *parts;
	p4k_ternary_cover(spec, record, fill_part, &filling);
	return 0;
}

/* Takes the first n out of their hashes. */
static void
take_out(struct p4k_table *table, struct p4k_parts *parts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		p4k_tuples_remove(table, part_at(table, parts, i));
	p4k_retire(table, parts);
}

static int
put_in(struct p4k_table *table, struct p4k_parts *parts)
{
	for (uint32_t i = 0; i < parts->n; i++) {
		int ret = p4k_tuples_add(table, part_at(table, parts, i));

		if (ret < 0) {
			take_out(table, parts, i);
			return ret;
		}
	}
	return 0;
}

static struct p4k_entry *
range_find(const struct p4k_table *table)
{
	const struct p4k_writer *writer = table->writer;

	return (struct p4k_entry *)(uintptr_t)p4k_hash_find(table->hash, writer->identity,
							    writer->identity_words);
}

static int
range_add(struct p4k_table *table, struct p4k_entry *entry)
{
	struct p4k_parts *parts;
	int ret = make_parts(table, entry, &parts);

	if (ret < 0)
		return ret;
	ret = p4k_index_add(table, entry);
	if (ret < 0) {
		free(parts);
		return ret;
	}
	ret = put_in(table, parts);
	if (ret < 0) {
		p4k_index_remove(table, entry);
		return ret;
	}
	set_parts(table, entry, parts);
	__atomic_store_n(&parts->entry, entry, __ATOMIC_RELEASE);
	return 0;
}

static void
range_replace(struct p4k_table *table, struct p4k_entry *old, struct p4k_entry *entry)
{
	struct p4k_parts *parts = parts_of(table, old);

	p4k_hash_replace(table->hash, old, entry, table->writer->identity_words);
	set_parts(table, entry, parts);
	__atomic_store_n(&parts->entry, entry, __ATOMIC_RELEASE);
}

static int
range_remove(struct p4k_table *table, struct p4k_entry *entry)
{
	struct p4k_parts *parts = parts_of(table, entry);

	__atomic_store_n(&parts->entry, NULL, __ATOMIC_RELEASE);
	p4k_index_remove(table, entry);
	take_out(table, parts, parts->n);
	return 0;
}

static int
range_create(struct p4k_table *table)
{
	table->hash = p4k_hash_create(0);
	return table->hash == NULL ? -ENOMEM : p4k_tuples_create(table);
}

static void
range_destroy(struct p4k_table *table)
{
	const struct p4k_entry *entry;
	uint32_t cursor = 0;

	while ((entry = p4k_table_next(table, &cursor)) != NULL)
		free(parts_of(table, entry));
	free(table->hash);
	p4k_tuples_destroy(table);
}

const struct p4k_keeper p4k_range_keeper = {
	.create = range_create,
	.destroy = range_destroy,
	.find = range_find,
	.add = range_add,
	.replace = range_replace,
	.remove = range_remove,
};
