/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ternary match by tuple-space search: one hash for each mask, masks ordered by their highest
 * priority; the search ends where nothing better can follow.
 */
#ifndef P4K_TERNARY_H
#define P4K_TERNARY_H

#include "p4k_exact.h"

/*
 * Words in front of a ternary entry: its insertion number, its mask, its key (which is already
 * masked). Among equal priorities the lower number wins.
 */
static inline uint64_t
p4k_entry_order(const struct p4k_entry *entry, unsigned int words)
{
	return p4k_entry_key(entry, 2 * words + 1)[0];
}

/* All entries of one mask. Of entries with the same key only the best is in the hash. */
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
	struct p4k_ranked ranked[];
};

static inline const struct p4k_entry *
p4k_tuples_find(const struct p4k_tuples *tuples, const uint64_t *key, unsigned int words)
{
	const struct p4k_entry *best = NULL;

	for (uint32_t i = 0; i < tuples->n; i++) {
		const struct p4k_ranked *ranked = &tuples->ranked[i];
		const struct p4k_entry *found;
		uint64_t masked[words];

		if (best != NULL && best->priority > ranked->priority)
			break;
		for (unsigned int w = 0; w < words; w++)
			masked[w] = key[w] & ranked->tuple->mask[w];
		found = p4k_hash_find(__atomic_load_n(&ranked->tuple->hash, __ATOMIC_ACQUIRE),
				      masked, words);
		if (found == NULL)
			continue;
		if (best == NULL || found->priority > best->priority ||
		    (found->priority == best->priority &&
		     p4k_entry_order(found, words) < p4k_entry_order(best, words)))
			best = found;
	}
	return best;
}

#endif
