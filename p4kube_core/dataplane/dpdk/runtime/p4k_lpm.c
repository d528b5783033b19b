/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's side of the trie. */
#include "p4k_lpm_trie.h"

#include <errno.h>
#include <string.h>

/* Puts a prefix into the values it covers, unless a longer one of this byte is there. */
static void
cover(struct p4k_entry **best, struct p4k_entry *entry)
{
	if (*best == NULL || (*best)->prefix_bits <= entry->prefix_bits)
		__atomic_store_n(best, entry, __ATOMIC_RELEASE);
}

static void
cover_view(struct p4k_lpm_view *view, const uint8_t *key, struct p4k_entry *entry)
{
	struct p4k_lpm_range range = p4k_lpm_range_of(key, entry->prefix_bits);

	for (unsigned int v = range.first; v <= range.last; v++)
		cover(&view->bests[v], entry);
}

/* Frees nodes that no reader can reach. */
static void
free_below(p4k_lpm_ref node)
{
	struct p4k_lpm_view view;

	p4k_lpm_unpack(&view, node);
	for (unsigned int v = 0; v < P4K_LPM_VALUES; v++)
		if (view.children[v] != 0)
			free_below(view.children[v]);
	free(p4k_lpm_memory(node));
}

/*
 * Nodes that lead from byte `first` to the prefix's last byte and hold it there. 0 without memory.
 */
static p4k_lpm_ref
new_branch(const struct p4k_table *table, struct p4k_entry *entry, unsigned int first)
{
	const uint8_t *key = p4k_lpm_key(table, entry);
	unsigned int at = p4k_lpm_last_byte(entry->prefix_bits);
	struct p4k_lpm_view view = {0};
	p4k_lpm_ref child = 0, node;

	if (at - first > P4K_LPM_SKIP) {
		at = first + P4K_LPM_SKIP;
		child = new_branch(table, entry, at + 1);
		if (child == 0)
			return 0;
		view.children[key[at]] = child;
	} else {
		cover_view(&view, key, entry);
	}
	view.skip = p4k_lpm_skip_between(key, first, at);
	node = p4k_lpm_pack(&view);
	if (node == 0 && child != 0)
		free_below(child);
	return node;
}

/* Adds the prefix to the node in which it ends; link leads to it (NULL: the root). */
static int
add_here(const struct p4k_table *table, p4k_lpm_ref *link, p4k_lpm_ref node,
	 struct p4k_entry *entry)
{
	const uint8_t *key = p4k_lpm_key(table, entry);
	struct p4k_lpm_range range = p4k_lpm_range_of(key, entry->prefix_bits);
	struct p4k_lpm_view view;
	p4k_lpm_ref changed;

	if (p4k_lpm_is_flat(node)) {
		for (unsigned int v = range.first; v <= range.last; v++)
			cover(&p4k_lpm_flat_of(node)->slots[v].best, entry);
		return 0;
	}
	p4k_lpm_unpack(&view, node);
	cover_view(&view, key, entry);
	changed = p4k_lpm_pack(&view);
	if (changed == 0)
		return -ENOMEM;
	p4k_lpm_publish(link, changed);
	p4k_lpm_retire(table, node);
	return 0;
}

/* Adds a branch to a node that has none for this value of its byte `at`. */
static int
add_branch(const struct p4k_table *table, p4k_lpm_ref *link, p4k_lpm_ref node, unsigned int at,
	   struct p4k_entry *entry)
{
	unsigned int value = p4k_lpm_key(table, entry)[at];
	p4k_lpm_ref branch = new_branch(table, entry, at + 1);
	struct p4k_lpm_view view;
	p4k_lpm_ref changed;

	if (branch == 0)
		return -ENOMEM;
	if (p4k_lpm_is_flat(node)) {
		p4k_lpm_publish(&p4k_lpm_flat_of(node)->slots[value].child, branch);
		return 0;
	}
	p4k_lpm_unpack(&view, node);
	view.children[value] = branch;
	changed = p4k_lpm_pack(&view);
	if (changed == 0) {
		free_below(branch);
		return -ENOMEM;
	}
	p4k_lpm_publish(link, changed);
	p4k_lpm_retire(table, node);
	return 0;
}

/*
 * The way to the node at `link` parts from the prefix in the node's skipped bytes, of which the
 * first is byte `first`: puts a node before it that looks at byte `at`, where they differ or where
 * the prefix ends.
 */
