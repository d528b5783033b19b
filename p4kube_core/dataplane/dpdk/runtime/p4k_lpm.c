/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's side of the trie. A node is unpacked into a view, changed there and packed again. */
#include "p4k_lpm.h"
#include "p4k_writer.h"

#include <errno.h>
#include <string.h>

#define VALUES 256
#define WORD_BITS 64
/* References from which on a node is made flat: it then takes at most three times the memory. */
#define CROWDED 128
/* Below this a flat node that loses a prefix is packed again. */
#define SPARSE 64

/* A node spread out; `at`, the byte it looks at, is not kept in nodes: it follows from the way to it. */
struct view {
	struct p4k_lpm_skip skip;
	unsigned int n_children;
	unsigned int n_bests; /* values with a best prefix in this node */
	p4k_lpm_ref children[VALUES];
	struct p4k_entry *bests[VALUES];
};

struct range {
	unsigned int first;
	unsigned int last;
};

static bool
is_flat(p4k_lpm_ref node)
{
	return (node & P4K_LPM_FLAT) != 0;
}

static void *
memory_of(p4k_lpm_ref node)
{
	return (void *)(node & ~(p4k_lpm_ref)P4K_LPM_FLAT);
}

static struct p4k_lpm_flat *
flat_of(p4k_lpm_ref node)
{
	return memory_of(node);
}

static struct p4k_lpm_packed *
packed_of(p4k_lpm_ref node)
{
	return memory_of(node);
}

static p4k_lpm_ref
root_of(const struct p4k_table *table)
{
	return (p4k_lpm_ref)table->root | P4K_LPM_FLAT;
}

static const struct p4k_lpm_skip *
skip_of(p4k_lpm_ref node)
{
	return memory_of(node);
}

/* The byte in which a prefix ends, and so its node. */
static unsigned int
last_byte(unsigned int prefix_bits)
{
	return prefix_bits == 0 ? 0 : (prefix_bits - 1) / 8;
}

/* The values of its last byte that a prefix covers. */
static struct range
range_of(const uint8_t *key, unsigned int prefix_bits)
{
	unsigned int at = last_byte(prefix_bits);
	unsigned int wild_bits = 8 * (at + 1) - prefix_bits;

	return (struct range){key[at], key[at] + (1u << wild_bits) - 1};
}

static const uint8_t *
key_of(const struct p4k_table *table, const struct p4k_entry *entry)
{
	return (const uint8_t *)p4k_entry_identity(table, entry);
}

/* The key's bytes first..end-1, at most P4K_LPM_SKIP. */
static struct p4k_lpm_skip
skip_between(const uint8_t *key, unsigned int first, unsigned int end)
{
	struct p4k_lpm_skip skip = {.bytes = end - first};

	for (unsigned int i = 0; i < P4K_LPM_SKIP; i++) {
		skip.prefix = skip.prefix << 8 | (first + i < end ? key[first + i] : 0);
		skip.mask = skip.mask << 8 | (first + i < end ? 0xff : 0);
	}
	return skip;
}

static uint8_t
skip_byte(const struct p4k_lpm_skip *skip, unsigned int index)
{
	return (uint8_t)(skip->prefix >> 8 * (P4K_LPM_SKIP - 1 - index));
}

/* Without the first `bytes`; shifts of a whole word would be undefined. */
static struct p4k_lpm_skip
skip_rest(const struct p4k_lpm_skip *skip, unsigned int bytes)
{
	struct p4k_lpm_skip rest = {.bytes = skip->bytes - bytes};

	if (rest.bytes != 0) {
		rest.prefix = skip->prefix << 8 * bytes;
		rest.mask = skip->mask << 8 * bytes;
	}
	return rest;
}

/* a, then the byte, then b; together at most P4K_LPM_SKIP. */
static struct p4k_lpm_skip
skip_join(const struct p4k_lpm_skip *a, unsigned int byte, const struct p4k_lpm_skip *b)
{
	uint8_t bytes[P4K_LPM_SKIP];
	unsigned int n = 0;

	for (unsigned int i = 0; i < a->bytes; i++)
		bytes[n++] = skip_byte(a, i);
	bytes[n++] = (uint8_t)byte;
	for (unsigned int i = 0; i < b->bytes; i++)
		bytes[n++] = skip_byte(b, i);
	return skip_between(bytes, 0, n);
}

