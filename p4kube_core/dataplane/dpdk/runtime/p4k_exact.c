/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's side of the hash, and exact tables. */
#include "p4k_exact.h"
#include "p4k_writer.h"

#include <errno.h>
#include <string.h>

/* Entries a bucket holds on average when the hash is at its limit; of seven. */
#define FILL 5
#define TAG_BITS 8
#define OVERFLOW_SHIFT 56
#define OVERFLOW_MAX 0xffu

struct place {
	struct p4k_hash_bucket *bucket;
	unsigned int index;
};

struct p4k_hash *
p4k_hash_create(uint32_t entries)
{
	uint64_t buckets = 1;
	struct p4k_hash *hash;
	size_t size;

	while (buckets * FILL < entries)
		buckets *= 2;
	size = sizeof(*hash) + buckets * sizeof(hash->buckets[0]);
	hash = aligned_alloc(_Alignof(struct p4k_hash_bucket), size);
	if (hash == NULL)
		return NULL;
	memset(hash, 0, size);
	hash->mask = buckets - 1;
	hash->limit = buckets * FILL < UINT32_MAX ? (uint32_t)(buckets * FILL) : UINT32_MAX;
	return hash;
}

static void
set_tag(struct p4k_hash_bucket *bucket, unsigned int index, uint8_t tag)
{
	uint64_t tags = bucket->tags & ~(0xffull << index * TAG_BITS);

	__atomic_store_n(&bucket->tags, tags | (uint64_t)tag << index * TAG_BITS, __ATOMIC_RELEASE);
}

/* An entry with this hash lives beyond the bucket (step 1), or no longer does (step -1). */
static void
count_overflow(struct p4k_hash_bucket *bucket, int step)
{
	uint64_t overflow = bucket->tags >> OVERFLOW_SHIFT;

	if (overflow == OVERFLOW_MAX)
		return;
	overflow += (uint64_t)step;
	__atomic_store_n(&bucket->tags,
			 (bucket->tags & ~(0xffull << OVERFLOW_SHIFT)) | overflow << OVERFLOW_SHIFT,
			 __ATOMIC_RELEASE);
}

static unsigned int
free_index(const struct p4k_hash_bucket *bucket)
{
	uint64_t empty = ~bucket->tags & P4K_EACH_BYTE << 7 & ~(0xffull << OVERFLOW_SHIFT);

	return empty == 0 ? P4K_BUCKET_ENTRIES : (unsigned int)__builtin_ctzll(empty) / TAG_BITS;
}

bool
p4k_hash_add(struct p4k_hash *hash, struct p4k_entry *entry, unsigned int words)
{
	uint64_t h = p4k_hash_words(p4k_entry_key(entry, words), words);
	uint8_t tag = p4k_hash_tag(h);
	uint64_t home = h;
	unsigned int index;

	if (hash->count >= hash->limit)
		return false;
	while ((index = free_index(&hash->buckets[h & hash->mask])) == P4K_BUCKET_ENTRIES)
		h++;
	__atomic_store_n(&hash->buckets[h & hash->mask].entries[index], entry, __ATOMIC_RELEASE);
	set_tag(&hash->buckets[h & hash->mask], index, tag);
	while (h != home)
		count_overflow(&hash->buckets[--h & hash->mask], 1);
	hash->count++;
	return true;
}

/*
 * Where the entry is; it must be there. Leaves its hash in *home and how many buckets further in
 * *steps.
 */
static struct place
find_place(struct p4k_hash *hash, const struct p4k_entry *entry, unsigned int words, uint64_t *home,
	   uint64_t *steps)
{
	*home = p4k_hash_words(p4k_entry_key(entry, words), words);
	for (*steps = 0;; ++*steps) {
		struct p4k_hash_bucket *bucket = &hash->buckets[(*home + *steps) & hash->mask];

		for (unsigned int i = 0; i < P4K_BUCKET_ENTRIES; i++)
			if (bucket->entries[i] == entry &&
			    (bucket->tags >> i * TAG_BITS & P4K_TAG_USED) != 0)
				return (struct place){bucket, i};
	}
}

