/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a prefix leaves the trie: nodes without use go, and nodes with a single way on are skipped.
 */
#include "p4k_lpm_trie.h"

#include <errno.h>
#include <string.h>

/*
 * The longest of the prefixes shorter than the entry's that end in the same byte and contain it, or
 * NULL.
 */
static struct p4k_entry *
next_shorter(const struct p4k_table *table, const struct p4k_entry *entry)
{
	unsigned int words = table->writer->words;
	unsigned int at = p4k_lpm_last_byte(entry->prefix_bits);
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
 * What is to stand in for a node whose content is now the view: nothing (*out is 0), its only
 * child, or itself packed anew. Dooms the node.
 */
static int
settle(const struct p4k_table *table, p4k_lpm_ref node, struct p4k_lpm_view *view, p4k_lpm_ref *out)
{
	p4k_lpm_count(view);
	doom(table, node);
	*out = 0;
	if (view->n_bests == 0 && view->n_children == 0)
		return 0;
	if (view->n_bests == 0 && view->n_children == 1) {
		unsigned int value = 0;
		const struct p4k_lpm_skip *skip;

		while (view->children[value] == 0)
			value++;
		skip = p4k_lpm_skip_of(view->children[value]);
		if (view->skip.bytes + 1 + skip->bytes <= P4K_LPM_SKIP) {
			struct p4k_lpm_skip joined = p4k_lpm_skip_join(&view->skip, value, skip);

			*out = p4k_lpm_with_skip(view->children[value], &joined);
			doom(table, view->children[value]);
			return *out == 0 ? -ENOMEM : 0;
		}
	}
	*out = p4k_lpm_pack(view);
	return *out == 0 ? -ENOMEM : 0;
}

/* Nodes that are changed in place: the root, and flat ones that stay crowded. */
static bool
in_place(const struct p4k_table *table, p4k_lpm_ref node)
{
	return node == p4k_lpm_root(table) ||
	       (p4k_lpm_is_flat(node) && p4k_lpm_crowded(p4k_lpm_flat_of(node)));
}

/* Takes the prefix out of the node in which it ends; *out as for remove_below(). */
static int
remove_here(const struct p4k_table *table, p4k_lpm_ref node, struct p4k_entry *entry,
	    p4k_lpm_ref *out)
{
	struct p4k_lpm_range range =
	    p4k_lpm_range_of(p4k_lpm_key(table, entry), entry->prefix_bits);
	struct p4k_entry *shorter = next_shorter(table, entry);
	struct p4k_lpm_view view;

	if (in_place(table, node)) {
		for (unsigned int v = range.first; v <= range.last; v++)
			if (p4k_lpm_flat_of(node)->slots[v].best == entry)
				__atomic_store_n(&p4k_lpm_flat_of(node)->slots[v].best, shorter,
						 __ATOMIC_RELEASE);
		*out = node;
		return 0;
	}
	p4k_lpm_unpack(&view, node);
	for (unsigned int v = range.first; v <= range.last; v++)
		if (view.bests[v] == entry)
			view.bests[v] = shorter;
	return settle(table, node, &view, out);
}

/*
 * Takes the prefix out of the nodes from this one on, which looks at byte `at`. *out: the node if
 * it remains, what is to stand in its place, or 0. Nodes that are to go are doomed, and freed only
 * when the last change is published.
 */
static int
remove_below(const struct p4k_table *table, p4k_lpm_ref node, unsigned int at,
	     struct p4k_entry *entry, p4k_lpm_ref *out)
{
	unsigned int value = p4k_lpm_key(table, entry)[at];
	p4k_lpm_ref *link, changed;
	struct p4k_lpm_view view;
	int ret;

	if (at == p4k_lpm_last_byte(entry->prefix_bits))
		return remove_here(table, node, entry, out);
	link = p4k_lpm_child(node, value);
	ret = remove_below(table, *link, at + 1 + p4k_lpm_skip_of(*link)->bytes, entry, &changed);
	if (ret < 0)
		return ret;
	*out = node;
	if (changed != 0 || in_place(table, node)) {
		if (changed != *link)
			p4k_lpm_publish(link, changed);
		return 0;
	}
	p4k_lpm_unpack(&view, node);
	view.children[value] = 0;
	return settle(table, node, &view, out);
}

int
p4k_lpm_remove(struct p4k_table *table, struct p4k_entry *entry)
{
	struct p4k_writer *writer = table->writer;
	p4k_lpm_ref root;
	int ret;

	writer->n_doomed = 0;
	ret = remove_below(table, p4k_lpm_root(table), 0, entry, &root);
	if (ret < 0)
		return ret;
	for (unsigned int i = 0; i < writer->n_doomed; i++)
		p4k_lpm_retire(table, writer->doomed[i]);
	p4k_index_remove(table, entry);
	return 0;
}