static bool
has_bit(uint64_t bits, unsigned int value)
{
	return (bits >> value % WORD_BITS & 1) != 0;
}

static void
view_flat(struct view *view, const struct p4k_lpm_flat *node)
{
	for (unsigned int v = 0; v < VALUES; v++) {
		view->children[v] = node->slots[v].child;
		view->bests[v] = node->slots[v].best;
	}
}

static void
view_packed(struct view *view, const struct p4k_lpm_packed *node)
{
	const uintptr_t *best = node->references;
	const uintptr_t *child = node->references + node->n_bests;

	for (unsigned int v = 0; v < VALUES; v++) {
		const struct p4k_lpm_bits *bits = &node->bits[v / WORD_BITS];

		best += has_bit(bits->bests, v);
		view->bests[v] = (struct p4k_entry *)*best;
		view->children[v] = has_bit(bits->children, v) ? *child++ : 0;
	}
}

static void
count_view(struct view *view)
{
	view->n_children = 0;
	view->n_bests = 0;
	for (unsigned int v = 0; v < VALUES; v++) {
		view->n_children += view->children[v] != 0;
		view->n_bests += view->bests[v] != NULL;
	}
}

static void
view_node(struct view *view, p4k_lpm_ref node)
{
	view->skip = *skip_of(node);
	if (is_flat(node))
		view_flat(view, flat_of(node));
	else
		view_packed(view, packed_of(node));
}

static p4k_lpm_ref
pack_flat(const struct view *view)
{
	struct p4k_lpm_flat *node = aligned_alloc(64, (sizeof(*node) + 63) / 64 * 64);

	if (node == NULL)
		return 0;
	node->skip = view->skip;
	for (unsigned int v = 0; v < VALUES; v++)
		node->slots[v] = (struct p4k_lpm_slot){view->children[v], view->bests[v]};
	return (p4k_lpm_ref)node | P4K_LPM_FLAT;
}

/* References to bests that a packed node of this view has, without the leading 0. */
static unsigned int
count_ranges(const struct view *view)
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
pack_bits(const struct view *view, unsigned int n_ranges)
{
	struct p4k_lpm_packed *node;
	unsigned int best = 0, child = 0;

	node = calloc(1, sizeof(*node) + (1 + n_ranges + view->n_children) * sizeof(node->references[0]));
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
	return (p4k_lpm_ref)node;
}

/* A node of the view's content; 0 without memory. */
static p4k_lpm_ref
pack(struct view *view)
{
	unsigned int n_ranges = count_ranges(view);

	count_view(view);
	return n_ranges + view->n_children > CROWDED ? pack_flat(view) : pack_bits(view, n_ranges);
}

/* Where a node keeps its child for the value, or NULL where it has none. */
static p4k_lpm_ref *
child_of(p4k_lpm_ref node, unsigned int value)
{
	struct p4k_lpm_packed *packed = packed_of(node);
	const struct p4k_lpm_bits *bits;
	unsigned int rank;

	if (is_flat(node)) {
		struct p4k_lpm_slot *slot = &flat_of(node)->slots[value];

		return slot->child != 0 ? &slot->child : NULL;
	}
	bits = &packed->bits[value / WORD_BITS];
	if (!has_bit(bits->children, value))
		return NULL;
	rank = (unsigned int)__builtin_popcountll(bits->children & (((uint64_t)1 << value % WORD_BITS) - 1));
	return &packed->references[packed->n_bests + packed->child_rank[value / WORD_BITS] + rank];
}

static void
publish(p4k_lpm_ref *link, p4k_lpm_ref node)
{
	__atomic_store_n(link, node, __ATOMIC_RELEASE);
}

static void
retire_node(const struct p4k_table *table, p4k_lpm_ref node)
{
	p4k_retire(table, memory_of(node));
}

/* Puts a prefix into the values it covers, unless a longer one of this byte is there. */
static void
cover(struct p4k_entry **best, struct p4k_entry *entry)
{
	if (*best == NULL || (*best)->prefix_bits <= entry->prefix_bits)
		__atomic_store_n(best, entry, __ATOMIC_RELEASE);
}

