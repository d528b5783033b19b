/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash from keys of whole words to entries: buckets of one cache line, seven entries each, a byte
 * of every entry's hash beside. A hit costs two lines: the bucket and the entry itself.
 */
#ifndef P4K_EXACT_H
#define P4K_EXACT_H

#include "p4k_entry.h"

#include <stdbool.h>
#include <stdlib.h>

#define P4K_BUCKET_ENTRIES 7
#define P4K_EACH_BYTE 0x0101010101010101ull
#define P4K_TAG_USED 0x80u

/*
 * Bytes 0..6 of `tags`: tag of entry i, 0 where there is none. Byte 7: how many entries belong here
 * but live further on (255: more than can be counted; stays until the hash is rebuilt). An entry
 * never moves within a hash, so a reader that finds a tag gone or an entry exchanged has met an
 * update of just that entry.
 */
struct p4k_hash_bucket {
	uint64_t tags; /* writer: wo, readers: ro */
	/* writer: wo, readers: ro; valid where there is a tag */
	struct p4k_entry *entries[P4K_BUCKET_ENTRIES];
} __attribute__((aligned(64)));

struct p4k_hash {
	uint64_t mask;  /* number of buckets - 1; fixed */
	uint32_t count; /* writer only */
	uint32_t limit; /* fixed; the writer grows the hash beyond this count */
	struct p4k_hash_bucket buckets[];
};

/*
 * The same on every machine and for every compiler flag: the program and the writer are compiled
 * apart. 64 x 64 -> 128 bit multiplication, folded: one for each word.
 */
static inline uint64_t
p4k_hash_words(const uint64_t *key, unsigned int words)
{
	uint64_t hash = 0x9e3779b97f4a7c15ull ^ words;

	for (unsigned int i = 0; i < words; i++) {
		unsigned __int128 product =
		    (unsigned __int128)(key[i] ^ hash) * 0xd6e8feb86659fd93ull;

		hash = (uint64_t)product ^ (uint64_t)(product >> 64) ^ hash;
	}
	return hash;
}

static inline uint8_t
p4k_hash_tag(uint64_t hash)
{
	return (uint8_t)(hash >> 57) | P4K_TAG_USED;
}

/*
 * Bit 7 of byte i is set where byte i of tags is `tag` (and seldom where it is not: compare the
 * keys).
 */
static inline uint64_t
p4k_bucket_match(uint64_t tags, uint8_t tag)
{
	uint64_t different = (tags ^ P4K_EACH_BYTE * tag) | 0xffull << 56;

	return (different - P4K_EACH_BYTE) & ~different & P4K_EACH_BYTE << 7;
}

static inline bool
p4k_words_equal(const uint64_t *a, const uint64_t *b, unsigned int words)
{
	uint64_t different = 0;

	for (unsigned int i = 0; i < words; i++)
		different |= a[i] ^ b[i];
	return different == 0;
}

static inline const struct p4k_entry *
p4k_hash_find(const struct p4k_hash *hash, const uint64_t *key, unsigned int words)
{
	uint64_t h = p4k_hash_words(key, words);
	uint8_t tag = p4k_hash_tag(h);

	for (uint64_t tried = 0; tried <= hash->mask; tried++, h++) {
		const struct p4k_hash_bucket *bucket = &hash->buckets[h & hash->mask];
		uint64_t tags = __atomic_load_n(&bucket->tags, __ATOMIC_ACQUIRE);

		for (uint64_t match = p4k_bucket_match(tags, tag); match != 0; match &= match - 1) {
			unsigned int i = (unsigned int)__builtin_ctzll(match) / 8;
			const struct p4k_entry *entry =
			    __atomic_load_n(&bucket->entries[i], __ATOMIC_ACQUIRE);

			if (__builtin_expect(
				p4k_words_equal(p4k_entry_key(entry, words), key, words), 1))
				return entry;
		}
		if (__builtin_expect(tags >> 56 == 0, 1))
			return NULL;
	}
	return NULL;
}

static inline void
p4k_hash_prefetch(const struct p4k_hash *hash, const uint64_t *key, unsigned int words)
{
	__builtin_prefetch(&hash->buckets[p4k_hash_words(key, words) & hash->mask]);
}

/* The writer's side, p4k_exact.c. */

struct p4k_hash *p4k_hash_create(uint32_t entries);

/* Adds an entry whose key is not there. False where the hash is at its limit: copy it first. */
bool p4k_hash_add(struct p4k_hash *hash, struct p4k_entry *entry, unsigned int words);

/* Puts `entry` in the place of `old`; both have the same key. */
void p4k_hash_replace(struct p4k_hash *hash, const struct p4k_entry *old, struct p4k_entry *entry,
		      unsigned int words);

void p4k_hash_remove(struct p4k_hash *hash, const struct p4k_entry *entry, unsigned int words);

/* A new hash with the same entries, with room for at least `entries`; NULL without memory. */
struct p4k_hash *p4k_hash_copy(const struct p4k_hash *hash, uint32_t entries, unsigned int words);

#endif
