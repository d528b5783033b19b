/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's side of tuples, and of ternary tables without ranges: their leaves are the entries. */
#include "p4k_ternary.h"
#include "p4k_writer.h"

#include <errno.h>
#include <string.h>

static uint64_t *
order_of(const struct p4k_table *table, const struct p4k_entry *leaf)
{
	return p4k_leaf_word(leaf, table->writer->words, P4K_LEAF_ORDER);
}

static struct p4k_entry *
next_of(const struct p4k_table *table, const struct p4k_entry *leaf)
{
	return (struct p4k_entry *)(uintptr_t)*p4k_leaf_word(leaf, table->writer->words,
							     P4K_LEAF_NEXT);
}

static void
set_next(const struct p4k_table *table, struct p4k_entry *leaf, const struct p4k_entry *next)
{
	__atomic_store_n(p4k_leaf_word(leaf, table->writer->words, P4K_LEAF_NEXT), (uintptr_t)next,
			 __ATOMIC_RELEASE);
}

static const uint64_t *
mask_of(const struct p4k_table *table, const struct p4k_entry *leaf)
{
	return p4k_entry_key(leaf, 2 * table->writer->words);
}

static struct p4k_tuple *
find_tuple(const struct p4k_table *table, const uint64_t *mask)
{
	const struct p4k_tuples *tuples = table->tuples;

	for (uint32_t i = 0; i < tuples->n; i++)
		if (p4k_words_equal(tuples->ranked[i].tuple->mask, mask, table->writer->words))
			return tuples->ranked[i].tuple;
	return NULL;
}

static struct p4k_entry *
find_head(const struct p4k_table *table, const struct p4k_tuple *tuple, const uint64_t *key)
{
	return (struct p4k_entry *)(uintptr_t)p4k_hash_find(tuple->hash, key, table->writer->words);
}

static struct p4k_entry *
ternary_find(const struct p4k_table *table)
{
	const struct p4k_writer *writer = table->writer;
	const struct p4k_tuple *tuple = find_tuple(table, writer->identity);
	struct p4k_entry *entry;

	if (tuple == NULL)
		return NULL;
	entry = find_head(table, tuple, writer->identity + writer->words);
	while (entry != NULL && entry->priority != writer->priority)
		entry = next_of(table, entry);
	return entry;
}

static struct p4k_tuple *
tuple_new(const struct p4k_table *table, const uint64_t *mask)
{
	size_t mask_bytes = table->writer->words * sizeof(uint64_t);
	struct p4k_tuple *tuple = calloc(1, sizeof(*tuple) + mask_bytes);

	if (tuple == NULL)
		return NULL;
	tuple->hash = p4k_hash_create(0);
	if (tuple->hash == NULL) {
		free(tuple);
		return NULL;
	}
	memcpy(tuple->mask, mask, mask_bytes);
	return tuple;
}

/* The list with the tuple at its rank, added or moved; or without it. */
static struct p4k_tuples *
list_with(const struct p4k_tuples *old, struct p4k_tuple *tuple, uint32_t priority, bool keep)
{
	struct p4k_tuples *list = malloc(sizeof(*list) + (old->n + 1) * sizeof(list->ranked[0]));

	if (list == NULL)
		return NULL;
	list->n = 0;
	list->parted = old->parted;
	for (uint32_t i = 0; i < old->n; i++) {
		if (old->ranked[i].tuple == tuple)
			continue;
		if (keep && old->ranked[i].priority < priority) {
			list->ranked[list->n++] = (struct p4k_ranked){tuple, priority};
			keep = false;
		}
		list->ranked[list->n++] = old->ranked[i];
	}
	if (keep)
		list->ranked[list->n++] = (struct p4k_ranked){tuple, priority};
	return list;
}

static void
publish_list(struct p4k_table *table, struct p4k_tuples *list)
{
	struct p4k_tuples *old = table->tuples;

	__atomic_store_n(&table->tuples, list, __ATOMIC_RELEASE);
	p4k_retire(table, old);
}

/* Puts the leaf among those of its mask and key, behind its equals. -ENOMEM. */
static int
add_to_tuple(struct p4k_table *table, struct p4k_tuple *tuple, struct p4k_entry *leaf)
{
	unsigned int words = table->writer->words;
	struct p4k_entry *head = find_head(table, tuple, p4k_entry_key(leaf, words));
	struct p4k_entry *before, *next;

	if (head == NULL)
		return p4k_hash_insert(table, &tuple->hash, leaf, words);
	if (leaf->priority > head->priority) {
		set_next(table, leaf, head);
		p4k_hash_replace(tuple->hash, head, leaf, words);
		return 0;
	}
	before = head;
	while ((next = next_of(table, before)) != NULL && next->priority >= leaf->priority)
		before = next;
	set_next(table, leaf, next);
	set_next(table, before, leaf);
	return 0;
}

static void
tuple_free(struct p4k_tuple *tuple)
{
	free(tuple->hash);
	free(tuple);
}

