/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of the trie for its writer: unpacked into a view, changed there and packed again. */
#ifndef P4K_LPM_NODE_H
#define P4K_LPM_NODE_H

#include "p4k_lpm.h"

#include <stdbool.h>

#define P4K_LPM_VALUES 256

/*
 * A node spread out; `at`, the byte it looks at, is not kept in nodes: it follows from the way to
 * it.
 */
struct p4k_lpm_view {
	struct p4k_lpm_skip skip;
	unsigned int n_children;
	unsigned int n_bests; /* values with a best prefix in this node */
	p4k_lpm_ref children[P4K_LPM_VALUES];
	struct p4k_entry *bests[P4K_LPM_VALUES];
};

static inline bool
p4k_lpm_is_flat(p4k_lpm_ref node)
{
	return (node & P4K_LPM_FLAT) != 0;
}

static inline void *
p4k_lpm_memory(p4k_lpm_ref node)
{
	return (void *)(node & P4K_LPM_POINTER);
}

static inline struct p4k_lpm_flat *
p4k_lpm_flat_of(p4k_lpm_ref node)
{
	return p4k_lpm_memory(node);
}

static inline struct p4k_lpm_packed *
p4k_lpm_packed_of(p4k_lpm_ref node)
{
	return p4k_lpm_memory(node);
}

static inline const struct p4k_lpm_skip *
p4k_lpm_skip_of(p4k_lpm_ref node)
{
	return p4k_lpm_memory(node);
}

/* The key's bytes first..end-1, at most P4K_LPM_SKIP. */
struct p4k_lpm_skip p4k_lpm_skip_between(const uint8_t *key, unsigned int first, unsigned int end);

static inline uint8_t
p4k_lpm_skip_byte(const struct p4k_lpm_skip *skip, unsigned int index)
{
	return (uint8_t)(skip->prefix >> 8 * (P4K_LPM_SKIP - 1 - index));
}

/* Without the first `bytes`. */
struct p4k_lpm_skip p4k_lpm_skip_rest(const struct p4k_lpm_skip *skip, unsigned int bytes);

/* a, then the byte, then b; together at most P4K_LPM_SKIP. */
struct p4k_lpm_skip p4k_lpm_skip_join(const struct p4k_lpm_skip *a, unsigned int byte,
				      const struct p4k_lpm_skip *b);

void p4k_lpm_unpack(struct p4k_lpm_view *view, p4k_lpm_ref node);

/* Brings the view's counts up to date. */
void p4k_lpm_count(struct p4k_lpm_view *view);

/* A new node of the view's content; 0 without memory. */
p4k_lpm_ref p4k_lpm_pack(struct p4k_lpm_view *view);
p4k_lpm_ref p4k_lpm_pack_flat(const struct p4k_lpm_view *view);

/* A copy of the node that skips something else; 0 without memory. */
p4k_lpm_ref p4k_lpm_with_skip(p4k_lpm_ref node, const struct p4k_lpm_skip *skip);

/* Whether a flat node holds enough to stay one. */
bool p4k_lpm_crowded(const struct p4k_lpm_flat *node);

/* Where a node keeps its child for the value, or NULL where it has none. */
p4k_lpm_ref *p4k_lpm_child(p4k_lpm_ref node, unsigned int value);

#endif
