/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of the trie. */
#include "p4k_lpm_node.h"

#include <stdlib.h>

#define VALUES P4K_LPM_VALUES
#define WORD_BITS 64
/* References from which on a node is made flat: it then takes at most four times the memory. */
#define CROWDED 128
/* Up to this many values in use, a flat node that loses one is packed again. */
#define SPARSE 64

/* The key's bytes first..end-1, at most P4K_LPM_SKIP. */
struct p4k_lpm_skip
p4k_lpm_skip_between(const uint8_t *key, unsigned int first, unsigned int end)
{
	struct p4k_lpm_skip skip = {.bytes = end - first};

	for (unsigned int i = 0; i < P4K_LPM_SKIP; i++) {
		skip.prefix = skip.prefix << 8 | (first + i < end ? key[first + i] : 0);
		skip.mask = skip.mask << 8 | (first + i < end ? 0xff : 0);
	}
	return skip;
}

/* Without the first `bytes`; shifts of a whole word would be undefined. */
struct p4k_lpm_skip
p4k_lpm_skip_rest(const struct p4k_lpm_skip *skip, unsigned int bytes)
{
	struct p4k_lpm_skip rest = {.bytes = skip->bytes - bytes};

	if (rest.bytes != 0) {
		rest.prefix = skip->prefix << 8 * bytes;
		rest.mask = skip->mask << 8 * bytes;
	}
	return rest;
}

/* a, then the byte, then b; together at most P4K_LPM_SKIP. */
struct p4k_lpm_skip
p4k_lpm_skip_join(const struct p4k_lpm_skip *a, unsigned int byte, const struct p4k_lpm_skip *b)
{
	uint8_t bytes[P4K_LPM_SKIP];
	unsigned int n = 0;

	for (unsigned int i = 0; i < a->bytes; i++)
		bytes[n++] = p4k_lpm_skip_byte(a, i);
	bytes[n++] = (uint8_t)byte;
	for (unsigned int i = 0; i < b->bytes; i++)
		bytes[n++] = p4k_lpm_skip_byte(b, i);
	return p4k_lpm_skip_between(bytes, 0, n);
}

static bool
has_bit(uint64_t bits, unsigned int value)
{
	return (bits >> value % WORD_BITS & 1) != 0;
}

static void
view_flat(struct p4k_lpm_view *view, const struct p4k_lpm_flat *node)
{
	for (unsigned int v = 0; v < VALUES; v++) {
		view->children[v] = node->slots[v].child;
		view->bests[v] = node->slots[v].best;
	}
}

static void
view_packed(struct p4k_lpm_view *view, const struct p4k_lpm_packed *node)
{
	const uint64_t *best = node->references;
	const uint64_t *child = node->references + node->n_bests;

	for (unsigned int v = 0; v < VALUES; v++) {
		const struct p4k_lpm_bits *bits = &node->bits[v / WORD_BITS];

		best += has_bit(bits->bests, v);
		view->bests[v] = (struct p4k_entry *)*best;
		view->children[v] = has_bit(bits->children, v) ? *child++ : 0;
	}
}

void
p4k_lpm_count(struct p4k_lpm_view *view)
{
	view->n_children = 0;
	view->n_bests = 0;
	for (unsigned int v = 0; v < VALUES; v++) {
		view->n_children += view->children[v] != 0;
		view->n_bests += view->bests[v] != NULL;
	}
}

void
p4k_lpm_unpack(struct p4k_lpm_view *view, p4k_lpm_ref node)
{
	view->skip = *p4k_lpm_skip_of(node);
	if (p4k_lpm_is_flat(node))
		view_flat(view, p4k_lpm_flat_of(node));
	else
		view_packed(view, p4k_lpm_packed_of(node));
}

static p4k_lpm_ref
reference(const void *node, const struct p4k_lpm_skip *skip)
{
	return (p4k_lpm_ref)node | (p4k_lpm_ref)(8 * skip->bytes) << P4K_LPM_SKIP_SHIFT;
}

