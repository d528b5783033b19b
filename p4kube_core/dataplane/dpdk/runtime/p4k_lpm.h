/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Longest prefix match: a trie that looks at a byte a step and skips bytes where all its keys
 * agree.
 *
 * A prefix lives in the node that looks at its last (perhaps partial) byte, so an update touches
 * one node. The root and crowded nodes are flat arrays; others are packed with bitmaps, which keeps
 * small tables in the first-level cache and large ones proportional to the number of prefixes.
 * Nodes are replaced, not changed, but for single pointers.
 */
#ifndef P4K_LPM_H
#define P4K_LPM_H

#include "p4k_entry.h"

#include <string.h>

#define P4K_LPM_SKIP 8 /* most bytes that one node skips */

/*
 * A node, 0 for none. Bit 0: it is a struct p4k_lpm_flat, not a struct p4k_lpm_packed. The top
 * byte: how many bits it skips, which readers need before the node has come from memory.
 */
typedef uint64_t p4k_lpm_ref;

#define P4K_LPM_FLAT 1ull
#define P4K_LPM_SKIP_SHIFT 56
#define P4K_LPM_POINTER 0x00fffffffffffffeull

_Static_assert(sizeof(uintptr_t) == sizeof(p4k_lpm_ref),
	       "a reference holds a pointer and eight bits more");

struct p4k_lpm_slot {
	/* writer: wo, readers: ro */
	p4k_lpm_ref child;
	struct p4k_entry *best; /* longest prefix that ends in this byte, or NULL */
};

/*
 * The node's skipped bytes, left-aligned in a big-endian word; checked before its own byte is
 * looked at.
 */
struct p4k_lpm_skip {
	uint64_t prefix;
	uint64_t mask;
	uint32_t bytes;
};

struct p4k_lpm_flat {
	struct p4k_lpm_skip skip;       /* fixed */
	struct p4k_lpm_slot slots[256]; /* by the value of the byte */
};

struct p4k_lpm_bits {
	uint64_t children; /* bit i: value i has a child */
	uint64_t bests;    /* bit i: from value i on, the next of the node's entries is the best */
};

/* references[0] is 0, then the node's entries by range of values (0: none), then the children. */
struct p4k_lpm_packed {
	struct p4k_lpm_skip skip;    /* fixed */
	uint8_t best_rank[4];        /* fixed: entries before each of bits[] */
	uint8_t child_rank[4];       /* fixed: children before each of bits[] */
	uint16_t n_bests;            /* fixed: with references[0] */
	uint16_t n_children;         /* fixed */
	struct p4k_lpm_bits bits[4]; /* fixed */
	uint64_t references[];       /* writer: wo, readers: ro */
};

/*
 * Up to 8 bytes of the key from byte `at` on, left-aligned, big-endian, zeros behind the key's end;
 * at < bytes.
 */
static inline uint64_t
p4k_lpm_window(const uint8_t *key, unsigned int bytes, unsigned int at)
{
	unsigned int from = bytes < 8 || at < bytes - 8 ? at : bytes - 8;
	uint64_t window = 0;

	if (bytes < 8)
		memcpy(&window, key, bytes);
	else
		memcpy(&window, key + from, 8);
	return __builtin_bswap64(window) << (bytes < 8 ? at : at - from) * 8;
}

/* The entry in this node for the value of its byte, or NULL; *next: the child for it, or 0. */
static inline const struct p4k_entry *
p4k_lpm_step_packed(const struct p4k_lpm_packed *node, unsigned int value, p4k_lpm_ref *next)
{
	const struct p4k_lpm_bits *bits = &node->bits[value / 64];
	uint64_t bit = (uint64_t)1 << value % 64;
	/* Bits up to and with `value` for the best, below it for the child. */
	unsigned int best = node->best_rank[value / 64] +
			    (unsigned int)__builtin_popcountll(bits->bests & (bit | (bit - 1)));
	unsigned int child = node->n_bests + node->child_rank[value / 64] +
			     (unsigned int)__builtin_popcountll(bits->children & (bit - 1));

	*next =
	    bits->children & bit ? __atomic_load_n(&node->references[child], __ATOMIC_ACQUIRE) : 0;
	return (const struct p4k_entry *)__atomic_load_n(&node->references[best], __ATOMIC_ACQUIRE);
}

static inline const struct p4k_entry *
p4k_lpm_step(p4k_lpm_ref node, unsigned int value, p4k_lpm_ref *next)
{
	const void *memory = (const void *)(node & P4K_LPM_POINTER);
	const struct p4k_lpm_slot *slot;

	if (!(node & P4K_LPM_FLAT))
		return p4k_lpm_step_packed((const struct p4k_lpm_packed *)memory, value, next);
	slot = &((const struct p4k_lpm_flat *)memory)->slots[value];
	*next = __atomic_load_n(&slot->child, __ATOMIC_ACQUIRE);
	return __atomic_load_n(&slot->best, __ATOMIC_ACQUIRE);
}

static inline const struct p4k_entry *
p4k_lpm_find(const struct p4k_lpm_flat *root, const uint8_t *key, unsigned int bytes)
{
	uint64_t window = p4k_lpm_window(key, bytes, 0);
	const struct p4k_lpm_slot *slot = &root->slots[window >> 56];
	const struct p4k_entry *best = __atomic_load_n(&slot->best, __ATOMIC_ACQUIRE);
	p4k_lpm_ref next = __atomic_load_n(&slot->child, __ATOMIC_ACQUIRE);
	unsigned int at = 1;

	while (next != 0) {
		const struct p4k_lpm_skip *skip =
		    (const struct p4k_lpm_skip *)(next & P4K_LPM_POINTER);
		unsigned int skip_bits = (unsigned int)(next >> P4K_LPM_SKIP_SHIFT);
		const struct p4k_entry *found;

		/*
		 * A short key stays in a register, and a node never skips all of what is left of
		 * it.
		 */
		window = bytes <= 8 ? window << 8 : p4k_lpm_window(key, bytes, at);
		if (((window ^ skip->prefix) & skip->mask) != 0)
			break;
		if (bytes <= 8) {
			window <<= skip_bits;
			found = p4k_lpm_step(next, (unsigned int)(window >> 56), &next);
		} else {
			at += skip_bits / 8 + 1;
			found = p4k_lpm_step(next, key[at - 1], &next);
		}
		best = found != NULL ? found : best;
	}
	return best;
}

/* The writer's side, p4k_lpm.c. */

struct p4k_lpm; /* the trie with what the writer knows of it */

#endif