/* Nodes that lead from byte `first` to the prefix's last byte and hold it there. 0 without memory. */
static p4k_lpm_ref
new_branch(const struct p4k_table *table, struct p4k_entry *entry, unsigned int first)
{
	const uint8_t *key = key_of(table, entry);
	unsigned int at = last_byte(entry->prefix_bits);
	struct view view = {0};
	p4k_lpm_ref child = 0, node;

	if (at - first > P4K_LPM_SKIP) {
		at = first + P4K_LPM_SKIP;
		child = new_branch(table, entry, at + 1);
		if (child == 0)
			return 0;
		view.children[key[at]] = child;
	} else {
		struct range range = range_of(key, entry->prefix_bits);

		for (unsigned int v = range.first; v <= range.last; v++)
			view.bests[v] = entry;
	}
	view.skip = skip_between(key, first, at);
	node = pack(&view);
	while (node == 0 && child != 0) {
		p4k_lpm_ref below = packed_of(child)->n_children != 0
					    ? packed_of(child)->references[packed_of(child)->n_bests]
					    : 0;

		free(memory_of(child));
		child = below;
	}
	return node;
}

/* Adds the prefix to the node in which it ends; link leads to it (NULL: the root). */
static int
add_here(const struct p4k_table *table, p4k_lpm_ref *link, p4k_lpm_ref node, struct p4k_entry *entry)
{
	struct range range = range_of(key_of(table, entry), entry->prefix_bits);
	struct view view;
	p4k_lpm_ref changed;

	if (is_flat(node)) {
		for (unsigned int v = range.first; v <= range.last; v++)
			cover(&flat_of(node)->slots[v].best, entry);
		return 0;
	}
	view_node(&view, node);
	for (unsigned int v = range.first; v <= range.last; v++)
		cover(&view.bests[v], entry);
	changed = pack(&view);
	if (changed == 0)
		return -ENOMEM;
	publish(link, changed);
	retire_node(table, node);
	return 0;
}

/* Adds a branch to a node that has none for this value of its byte `at`. */
static int
add_branch(const struct p4k_table *table, p4k_lpm_ref *link, p4k_lpm_ref node, unsigned int at,
	   struct p4k_entry *entry)
{
	unsigned int value = key_of(table, entry)[at];
	p4k_lpm_ref branch = new_branch(table, entry, at + 1);
	struct view view;
	p4k_lpm_ref changed;

	if (branch == 0)
		return -ENOMEM;
	if (is_flat(node)) {
		publish(&flat_of(node)->slots[value].child, branch);
		return 0;
	}
	view_node(&view, node);
	view.children[value] = branch;
	changed = pack(&view);
	if (changed == 0) {
		/* Only in want of memory: the branch is lost rather than walked. */
		free(memory_of(branch));
		return -ENOMEM;
	}
	publish(link, changed);
	retire_node(table, node);
	return 0;
}

/* A copy of the node that skips something else. 0 without memory. */
static p4k_lpm_ref
with_skip(p4k_lpm_ref node, const struct p4k_lpm_skip *skip)
{
	struct view view;

	view_node(&view, node);
	view.skip = *skip;
	return pack(&view);
}

/*
 * The way to the node at `link` parts from the prefix in the node's skipped bytes, of which the first is byte `first`: puts a
 * node before it that looks at byte `at`, where they differ or where the prefix ends.
 */
static int
split(const struct p4k_table *table, p4k_lpm_ref *link, unsigned int first, unsigned int at, struct p4k_entry *entry)
{
	const uint8_t *key = key_of(table, entry);
	p4k_lpm_ref node = *link, shorter, branch = 0, before = 0;
	const struct p4k_lpm_skip *skip = skip_of(node);
	struct p4k_lpm_skip rest = skip_rest(skip, at - first + 1);
	struct view view = {.skip = skip_between(key, first, at)};

	shorter = with_skip(node, &rest);
	if (shorter == 0)
		return -ENOMEM;
	view.children[skip_byte(skip, at - first)] = shorter;
	if (at == last_byte(entry->prefix_bits)) {
		struct range range = range_of(key, entry->prefix_bits);

		for (unsigned int v = range.first; v <= range.last; v++)
			view.bests[v] = entry;
		before = pack(&view);
	} else {
		branch = new_branch(table, entry, at + 1);
		view.children[key[at]] = branch;
		before = branch != 0 ? pack(&view) : 0;
	}
	if (before == 0) {
		free(memory_of(branch));
		free(memory_of(shorter));
		return -ENOMEM;
	}
	publish(link, before);
	retire_node(table, node);
	return 0;
}

