/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer's files share; nothing here is for readers or for programs. */
#ifndef P4K_WRITER_H
#define P4K_WRITER_H

#include "p4k_table.h"

/*
 * An entry's block: the table (8 bytes), what its kind puts in front, the identity, struct
 * p4k_entry with its data.
 *
 * exact: the identity is the key.
 *
 * lpm: the identity is the key, then prefix_bits in a word.
 *
 * ternary: in front stand the words of a leaf (p4k_ternary.h); the identity is mask, then key.
 *
 * ternary with ranges: in front stands the struct p4k_parts; the identity is the priority in a
 * word, the high ends (and masks), then the low ends (and keys).
 */
struct p4k_writer {
	const struct p4k_table_spec *spec;
	struct p4k_reclaimer reclaimer;
	uint32_t count;
	unsigned int words;          /* of the key */
	unsigned int identity_words; /* of the identity */
	unsigned int front_words;    /* before struct p4k_entry, all told */
	uint64_t order;              /* insertions so far */
	uint64_t *identity;          /* of the record at hand */
	uint32_t priority;           /* of the record at hand */
	uint16_t prefix_bits;        /* of the record at hand */

	/* By slot: the entry, or a link of the free list: the next free slot * 2 + 1. */
	uintptr_t *slots;
	uint32_t n_slots;    /* in use or in the free list */
	uint32_t slots_room; /* allocated */
	uint32_t free_slot;  /* head of the free list, P4K_NO_SLOT at its end */

	uintptr_t *doomed; /* lpm: nodes that the removal at hand takes away */
	unsigned int n_doomed;
};

#define P4K_NO_SLOT UINT32_MAX

static inline const uint64_t *
p4k_entry_identity(const struct p4k_table *table, const struct p4k_entry *entry)
{
	return p4k_entry_key(entry, table->writer->identity_words);
}

/* Frees memory with free() when no reader holds it; NULL is fine. */
static inline void
p4k_retire(const struct p4k_table *table, void *memory)
{
	const struct p4k_reclaimer *reclaimer = &table->writer->reclaimer;

	if (memory != NULL)
		reclaimer->retire(reclaimer->owner, free, memory);
}

/*
 * How a kind keeps its entries. Calls that return int leave all as it was when they fail, with
 * -ENOMEM (or, ranges only, -ERANGE).
 */
struct p4k_keeper {
	int (*create)(struct p4k_table *table);
	void (*destroy)(struct p4k_table *table); /* not the entries */
	/* The entry with the identity of the record at hand, or NULL. */
	struct p4k_entry *(*find)(const struct p4k_table *table);
	int (*add)(struct p4k_table *table, struct p4k_entry *entry);
	/* Both have the same identity. */
	void (*replace)(struct p4k_table *table, struct p4k_entry *old, struct p4k_entry *entry);
	int (*remove)(struct p4k_table *table, struct p4k_entry *entry);
};

extern const struct p4k_keeper p4k_exact_keeper;
extern const struct p4k_keeper p4k_lpm_keeper;
extern const struct p4k_keeper p4k_ternary_keeper;
extern const struct p4k_keeper p4k_range_keeper; /* ternary with ranges */

/*
 * In table->hash by identity: what exact tables look up; the writer's index of an lpm table and of
 * a ternary one with ranges.
 */
int p4k_index_add(struct p4k_table *table, struct p4k_entry *entry);
void p4k_index_remove(struct p4k_table *table, struct p4k_entry *entry);

/* Adds to a hash that is reached by *link only, growing it if need be. -ENOMEM. */
int p4k_hash_insert(struct p4k_table *table, struct p4k_hash **link, struct p4k_entry *entry,
		    unsigned int words);
/* Removes, and shrinks the hash if it has become far too large and there is memory. */
void p4k_hash_delete(struct p4k_table *table, struct p4k_hash **link, struct p4k_entry *entry,
		     unsigned int words);

/* Leaves of ternary tables. Adding may fail with -ENOMEM. */
int p4k_tuples_create(struct p4k_table *table);
void p4k_tuples_destroy(struct p4k_table *table); /* not the leaves */
int p4k_tuples_add(struct p4k_table *table, struct p4k_entry *leaf);
void p4k_tuples_remove(struct p4k_table *table, struct p4k_entry *leaf);

/* Whether the record breaks no rule of ternary tables. */
bool p4k_ternary_valid(const struct p4k_table_spec *spec, const uint8_t *record);

#endif