p4k_lpm_ref
p4k_lpm_pack_flat(const struct p4k_lpm_view *view)
{
	struct p4k_lpm_flat *node = aligned_alloc(64, (sizeof(*node) + 63) / 64 * 64);

	if (node == NULL)
		return 0;
	node->skip = view->skip;
	for (unsigned int v = 0; v < VALUES; v++)
		node->slots[v] = (struct p4k_lpm_slot){view->children[v], view->bests[v]};
	return reference(node, &view->skip) | P4K_LPM_FLAT;
}

/* References to bests that a packed node of this view has, without the leading 0. */
static unsigned int
count_ranges(const struct p4k_lpm_view *view)
{
	const struct p4k_entry *last = NULL;
	unsigned int n = 0;

	for (unsigned int v = 0; v < VALUES; v++) {
		n += view->bests[v] != last;
		last = view->bests[v];
	}
	return n;
}

static p4k_lpm_ref
pack_bits(const struct p4k_lpm_view *view, unsigned int n_ranges)
{
	struct p4k_lpm_packed *node;
	unsigned int best = 0, child = 0;

	node = calloc(1, sizeof(*node) +
			     (1 + n_ranges + view->n_children) * sizeof(node->references[0]));
	if (node == NULL)
		return 0;
	node->skip = view->skip;
	node->n_bests = (uint16_t)(1 + n_ranges);
	node->n_children = (uint16_t)view->n_children;
	for (unsigned int v = 0; v < VALUES; v++) {
		struct p4k_lpm_bits *bits = &node->bits[v / WORD_BITS];
		uint64_t bit = (uint64_t)1 << v % WORD_BITS;

		if (v % WORD_BITS == 0) {
			node->best_rank[v / WORD_BITS] = (uint8_t)best;
			node->child_rank[v / WORD_BITS] = (uint8_t)child;
		}
		if ((uintptr_t)view->bests[v] != node->references[best]) {
			bits->bests |= bit;
			node->references[++best] = (uintptr_t)view->bests[v];
		}
		if (view->children[v] != 0) {
			bits->children |= bit;
			node->references[node->n_bests + child++] = view->children[v];
		}
	}
	return reference(node, &view->skip);
}

/* A node of the view's content; 0 without memory. */
p4k_lpm_ref
p4k_lpm_pack(struct p4k_lpm_view *view)
{
	unsigned int n_ranges = count_ranges(view);

	p4k_lpm_count(view);
	return n_ranges + view->n_children > CROWDED ? p4k_lpm_pack_flat(view)
						     : pack_bits(view, n_ranges);
}

/* Where a node keeps its child for the value, or NULL where it has none. */
p4k_lpm_ref *
p4k_lpm_child(p4k_lpm_ref node, unsigned int value)
{
	struct p4k_lpm_packed *packed = p4k_lpm_packed_of(node);
	const struct p4k_lpm_bits *bits;
	unsigned int rank;

	if (p4k_lpm_is_flat(node)) {
		struct p4k_lpm_slot *slot = &p4k_lpm_flat_of(node)->slots[value];

		return slot->child != 0 ? &slot->child : NULL;
	}
	bits = &packed->bits[value / WORD_BITS];
	if (!has_bit(bits->children, value))
		return NULL;
	rank = (unsigned int)__builtin_popcountll(bits->children &
						  (((uint64_t)1 << value % WORD_BITS) - 1));
	return &packed->references[packed->n_bests + packed->child_rank[value / WORD_BITS] + rank];
}

bool
p4k_lpm_crowded(const struct p4k_lpm_flat *node)
{
	unsigned int n = 0;

	for (unsigned int v = 0; v < VALUES; v++)
		n += (node->slots[v].child != 0) + (node->slots[v].best != NULL);
	return n > SPARSE;
}

p4k_lpm_ref
p4k_lpm_with_skip(p4k_lpm_ref node, const struct p4k_lpm_skip *skip)
{
	struct p4k_lpm_view view;

	p4k_lpm_unpack(&view, node);
	view.skip = *skip;
	return p4k_lpm_pack(&view);
}
