/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's side of ternary tables. */
#include "p4k_ternary.h"
#include "p4k_writer.h"

#include <errno.h>
#include <string.h>

/* Words in front of the identity, counted from it: see p4k_writer.h. */
#define NEXT_WORD 2
#define ORDER_WORD 1

static uint64_t *
identity_of(const struct p4k_table *table, const struct p4k_entry *entry)
{
	return (uint64_t *)(uintptr_t)p4k_entry_identity(table, entry);
}

/* The next worse entry with the same mask and key. */
static struct p4k_entry *
next_of(const struct p4k_table *table, const struct p4k_entry *entry)
{
	return (struct p4k_entry *)(uintptr_t)(identity_of(table, entry) - NEXT_WORD)[0];
}

static void
set_next(const struct p4k_table *table, struct p4k_entry *entry, const struct p4k_entry *next)
{
	(identity_of(table, entry) - NEXT_WORD)[0] = (uintptr_t)next;
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

/* Puts the entry among those of its mask and key. -ENOMEM. */
static int
add_to_tuple(struct p4k_table *table, struct p4k_tuple *tuple, struct p4k_entry *entry)
{
	unsigned int words = table->writer->words;
	struct p4k_entry *head = find_head(table, tuple, p4k_entry_key(entry, words));
	struct p4k_entry *before;

	if (head == NULL)
		return p4k_hash_insert(table, &tuple->hash, entry, words);
	if (entry->priority > head->priority) {
		set_next(table, entry, head);
		p4k_hash_replace(tuple->hash, head, entry, words);
		return 0;
	}
	before = head;
	while (next_of(table, before) != NULL && next_of(table, before)->priority > entry->priority)
		before = next_of(table, before);
	set_next(table, entry, next_of(table, before));
	set_next(table, before, entry);
	return 0;
}

static void
tuple_free(struct p4k_tuple *tuple)
{
	free(tuple->hash);
	free(tuple);
}

static int
ternary_add(struct p4k_table *table, struct p4k_entry *entry)
{
	const uint64_t *mask = p4k_entry_identity(table, entry);
	struct p4k_tuple *tuple = find_tuple(table, mask);
	bool fresh = tuple == NULL;
	struct p4k_tuples *list = NULL;
	int ret;

	if (fresh)
		tuple = tuple_new(table, mask);
	if (tuple == NULL)
		return -ENOMEM;
	(identity_of(table, entry) - ORDER_WORD)[0] = table->writer->order++;
	/*
	 * The list first: it may promise a priority that the tuple does not have yet, never the
	 * other way round. (A reader of the old list may miss the new entry, which is as if it had
	 * come earlier.)
	 */
	if (fresh || entry->priority > tuple->priority) {
		list = list_with(table->tuples, tuple, entry->priority, true);
		if (list == NULL) {
			if (fresh)
				tuple_free(tuple);
			return -ENOMEM;
		}
	}
	if (fresh) {
		/* A fresh tuple is not in the readers' sight yet, so its entry may come first. */
		ret = add_to_tuple(table, tuple, entry);
		if (ret < 0) {
			free(list);
			tuple_free(tuple);
			return ret;
		}
	}
	if (list != NULL) {
		tuple->priority = entry->priority;
		tuple->stale = 0;
		publish_list(table, list);
	}
	return fresh ? 0 : add_to_tuple(table, tuple, entry);
}

static void
ternary_replace(struct p4k_table *table, struct p4k_entry *old, struct p4k_entry *entry)
{
	unsigned int words = table->writer->words;
	struct p4k_tuple *tuple = find_tuple(table, p4k_entry_identity(table, old));
	struct p4k_entry *before = find_head(table, tuple, p4k_entry_key(old, words));

	(identity_of(table, entry) - ORDER_WORD)[0] = (identity_of(table, old) - ORDER_WORD)[0];
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
 * After the removal of an entry of the tuple's highest priority. Looking for the new highest takes
 * a walk, so it happens once for a share of the entries; till then the list promises too much,
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

static int
remove_tuple(struct p4k_table *table, struct p4k_tuple *tuple)
{
	struct p4k_tuples *list = list_with(table->tuples, tuple, 0, false);

	if (list == NULL)
		return -ENOMEM;
	publish_list(table, list);
	p4k_retire(table, tuple->hash);
	p4k_retire(table, tuple);
	return 0;
}

static int
ternary_remove(struct p4k_table *table, struct p4k_entry *entry)
{
	unsigned int words = table->writer->words;
	struct p4k_tuple *tuple = find_tuple(table, p4k_entry_identity(table, entry));
	struct p4k_entry *before = find_head(table, tuple, p4k_entry_key(entry, words));
	struct p4k_entry *next = next_of(table, entry);

	if (before != entry) {
		while (next_of(table, before) != entry)
			before = next_of(table, before);
		set_next(table, before, next);
		return 0;
	}
	if (next != NULL)
		p4k_hash_replace(tuple->hash, entry, next, words);
	else if (tuple->hash->count == 1)
		return remove_tuple(table, tuple);
	else
		p4k_hash_delete(table, &tuple->hash, entry, words);
	if (entry->priority == tuple->priority)
		lower_rank(table, tuple);
	return 0;
}

static int
ternary_create(struct p4k_table *table)
{
	table->tuples = calloc(1, sizeof(*table->tuples));
	return table->tuples == NULL ? -ENOMEM : 0;
}

static void
ternary_destroy(struct p4k_table *table)
{
	if (table->tuples == NULL)
		return;
	for (uint32_t i = 0; i < table->tuples->n; i++)
		tuple_free(table->tuples->ranked[i].tuple);
	free(table->tuples);
}

const struct p4k_keeper p4k_ternary_keeper = {
	.create = ternary_create,
	.destroy = ternary_destroy,
	.find = ternary_find,
	.add = ternary_add,
	.replace = ternary_replace,
	.remove = ternary_remove,
};