static int
split(const struct p4k_table *table, p4k_lpm_ref *link, unsigned int first, unsigned int at,
      struct p4k_entry *entry)
{
	const uint8_t *key = p4k_lpm_key(table, entry);
	p4k_lpm_ref node = *link, shorter, branch = 0, before = 0;
	const struct p4k_lpm_skip *skip = p4k_lpm_skip_of(node);
	struct p4k_lpm_skip rest = p4k_lpm_skip_rest(skip, at - first + 1);
	struct p4k_lpm_view view = {.skip = p4k_lpm_skip_between(key, first, at)};

	shorter = p4k_lpm_with_skip(node, &rest);
	if (shorter == 0)
		return -ENOMEM;
	view.children[p4k_lpm_skip_byte(skip, at - first)] = shorter;
	if (at == p4k_lpm_last_byte(entry->prefix_bits)) {
		cover_view(&view, key, entry);
		before = p4k_lpm_pack(&view);
	} else {
		branch = new_branch(table, entry, at + 1);
		view.children[key[at]] = branch;
		before = branch != 0 ? p4k_lpm_pack(&view) : 0;
	}
	if (before == 0) {
		if (branch != 0)
			free_below(branch);
		free(p4k_lpm_memory(shorter));
		return -ENOMEM;
	}
	p4k_lpm_publish(link, before);
	p4k_lpm_retire(table, node);
	return 0;
}

static int
add_prefix(const struct p4k_table *table, struct p4k_entry *entry)
{
	const uint8_t *key = p4k_lpm_key(table, entry);
	unsigned int end = p4k_lpm_last_byte(entry->prefix_bits), at = 0;
	p4k_lpm_ref *link = NULL;
	p4k_lpm_ref node = p4k_lpm_root(table);

	while (at != end) {
		p4k_lpm_ref *child = p4k_lpm_child(node, key[at]);
		unsigned int first = at + 1, parting = first, next;
		const struct p4k_lpm_skip *skip;

		if (child == NULL)
			return add_branch(table, link, node, at, entry);
		skip = p4k_lpm_skip_of(*child);
		next = first + skip->bytes;
		while (parting < next && parting < end &&
		       key[parting] == p4k_lpm_skip_byte(skip, parting - first))
			parting++;
		if (parting < next)
			return split(table, child, first, parting, entry);
		link = child;
		node = *child;
		at = next;
	}
	return add_here(table, link, node, entry);
}

static int
lpm_create(struct p4k_table *table)
{
	struct p4k_lpm_view empty = {0};

	table->hash = p4k_hash_create(0);
	table->root = p4k_lpm_flat_of(p4k_lpm_pack_flat(&empty));
	return table->hash == NULL || table->root == NULL ? -ENOMEM : 0;
}

static void
lpm_destroy(struct p4k_table *table)
{
	if (table->root != NULL)
		free_below(p4k_lpm_root(table));
	free(table->hash);
}

static struct p4k_entry *
lpm_find(const struct p4k_table *table)
{
	const struct p4k_writer *writer = table->writer;

	return (struct p4k_entry *)(uintptr_t)p4k_hash_find(table->hash, writer->identity,
							    writer->identity_words);
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
	const uint8_t *key = p4k_lpm_key(table, entry);
	unsigned int end = p4k_lpm_last_byte(entry->prefix_bits);
	p4k_lpm_ref node = p4k_lpm_root(table);

	p4k_hash_replace(table->hash, old, entry, table->writer->identity_words);
	for (unsigned int at = 0; at != end; at += 1 + p4k_lpm_skip_of(node)->bytes)
		node = *p4k_lpm_child(node, key[at]);
	if (p4k_lpm_is_flat(node)) {
		struct p4k_lpm_range range = p4k_lpm_range_of(key, entry->prefix_bits);

		for (unsigned int v = range.first; v <= range.last; v++)
			if (p4k_lpm_flat_of(node)->slots[v].best == old)
				__atomic_store_n(&p4k_lpm_flat_of(node)->slots[v].best, entry,
						 __ATOMIC_RELEASE);
		return;
	}
	for (unsigned int i = 1; i < p4k_lpm_packed_of(node)->n_bests; i++)
		if (p4k_lpm_packed_of(node)->references[i] == (uintptr_t)old)
			__atomic_store_n(&p4k_lpm_packed_of(node)->references[i], (uintptr_t)entry,
					 __ATOMIC_RELEASE);
}

const struct p4k_keeper p4k_lpm_keeper = {
	.create = lpm_create,
	.destroy = lpm_destroy,
	.find = lpm_find,
	.add = lpm_add,
	.replace = lpm_replace,
	.remove = p4k_lpm_remove,
};