int
p4k_tuples_add(struct p4k_table *table, struct p4k_entry *leaf)
{
	const uint64_t *mask = mask_of(table, leaf);
	struct p4k_tuple *tuple = find_tuple(table, mask);
	bool fresh = tuple == NULL;
	struct p4k_tuples *list = NULL;
	int ret;

	if (fresh)
		tuple = tuple_new(table, mask);
	if (tuple == NULL)
		return -ENOMEM;
	*order_of(table, leaf) = table->writer->order++;
	/*
	 * The list first: it may promise a priority that the tuple does not have yet, never the
	 * other way round. (A reader of the old list may miss the new leaf, which is as if it had
	 * come earlier.)
	 */
	if (fresh || leaf->priority > tuple->priority) {
		list = list_with(table->tuples, tuple, leaf->priority, true);
		if (list == NULL) {
			if (fresh)
				tuple_free(tuple);
			return -ENOMEM;
		}
	}
	if (fresh) {
		/* A fresh tuple is not in the readers' sight yet, so its leaf may come first. */
		ret = add_to_tuple(table, tuple, leaf);
		if (ret < 0) {
			free(list);
			tuple_free(tuple);
			return ret;
		}
	}
	if (list != NULL) {
		tuple->priority = leaf->priority;
		tuple->stale = 0;
		publish_list(table, list);
	}
	return fresh ? 0 : add_to_tuple(table, tuple, leaf);
}

static void
ternary_replace(struct p4k_table *table, struct p4k_entry *old, struct p4k_entry *entry)
{
	unsigned int words = table->writer->words;
	struct p4k_tuple *tuple = find_tuple(table, mask_of(table, old));
	struct p4k_entry *before = find_head(table, tuple, p4k_entry_key(old, words));

	*order_of(table, entry) = *order_of(table, old);
	set_next(table, entry, next_of(table, old));
	if (before == old) {
		p4k_hash_replace(tuple->hash, old, entry, words);
		return;
	}
	while (next_of(table, before) != old)
		before = next_of(table, before);
	set_next(table, before, entry);
}

static uint32_t
highest_priority(const struct p4k_hash *hash)
{
	uint32_t highest = 0;

	for (uint64_t b = 0; b <= hash->mask; b++)
		for (unsigned int i = 0; i < P4K_BUCKET_ENTRIES; i++)
			if ((hash->buckets[b].tags >> i * 8 & P4K_TAG_USED) != 0 &&
			    hash->buckets[b].entries[i]->priority > highest)
				highest = hash->buckets[b].entries[i]->priority;
	return highest;
}

/*
 * After the removal of a leaf of the tuple's highest priority. Looking for the new highest takes
 * a walk, so it happens once for a share of the leaves; till then the list promises too much,
 * which costs readers time only.
 */
static void
lower_rank(struct p4k_table *table, struct p4k_tuple *tuple)
{
	struct p4k_tuples *list;
	uint32_t highest;

	if (++tuple->stale <= tuple->hash->count / 4)
		return;
	tuple->stale = 0;
	highest = highest_priority(tuple->hash);
	if (highest == tuple->priority)
		return;
	list = list_with(table->tuples, tuple, highest, true);
	if (list == NULL)
		return;
	tuple->priority = highest;
	publish_list(table, list);
}

/* A tuple without leaves; without memory for a new list it stays, which costs readers time only. */
static void
remove_tuple(struct p4k_table *table, struct p4k_tuple *tuple)
{
	struct p4k_tuples *list = list_with(table->tuples, tuple, 0, false);

	if (list == NULL)
		return;
	publish_list(table, list);
	p4k_retire(table, tuple->hash);
	p4k_retire(table, tuple);
}

void
p4k_tuples_remove(struct p4k_table *table, struct p4k_entry *leaf)
{
	unsigned int words = table->writer->words;
	struct p4k_tuple *tuple = find_tuple(table, mask_of(table, leaf));
	struct p4k_entry *before = find_head(table, tuple, p4k_entry_key(leaf, words));
	struct p4k_entry *next = next_of(table, leaf);

	if (before != leaf) {
		while (next_of(table, before) != leaf)
			before = next_of(table, before);
		set_next(table, before, next);
		return;
	}
	if (next != NULL)
		p4k_hash_replace(tuple->hash, leaf, next, words);
	else
		p4k_hash_delete(table, &tuple->hash, leaf, words);
	if (tuple->hash->count == 0)
		remove_tuple(table, tuple);
	else if (leaf->priority == tuple->priority)
		lower_rank(table, tuple);
}

static int
ternary_remove(struct p4k_table *table, struct p4k_entry *entry)
{
	p4k_tuples_remove(table, entry);
	return 0;
}

const struct p4k_entry *
p4k_ternary_seen(const struct p4k_table *table, const uint8_t *key, const uint8_t *mask)
{
	const struct p4k_writer *writer = table->writer;
	uint64_t words[2][writer->words];
	const struct p4k_tuple *tuple;
	const struct p4k_entry *leaf;

	memset(words, 0, sizeof(words));
	memcpy(words[0], key, writer->spec->key_bytes);
	memcpy(words[1], mask, writer->spec->key_bytes);
	tuple = find_tuple(table, words[1]);
	if (tuple == NULL)
		return NULL;
	leaf = find_head(table, tuple, words[0]);
	return table->tuples->parted ? p4k_part_entry(&leaf, writer->words) : leaf;
}

int
p4k_tuples_create(struct p4k_table *table)
{
	table->tuples = calloc(1, sizeof(*table->tuples));
	if (table->tuples == NULL)
		return -ENOMEM;
	table->tuples->parted = table->writer->spec->n_ranges > 0;
	return 0;
}

void
p4k_tuples_destroy(struct p4k_table *table)
{
	if (table->tuples == NULL)
		return;
	for (uint32_t i = 0; i < table->tuples->n; i++)
		tuple_free(table->tuples->ranked[i].tuple);
	free(table->tuples);
}

const struct p4k_keeper p4k_ternary_keeper = {
	.create = p4k_tuples_create,
	.destroy = p4k_tuples_destroy,
	.find = ternary_find,
	.add = p4k_tuples_add,
	.replace = ternary_replace,
	.remove = ternary_remove,
};
