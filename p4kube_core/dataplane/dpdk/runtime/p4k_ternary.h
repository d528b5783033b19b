/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ternary match by tuple-space search: one hash for each mask, masks ordered by their highest
 * priority; the search ends where nothing better can follow.
 *
 * What the hashes hold ("leaves") are the entries themselves; in a table with range fields they are
 * parts: a range is a few prefixes, an entry all combinations of its ranges' prefixes, and each
 * combination is a part with a mask and a key of its own. No key meets two parts of an entry.
 */
#ifndef P4K_TERNARY_H
#define P4K_TERNARY_H

#include "p4k_exact.h"

/* Most parts of an entry. */
#define P4K_PARTS_MAX 1024

/*
 * Words in front of a leaf, from its struct p4k_entry backwards: its key (which is already masked)
 * and its mask, `words` each; then these.
 */
#define P4K_LEAF_ORDER 1 /* insertion number: among equal priorities the lower wins */
#define P4K_LEAF_NEXT 2  /* the next worse leaf with the same mask and key; writer: wo, readers: ro */
#define P4K_LEAF_OWNER 3 /* of a part: its struct p4k_parts; of an entry: its table */

static inline uint64_t *
p4k_leaf_word(const struct p4k_entry *leaf, unsigned int words, unsigned int which)
{
	return (uint64_t *)(uintptr_t)p4k_entry_key(leaf, 2 * words + which);
}

/* All parts of an entry. Their struct p4k_entry have the priority and no data. */
struct p4k_parts {
	/* NULL before all parts are in their hashes, and once the first is to leave. writer: wo, readers: ro */
	struct p4k_entry *entry;
	uint32_t n;	   /* fixed */
	uint64_t blocks[]; /* fixed but for P4K_LEAF_NEXT */
};

/* All leaves of one mask. Of leaves with the same key only the best is in the hash. */
struct p4k_tuple {
	struct p4k_hash *hash; /* writer: wo, readers: ro */
	uint32_t priority;     /* as the list has it; writer only */
	uint32_t stale;        /* removals that may have left it too high; writer only */
	uint64_t mask[];       /* fixed */
};

struct p4k_ranked {
	struct p4k_tuple *tuple;
	uint32_t priority; /* no entry of the tuple that this list promises has a higher one */
};

/* Fixed once published; in falling order of priority. */
struct p4k_tuples {
	uint32_t n;
	bool parted; /* leaves are parts */
	struct p4k_ranked ranked[];
};

/*
 * The entry of a part. Parts whose entry is coming or going are as if they were not there: then
 * *part moves to the next worse one, or to NULL.
 */
static inline const struct p4k_entry *
p4k_part_entry(const struct p4k_entry **part, unsigned int words)
{
	while (*part != NULL) {
		const struct p4k_parts *parts =
		    (const struct p4k_parts *)(uintptr_t)*p4k_leaf_word(*part, words, P4K_LEAF_OWNER);
		const struct p4k_entry *entry = __atomic_load_n(&parts->entry, __ATOMIC_ACQUIRE);

		if (entry != NULL)
			return entry;
		*part = (const struct p4k_entry *)(uintptr_t)__atomic_load_n(
		    p4k_leaf_word(*part, words, P4K_LEAF_NEXT), __ATOMIC_ACQUIRE);
	}
	return NULL;
}

/* Of two leaves that match. */
static inline bool
p4k_leaf_better(const struct p4k_entry *a, const struct p4k_entry *b, unsigned int words)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return *p4k_leaf_word(a, words, P4K_LEAF_ORDER) < *p4k_leaf_word(b, words, P4K_LEAF_ORDER);
}

static inline const struct p4k_entry *
p4k_tuples_find(const struct p4k_tuples *tuples, const uint64_t *key, unsigned int words)
{
	const struct p4k_entry *best = NULL, *best_leaf = NULL;

	for (uint32_t i = 0; i < tuples->n; i++) {
		const struct p4k_ranked *ranked = &tuples->ranked[i];
		const struct p4k_entry *found, *leaf;
		uint64_t masked[words];

		if (best_leaf != NULL && best_leaf->priority > ranked->priority)
			break;
		for (unsigned int w = 0; w < words; w++)
			masked[w] = key[w] & ranked->tuple->mask[w];
		leaf = p4k_hash_find(__atomic_load_n(&ranked->tuple->hash, __ATOMIC_ACQUIRE),
				     masked, words);
		found = tuples->parted ? p4k_part_entry(&leaf, words) : leaf;
		if (found == NULL)
			continue;
		if (best_leaf == NULL || p4k_leaf_better(leaf, best_leaf, words)) {
			best_leaf = leaf;
			best = found;
		}
	}
	return best;
}

#endif
