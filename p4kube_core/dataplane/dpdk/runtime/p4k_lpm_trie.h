/* SPDX-License-Identifier: Apache-2.0 */
/* Where prefixes lie in the trie; for the files of its writer. */
#ifndef P4K_LPM_TRIE_H
#define P4K_LPM_TRIE_H

#include "p4k_lpm_node.h"
#include "p4k_writer.h"

struct p4k_lpm_range {
	unsigned int first;
	unsigned int last;
};

static inline p4k_lpm_ref
p4k_lpm_root(const struct p4k_table *table)
{
	return (p4k_lpm_ref)table->root | P4K_LPM_FLAT;
}

/* The byte in which a prefix ends, and so its node. */
static inline unsigned int
p4k_lpm_last_byte(unsigned int prefix_bits)
{
	return prefix_bits == 0 ? 0 : (prefix_bits - 1) / 8;
}

/* The values of its last byte that a prefix covers. */
static inline struct p4k_lpm_range
p4k_lpm_range_of(const uint8_t *key, unsigned int prefix_bits)
{
	unsigned int at = p4k_lpm_last_byte(prefix_bits);
	unsigned int wild_bits = 8 * (at + 1) - prefix_bits;

	return (struct p4k_lpm_range){key[at], key[at] + (1u << wild_bits) - 1};
}

static inline const uint8_t *
p4k_lpm_key(const struct p4k_table *table, const struct p4k_entry *entry)
{
	return (const uint8_t *)p4k_entry_identity(table, entry);
}

static inline void
p4k_lpm_publish(p4k_lpm_ref *link, p4k_lpm_ref node)
{
	__atomic_store_n(link, node, __ATOMIC_RELEASE);
}

static inline void
p4k_lpm_retire(const struct p4k_table *table, p4k_lpm_ref node)
{
	p4k_retire(table, p4k_lpm_memory(node));
}

/* Takes the prefix out of the trie and the index; -ENOMEM. */
int p4k_lpm_remove(struct p4k_table *table, struct p4k_entry *entry);

#endif