static int
add_prefix(const struct p4k_table *table, struct p4k_entry *entry)
{
	const uint8_t *key = key_of(table, entry);
	unsigned int end = last_byte(entry->prefix_bits), at = 0;
	p4k_lpm_ref *link = NULL;
	p4k_lpm_ref node = root_of(table);

	while (at != end) {
		p4k_lpm_ref *child = child_of(node, key[at]);
		unsigned int first = at + 1, parting = first, next;
		const struct p4k_lpm_skip *skip;

		if (child == NULL)
			return add_branch(table, link, node, at, entry);
		skip = skip_of(*child);
		next = first + skip->bytes;
		while (parting < next && parting < end && key[parting] == skip_byte(skip, parting - first))
			parting++;
		if (parting < next)
			return split(table, child, first, parting, entry);
		link = child;
		node = *child;
		at = next;
	}
	return add_here(table, link, node, entry);
}

/* The longest of the prefixes shorter than the entry's that end in the same byte and contain it, or NULL. */
static struct p4k_entry *
next_shorter(const struct p4k_table *table, const struct p4k_entry *entry)
{
	unsigned int words = table->writer->words;
	unsigned int at = last_byte(entry->prefix_bits);
	unsigned int shortest = at == 0 ? 0 : 8 * at + 1;
	uint64_t identity[words + 1];
	uint8_t *key = (uint8_t *)identity;

	memcpy(identity, p4k_entry_identity(table, entry), sizeof(identity));
	for (unsigned int bits = entry->prefix_bits; bits-- > shortest;) {
		const struct p4k_entry *found;

		key[at] &= (uint8_t)(0xff << (8 * (at + 1) - bits));
		identity[words] = bits;
		found = p4k_hash_find(table->hash, identity, words + 1);
		if (found != NULL)
			return (struct p4k_entry *)(uintptr_t)found;
	}
	return NULL;
}

static void
doom(const struct p4k_table *table, p4k_lpm_ref node)
{
	table->writer->doomed[table->writer->n_doomed++] = node;
}

/*
 * What is to stand in for a node whose content is now the view: nothing (*out is 0), its only child, or itself packed anew.
 * Dooms the node.
 */
static int
settle(const struct p4k_table *table, p4k_lpm_ref node, struct view *view, p4k_lpm_ref *out)
{
	count_view(view);
	doom(table, node);
	*out = 0;
	if (view->n_bests == 0 && view->n_children == 0)
		return 0;
	if (view->n_bests == 0 && view->n_children == 1) {
		unsigned int value = 0;
		const struct p4k_lpm_skip *skip;

		while (view->children[value] == 0)
			value++;
		skip = skip_of(view->children[value]);
		if (view->skip.bytes + 1 + skip->bytes <= P4K_LPM_SKIP) {
			struct p4k_lpm_skip joined = skip_join(&view->skip, value, skip);

			*out = with_skip(view->children[value], &joined);
			doom(table, view->children[value]);
			return *out == 0 ? -ENOMEM : 0;
		}
	}
	*out = pack(view);
	return *out == 0 ? -ENOMEM : 0;
}

static unsigned int
count_flat(const struct p4k_lpm_flat *node)
{
	unsigned int n = 0;

	for (unsigned int v = 0; v < VALUES; v++)
		n += (node->slots[v].child != 0) + (node->slots[v].best != NULL);
	return n;
}

/* Nodes that are changed in place: the root, and flat ones that stay crowded. */
static bool
in_place(const struct p4k_table *table, p4k_lpm_ref node)
{
	return node == root_of(table) || (is_flat(node) && count_flat(flat_of(node)) > SPARSE);
}

/* Takes the prefix out of the node in which it ends; *out as for remove_below(). */
static int
remove_here(const struct p4k_table *table, p4k_lpm_ref node, struct p4k_entry *entry, p4k_lpm_ref *out)
{
	struct range range = range_of(key_of(table, entry), entry->prefix_bits);
	struct p4k_entry *shorter = next_shorter(table, entry);
	struct view view;

	if (in_place(table, node)) {
		for (unsigned int v = range.first; v <= range.last; v++)
			if (flat_of(node)->slots[v].best == entry)
				__atomic_store_n(&flat_of(node)->slots[v].best, shorter, __ATOMIC_RELEASE);
		*out = node;
		return 0;
	}
	view_node(&view, node);
	for (unsigned int v = range.first; v <= range.last; v++)
		if (view.bests[v] == entry)
			view.bests[v] = shorter;
	return settle(table, node, &view, out);
}

