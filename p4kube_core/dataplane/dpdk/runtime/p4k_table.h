/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of a P4 program: one writer (the control thread), any number of lock-free readers (the
 * workers). Free of DPDK. This header: what readers need, inline, and the writer's calls.
 *
 * The rule that all of it rests on: an entry does not change once it is published. The writer
 * replaces pointers, and hands what nobody can reach any more to the reclaimer, which frees it when
 * every reader has passed a quiescent point. An entry that an update does not name is found by
 * every look-up during that update.
 */
#ifndef P4K_TABLE_H
#define P4K_TABLE_H

#include "p4k.h"
#include "p4k_exact.h"
#include "p4k_lpm.h"
#include "p4k_ternary.h"

/*
 * Frees memory that readers may still hold. Copied into the table. Both retire's callback and
 * slot_released run on the writer's thread.
 */
struct p4k_reclaimer {
	/* Call free(memory), on the writer's thread, once no reader holds it. Must not fail. */
	void (*retire)(void *owner, void (*free)(void *), void *memory);
	/*
	 * Wait for the readers and free all that was retired. May be NULL if retire() frees at
	 * once.
	 */
	void (*flush)(void *owner);
	/* No reader counts at this slot any more: clear its direct counter. May be NULL. */
	void (*slot_released)(void *owner, uint32_t slot);
	void *owner;
};

struct p4k_writer; /* the writer's own books, p4k_table.c */

struct p4k_table {
	/* writer: wo, readers: ro; of the first three only the one of the table's kind is used */
	struct p4k_hash *hash;
	struct p4k_lpm_flat *root;
	struct p4k_tuples *tuples;
	struct p4k_entry *miss; /* the default entry, never NULL */

	struct p4k_writer *writer; /* writer only */
};

/*
 * Readers. `words` is P4K_WORDS(key_bytes), `bytes` is key_bytes; give them as constants. NULL is a
 * miss.
 */

/* What the key meets if no entry matches. Its slot is the table's size. */
static inline const struct p4k_entry *
p4k_default(const struct p4k_table *table)
{
	return __atomic_load_n(&table->miss, __ATOMIC_ACQUIRE);
}

/* key: the packed key, padded with zeros to whole words. */
static inline const struct p4k_entry *
p4k_exact_lookup(const struct p4k_table *table, const uint64_t *key, unsigned int words)
{
	return p4k_hash_find(__atomic_load_n(&table->hash, __ATOMIC_ACQUIRE), key, words);
}

/*
 * Fetch the bucket of a key that will be looked up some packets later; pays where the table is
 * larger than the cache.
 */
static inline void
p4k_exact_prefetch(const struct p4k_table *table, const uint64_t *key, unsigned int words)
{
	p4k_hash_prefetch(__atomic_load_n(&table->hash, __ATOMIC_ACQUIRE), key, words);
}

/* key: the packed key, exactly `bytes` of it are read. */
static inline const struct p4k_entry *
p4k_lpm_lookup(const struct p4k_table *table, const uint8_t *key, unsigned int bytes)
{
	return p4k_lpm_find(__atomic_load_n(&table->root, __ATOMIC_ACQUIRE), key, bytes);
}

/* key: as for exact. The highest priority wins; among equals the entry that was inserted first. */
static inline const struct p4k_entry *
p4k_ternary_lookup(const struct p4k_table *table, const uint64_t *key, unsigned int words)
{
	return p4k_tuples_find(__atomic_load_n(&table->tuples, __ATOMIC_ACQUIRE), key, words);
}

/*
 * The writer. Records are those of docs/seams.md, 2. Returns are 0 or a negative errno:
 *   -EINVAL  the record breaks a rule (bits outside the mask, a prefix longer than the key, a range
 *            that ends before it begins)
 *   -ERANGE  the record's ranges make more than P4K_PARTS_MAX parts
 *   -EEXIST  insert of what is there;  -ENOENT  modify or delete of what is not
 *   -ENOSPC  the table holds `size` entries;  -ENOMEM
 * A call that fails leaves the table as it was.
 */

/* Makes the table with the spec's default and const entries. The spec must outlive the table. */
int p4k_table_create(const struct p4k_table_spec *spec, const struct p4k_reclaimer *reclaimer,
		     struct p4k_table **out);

/* No reader may hold the table any more. Flushes the reclaimer first. NULL is fine. */
void p4k_table_destroy(struct p4k_table *table);

/* Bytes of one record of such a table, without counts. */
size_t p4k_record_bytes(const struct p4k_table_spec *spec);

int p4k_table_insert(struct p4k_table *table, const uint8_t *record);
/*
 * As insert, with the slot that the entry had in another life of the table; -EINVAL where it is taken. Quickest in
 * rising order of slots.
 */
int p4k_table_restore(struct p4k_table *table, const uint8_t *record, uint32_t slot);
/*
 * Modify and upsert keep slot and, among equal priorities, rank. Upsert of an equal entry does
 * nothing.
 */
int p4k_table_modify(struct p4k_table *table, const uint8_t *record);
int p4k_table_upsert(struct p4k_table *table, const uint8_t *record);
/* The record's action part is ignored. The slot comes back when the entry has been reclaimed. */
int p4k_table_delete(struct p4k_table *table, const uint8_t *record);

/* data: the spec's data_bytes; NULL: back to the program's own default (action is ignored then). */
int p4k_table_set_default(struct p4k_table *table, uint16_t action, const uint8_t *data);

uint32_t p4k_table_count(const struct p4k_table *table);

/* The entry with the record's identity, or NULL; for its slot. */
const struct p4k_entry *p4k_table_find(const struct p4k_table *table, const uint8_t *record);

/*
 * Next entry at or after *cursor (0 at first), which moves past it; NULL at the end. Updates
 * between two calls are fine: what stays in the table all along is given exactly once.
 */
const struct p4k_entry *p4k_table_next(const struct p4k_table *table, uint32_t *cursor);

/* Writes the entry's record, p4k_record_bytes() long. Not for the default entry. */
void p4k_table_record(const struct p4k_table *table, const struct p4k_entry *entry,
		      uint8_t *record);

/*
 * Ternary tables, for whoever brings them elsewhere. Calls each() with every key and mask under
 * which the record's entry is found: the record's own, or one of each part where the table has
 * ranges. Returns how many there are, or -EINVAL or -ERANGE (above) without a call. each may be
 * NULL.
 */
int p4k_ternary_cover(const struct p4k_table_spec *spec, const uint8_t *record,
		      void (*each)(void *owner, const uint8_t *key, const uint8_t *mask),
		      void *owner);

/* The best of the entries that are found under just this key and mask, or NULL. */
const struct p4k_entry *p4k_ternary_seen(const struct p4k_table *table, const uint8_t *key,
					 const uint8_t *mask);

#endif