void
p4k_hash_replace(struct p4k_hash *hash, const struct p4k_entry *old, struct p4k_entry *entry,
		 unsigned int words)
{
	uint64_t home, steps;
	struct place place = find_place(hash, old, words, &home, &steps);

	__atomic_store_n(&place.bucket->entries[place.index], entry, __ATOMIC_RELEASE);
}

void
p4k_hash_remove(struct p4k_hash *hash, const struct p4k_entry *entry, unsigned int words)
{
	uint64_t home, steps;
	struct place place = find_place(hash, entry, words, &home, &steps);

	/*
	 * The pointer stays: a reader that saw the tag may still follow it until the entry is
	 * reclaimed.
	 */
	set_tag(place.bucket, place.index, 0);
	while (steps-- > 0)
		count_overflow(&hash->buckets[(home + steps) & hash->mask], -1);
	hash->count--;
}

struct p4k_hash *
p4k_hash_copy(const struct p4k_hash *hash, uint32_t entries, unsigned int words)
{
	struct p4k_hash *copy = p4k_hash_create(entries);

	if (copy == NULL)
		return NULL;
	for (uint64_t b = 0; b <= hash->mask; b++)
		for (unsigned int i = 0; i < P4K_BUCKET_ENTRIES; i++)
			if (hash->buckets[b].tags >> i * TAG_BITS & P4K_TAG_USED)
				p4k_hash_add(copy, hash->buckets[b].entries[i], words);
	return copy;
}

int
p4k_hash_insert(struct p4k_table *table, struct p4k_hash **link, struct p4k_entry *entry,
		unsigned int words)
{
	struct p4k_hash *old = *link, *grown;

	if (p4k_hash_add(old, entry, words))
		return 0;
	if (old->limit == UINT32_MAX)
		return -ENOMEM;
	grown = p4k_hash_copy(old, old->limit + 1, words);
	if (grown == NULL)
		return -ENOMEM;
	p4k_hash_add(grown, entry, words);
	__atomic_store_n(link, grown, __ATOMIC_RELEASE);
	p4k_retire(table, old);
	return 0;
}

void
p4k_hash_delete(struct p4k_table *table, struct p4k_hash **link, struct p4k_entry *entry,
		unsigned int words)
{
	struct p4k_hash *old = *link, *shrunk;

	p4k_hash_remove(old, entry, words);
	if (old->mask == 0 || old->count > old->limit / 8)
		return;
	shrunk = p4k_hash_copy(old, old->limit / 4, words);
	if (shrunk == NULL)
		return;
	__atomic_store_n(link, shrunk, __ATOMIC_RELEASE);
	p4k_retire(table, old);
}

int
p4k_index_add(struct p4k_table *table, struct p4k_entry *entry)
{
	return p4k_hash_insert(table, &table->hash, entry, table->writer->identity_words);
}

void
p4k_index_remove(struct p4k_table *table, struct p4k_entry *entry)
{
	p4k_hash_delete(table, &table->hash, entry, table->writer->identity_words);
}

static int
exact_create(struct p4k_table *table)
{
	table->hash = p4k_hash_create(0);
	return table->hash == NULL ? -ENOMEM : 0;
}

static void
exact_destroy(struct p4k_table *table)
{
	free(table->hash);
}

static struct p4k_entry *
exact_find(const struct p4k_table *table)
{
	const struct p4k_writer *writer = table->writer;

	return (struct p4k_entry *)(uintptr_t)p4k_hash_find(table->hash, writer->identity,
							    writer->identity_words);
}

static void
exact_replace(struct p4k_table *table, struct p4k_entry *old, struct p4k_entry *entry)
{
	p4k_hash_replace(table->hash, old, entry, table->writer->identity_words);
}

static int
exact_remove(struct p4k_table *table, struct p4k_entry *entry)
{
	p4k_index_remove(table, entry);
	return 0;
}

const struct p4k_keeper p4k_exact_keeper = {
	.create = exact_create,
	.destroy = exact_destroy,
	.find = exact_find,
	.add = p4k_index_add,
	.replace = exact_replace,
	.remove = exact_remove,
};