/*
 * Takes the prefix out of the nodes from this one on, which looks at byte `at`. *out: the node if it remains, what is to
 * stand in its place, or 0. Nodes that are to go are doomed, and freed only when the last change is published.
 */
static int
remove_below(const struct p4k_table *table, p4k_lpm_ref node, unsigned int at, struct p4k_entry *entry,
	     p4k_lpm_ref *out)
{
	unsigned int value = key_of(table, entry)[at];
	p4k_lpm_ref *link, changed;
	struct view view;
	int ret;

	if (at == last_byte(entry->prefix_bits))
		return remove_here(table, node, entry, out);
	link = child_of(node, value);
	ret = remove_below(table, *link, at + 1 + skip_of(*link)->bytes, entry, &changed);
	if (ret < 0)
		return ret;
	*out = node;
	if (changed != 0 || in_place(table, node)) {
		if (changed != *link)
			publish(link, changed);
		return 0;
	}
	view_node(&view, node);
	view.children[value] = 0;
	return settle(table, node, &view, out);
}

static int
lpm_create(struct p4k_table *table)
{
	struct view empty = {0};

	table->hash = p4k_hash_create(0);
	table->root = flat_of(pack_flat(&empty));
	return table->hash == NULL || table->root == NULL ? -ENOMEM : 0;
}

static void
free_below(p4k_lpm_ref node)
{
	struct view view;

	view_node(&view, node);
	for (unsigned int v = 0; v < VALUES; v++)
		if (view.children[v] != 0)
			free_below(view.children[v]);
	free(memory_of(node));
}

static void
lpm_destroy(struct p4k_table *table)
{
	if (table->root != NULL)
		free_below(root_of(table));
	free(table->hash);
}

static struct p4k_entry *
lpm_find(const struct p4k_table *table)
{
	const struct p4k_writer *writer = table->writer;

	return (struct p4k_entry *)(uintptr_t)p4k_hash_find(table->hash, writer->identity, writer->identity_words);
}

static int
lpm_add(struct p4k_table *table, struct p4k_entry *entry)
{
	int ret = p4k_index_add(table, entry);

	if (ret < 0)
		return ret;
	ret = add_prefix(table, entry);
	if (ret < 0)
		p4k_index_remove(table, entry);
	return ret;
}

static void
lpm_replace(struct p4k_table *table, struct p4k_entry *old, struct p4k_entry *entry)
{
	const uint8_t *key = key_of(table, entry);
	unsigned int end = last_byte(entry->prefix_bits);
	p4k_lpm_ref node = root_of(table);

	p4k_hash_replace(table->hash, old, entry, table->writer->identity_words);
	for (unsigned int at = 0; at != end; at += 1 + skip_of(node)->bytes)
		node = *child_of(node, key[at]);
	if (is_flat(node)) {
		struct range range = range_of(key, entry->prefix_bits);

		for (unsigned int v = range.first; v <= range.last; v++)
			if (flat_of(node)->slots[v].best == old)
				__atomic_store_n(&flat_of(node)->slots[v].best, entry, __ATOMIC_RELEASE);
		return;
	}
	for (unsigned int i = 1; i < packed_of(node)->n_bests; i++)
		if (packed_of(node)->references[i] == (uintptr_t)old)
			__atomic_store_n(&packed_of(node)->references[i], (uintptr_t)entry, __ATOMIC_RELEASE);
}

static int
lpm_remove(struct p4k_table *table, struct p4k_entry *entry)
{
	struct p4k_writer *writer = table->writer;
	p4k_lpm_ref root;
	int ret;

	writer->n_doomed = 0;
	ret = remove_below(table, root_of(table), 0, entry, &root);
	if (ret < 0)
		return ret;
	for (unsigned int i = 0; i < writer->n_doomed; i++)
		retire_node(table, writer->doomed[i]);
	p4k_index_remove(table, entry);
	return 0;
}

const struct p4k_keeper p4k_lpm_keeper = {
	.create = lpm_create,
	.destroy = lpm_destroy,
	.find = lpm_find,
	.add = lpm_add,
	.replace = lpm_replace,
	.remove = lpm_remove,
};
