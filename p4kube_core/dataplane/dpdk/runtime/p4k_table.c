/* SPDX-License-Identifier: Apache-2.0 */
/* Records, slots and defaults: what all kinds of tables have in common on the writer's side. */
#include "p4k_table.h"
#include "p4k_writer.h"

#include <errno.h>
#include <string.h>

static const struct p4k_keeper *
keeper_of(const struct p4k_table *table)
{
	switch (table->writer->spec->kind) {
	case P4K_EXACT:
		return &p4k_exact_keeper;
	case P4K_LPM:
		return &p4k_lpm_keeper;
	case P4K_TERNARY:
		return table->writer->spec->n_ranges > 0 ? &p4k_range_keeper : &p4k_ternary_keeper;
	}
	return NULL;
}

static uint32_t
load_be(const uint8_t *bytes, unsigned int n)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

static void
store_be(uint8_t *bytes, unsigned int n, uint32_t value)
{
	for (; n > 0; value >>= 8)
		bytes[--n] = (uint8_t)value;
}

/* Bytes of a record that say which entry it is; the action comes after. */
static size_t
identity_bytes(const struct p4k_table_spec *spec)
{
	switch (spec->kind) {
	case P4K_EXACT:
		return spec->key_bytes;
	case P4K_LPM:
		return spec->key_bytes + sizeof(uint16_t);
	case P4K_TERNARY:
		return 2 * (size_t)spec->key_bytes + sizeof(uint32_t);
	}
	return 0;
}

size_t
p4k_record_bytes(const struct p4k_table_spec *spec)
{
	return identity_bytes(spec) + sizeof(uint16_t) + spec->data_bytes;
}

static bool
outside_prefix(const uint8_t *key, unsigned int prefix_bits, unsigned int bytes)
{
	for (unsigned int i = prefix_bits / 8; i < bytes; i++)
		if (i > prefix_bits / 8 ? key[i] : key[i] & 0xff >> prefix_bits % 8)
			return true;
	return false;
}

/* Takes the record's identity into the writer's hands; -EINVAL. */
static int
take_identity(const struct p4k_table *table, const uint8_t *record)
{
	struct p4k_writer *writer = table->writer;
	unsigned int bytes = writer->spec->key_bytes;
	uint64_t *identity = writer->identity, *key = identity + writer->identity_words - writer->words;

	writer->priority = 0;
	writer->prefix_bits = 0;
	memset(identity, 0, writer->identity_words * sizeof(*identity));
	switch (writer->spec->kind) {
	case P4K_EXACT:
		memcpy(identity, record, bytes);
		return 0;
	case P4K_LPM:
		writer->prefix_bits = (uint16_t)load_be(record + bytes, sizeof(uint16_t));
		if (writer->prefix_bits > bytes * 8 ||
		    outside_prefix(record, writer->prefix_bits, bytes))
			return -EINVAL;
		memcpy(identity, record, bytes);
		identity[writer->words] = writer->prefix_bits;
		return 0;
	case P4K_TERNARY:
		if (!p4k_ternary_valid(writer->spec, record))
			return -EINVAL;
		writer->priority = load_be(record + 2 * bytes, sizeof(uint32_t));
		if (writer->spec->n_ranges > 0)
			identity[0] = writer->priority; /* without, it is the mask's */
		memcpy(key, record, bytes);
		memcpy(key - writer->words, record + bytes, bytes);
		return 0;
	}
	return -EINVAL;
}

static uint64_t *
block_of(const struct p4k_table *table, const struct p4k_entry *entry)
{
	return (uint64_t *)(uintptr_t)p4k_entry_key(entry, table->writer->front_words);
}

static struct p4k_entry *
entry_new(struct p4k_table *table, uint32_t slot, uint16_t action, const uint8_t *data)
{
	const struct p4k_writer *writer = table->writer;
	size_t front = writer->front_words * sizeof(uint64_t);
	uint64_t *block =
	    calloc(1, front + sizeof(struct p4k_entry) + writer->spec->data_bytes + P4K_DATA_SLACK);
	struct p4k_entry *entry;

	if (block == NULL)
		return NULL;
	entry = (struct p4k_entry *)(void *)(block + writer->front_words);
	block[0] = (uintptr_t)table;
	entry->slot = slot;
	entry->action = action;
	if (data != NULL)
		memcpy(entry->data, data, writer->spec->data_bytes);
	return entry;
}

/* A new entry from the record, whose identity has been taken. */
static struct p4k_entry *
entry_from_record(struct p4k_table *table, uint32_t slot, const uint8_t *record)
{
	const struct p4k_writer *writer = table->writer;
	const uint8_t *action = record + identity_bytes(writer->spec);
	struct p4k_entry *entry = entry_new(
	    table, slot, (uint16_t)load_be(action, sizeof(uint16_t)), action + sizeof(uint16_t));

	if (entry == NULL)
		return NULL;
	entry->priority = writer->priority;
	entry->prefix_bits = writer->prefix_bits;
	memcpy((uint64_t *)(void *)entry - writer->identity_words, writer->identity,
	       writer->identity_words * sizeof(uint64_t));
	return entry;
}

static int
grow_slots(struct p4k_writer *writer)
{
	uint32_t room = writer->slots_room != 0 ? writer->slots_room * 2 : 8;
	uintptr_t *slots = realloc(writer->slots, room * sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	writer->slots = slots;
	writer->slots_room = room;
	return 0;
}

static void
give_slot(struct p4k_writer *writer, uint32_t slot)
{
	writer->slots[slot] = (uintptr_t)writer->free_slot << 1 | 1;
	writer->free_slot = slot;
}

static int
take_slot(struct p4k_writer *writer, uint32_t *slot)
{
	const struct p4k_reclaimer *reclaimer = &writer->reclaimer;

	if (writer->count >= writer->spec->size)
		return -ENOSPC;
	/* All that is free may be waiting for readers of deleted entries. */
	if (writer->free_slot == P4K_NO_SLOT && writer->n_slots == writer->spec->size &&
	    reclaimer->flush != NULL)
		reclaimer->flush(reclaimer->owner);
	if (writer->free_slot != P4K_NO_SLOT) {
		*slot = writer->free_slot;
		writer->free_slot = (uint32_t)(writer->slots[*slot] >> 1);
		return 0;
	}
	if (writer->n_slots == writer->spec->size)
		return -ENOSPC;
	if (writer->n_slots == writer->slots_room && grow_slots(writer) < 0)
		return -ENOMEM;
	*slot = writer->n_slots++;
	return 0;
}

/* Reclaims a deleted entry: the last step, in which its slot comes back. */
static void
entry_free(void *memory)
{
	uint64_t *block = memory;
	const struct p4k_table *table = (const struct p4k_table *)(uintptr_t)block[0];
	struct p4k_writer *writer = table->writer;
	const struct p4k_entry *entry =
	    (const struct p4k_entry *)(const void *)(block + writer->front_words);

	if (writer->reclaimer.slot_released != NULL)
		writer->reclaimer.slot_released(writer->reclaimer.owner, entry->slot);
	give_slot(writer, entry->slot);
	free(block);
}

static int
insert_taken(struct p4k_table *table, const uint8_t *record)
{
	struct p4k_writer *writer = table->writer;
	struct p4k_entry *entry;
	uint32_t slot;
	int ret;

	ret = take_slot(writer, &slot);
	if (ret < 0)
		return ret;
	entry = entry_from_record(table, slot, record);
	ret = entry == NULL ? -ENOMEM : keeper_of(table)->add(table, entry);
	if (ret < 0) {
		if (entry != NULL)
			free(block_of(table, entry));
		give_slot(writer, slot);
		return ret;
	}
	writer->slots[slot] = (uintptr_t)entry;
	writer->count++;
	return 0;
}

static int
modify_taken(struct p4k_table *table, struct p4k_entry *old, const uint8_t *record)
{
	struct p4k_entry *entry = entry_from_record(table, old->slot, record);

	if (entry == NULL)
		return -ENOMEM;
	if (entry->action == old->action &&
	    memcmp(entry->data, old->data, table->writer->spec->data_bytes) == 0) {
		free(block_of(table, entry));
		return 0;
	}
	keeper_of(table)->replace(table, old, entry);
	table->writer->slots[old->slot] = (uintptr_t)entry;
	p4k_retire(table, block_of(table, old));
	return 0;
}

int
p4k_table_insert(struct p4k_table *table, const uint8_t *record)
{
	if (take_identity(table, record) < 0)
		return -EINVAL;
	if (keeper_of(table)->find(table) != NULL)
		return -EEXIST;
	return insert_taken(table, record);
}

/* Puts a slot that no entry has in front of the free list. */
static int
offer_slot(struct p4k_writer *writer, uint32_t slot)
{
	uint32_t at = writer->free_slot;

	while (writer->n_slots <= slot) {
		if (writer->n_slots == writer->slots_room && grow_slots(writer) < 0)
			return -ENOMEM;
		give_slot(writer, writer->n_slots++);
	}
	if (writer->free_slot == slot)
		return 0;
	while (at != P4K_NO_SLOT && (uint32_t)(writer->slots[at] >> 1) != slot)
		at = (uint32_t)(writer->slots[at] >> 1);
	if (at == P4K_NO_SLOT)
		return -EINVAL;
	writer->slots[at] = writer->slots[slot];
	give_slot(writer, slot);
	return 0;
}

int
p4k_table_restore(struct p4k_table *table, const uint8_t *record, uint32_t slot)
{
	int ret = slot < table->writer->spec->size ? offer_slot(table->writer, slot) : -EINVAL;

	return ret < 0 ? ret : p4k_table_insert(table, record);
}

int
p4k_table_modify(struct p4k_table *table, const uint8_t *record)
{
	struct p4k_entry *old;

	if (take_identity(table, record) < 0)
		return -EINVAL;
	old = keeper_of(table)->find(table);
	return old == NULL ? -ENOENT : modify_taken(table, old, record);
}

int
p4k_table_upsert(struct p4k_table *table, const uint8_t *record)
{
	struct p4k_entry *old;

	if (take_identity(table, record) < 0)
		return -EINVAL;
	old = keeper_of(table)->find(table);
	return old == NULL ? insert_taken(table, record) : modify_taken(table, old, record);
}

int
p4k_table_delete(struct p4k_table *table, const uint8_t *record)
{
	struct p4k_writer *writer = table->writer;
	struct p4k_entry *entry;
	int ret;

	if (take_identity(table, record) < 0)
		return -EINVAL;
	entry = keeper_of(table)->find(table);
	if (entry == NULL)
		return -ENOENT;
	ret = keeper_of(table)->remove(table, entry);
	if (ret < 0)
		return ret;
	/* Out of p4k_table_next()'s sight; in the free list only when it is reclaimed. */
	writer->slots[entry->slot] = 1;
	writer->count--;
	writer->reclaimer.retire(writer->reclaimer.owner, entry_free, block_of(table, entry));
	return 0;
}

int
p4k_table_set_default(struct p4k_table *table, uint16_t action, const uint8_t *data)
{
	const struct p4k_table_spec *spec = table->writer->spec;
	struct p4k_entry *old = table->miss, *entry;

	if (data == NULL) {
		action = spec->default_action;
		data = spec->default_data;
	}
	entry = entry_new(table, spec->size, action, data);
	if (entry == NULL)
		return -ENOMEM;
	__atomic_store_n(&table->miss, entry, __ATOMIC_RELEASE);
	if (old != NULL)
		p4k_retire(table, block_of(table, old));
	return 0;
}

uint32_t
p4k_table_count(const struct p4k_table *table)
{
	return table->writer->count;
}

const struct p4k_entry *
p4k_table_find(const struct p4k_table *table, const uint8_t *record)
{
	return take_identity(table, record) < 0 ? NULL : keeper_of(table)->find(table);
}

const struct p4k_entry *
p4k_table_next(const struct p4k_table *table, uint32_t *cursor)
{
	const struct p4k_writer *writer = table->writer;

	while (*cursor < writer->n_slots) {
		uintptr_t slot = writer->slots[(*cursor)++];

		if ((slot & 1) == 0)
			return (const struct p4k_entry *)slot;
	}
	return NULL;
}

void
p4k_table_record(const struct p4k_table *table, const struct p4k_entry *entry, uint8_t *record)
{
	const struct p4k_table_spec *spec = table->writer->spec;
	unsigned int words = table->writer->words;

	switch (spec->kind) {
	case P4K_EXACT:
		memcpy(record, p4k_entry_key(entry, words), spec->key_bytes);
		break;
	case P4K_LPM:
		memcpy(record, p4k_entry_identity(table, entry), spec->key_bytes);
		store_be(record + spec->key_bytes, sizeof(uint16_t), entry->prefix_bits);
		break;
	case P4K_TERNARY:
		memcpy(record, p4k_entry_key(entry, words), spec->key_bytes);
		memcpy(record + spec->key_bytes, p4k_entry_key(entry, 2 * words), spec->key_bytes);
		store_be(record + 2 * spec->key_bytes, sizeof(uint32_t), entry->priority);
		break;
	}
	record += identity_bytes(spec);
	store_be(record, sizeof(uint16_t), entry->action);
	memcpy(record + sizeof(uint16_t), entry->data, spec->data_bytes);
}

static struct p4k_writer *
writer_new(const struct p4k_table_spec *spec, const struct p4k_reclaimer *reclaimer)
{
	struct p4k_writer *writer = calloc(1, sizeof(*writer));
	unsigned int words = P4K_WORDS(spec->key_bytes);

	if (writer == NULL)
		return NULL;
	writer->spec = spec;
	writer->reclaimer = *reclaimer;
	writer->free_slot = P4K_NO_SLOT;
	writer->words = words;
	writer->identity_words = spec->kind == P4K_EXACT ? words
				 : spec->kind == P4K_LPM ? words + 1
				 : spec->n_ranges > 0	 ? 2 * words + 1
							 : 2 * words;
	writer->front_words = spec->kind == P4K_TERNARY ? 2 * words + P4K_LEAF_OWNER
							: writer->identity_words + 1;
	writer->identity = calloc(writer->identity_words + 1u, sizeof(uint64_t));
	/* A removal takes at most a node for each byte of the key, and one that merges. */
	writer->doomed = calloc(spec->key_bytes + 1u, sizeof(uintptr_t));
	if (writer->identity == NULL || writer->doomed == NULL) {
		free(writer->identity);
		free(writer->doomed);
		free(writer);
		return NULL;
	}
	return writer;
}

static int
load_const_entries(struct p4k_table *table)
{
	const struct p4k_table_spec *spec = table->writer->spec;

	for (uint32_t i = 0; i < spec->n_const_entries; i++) {
		int ret = p4k_table_insert(table, spec->const_entries + i * p4k_record_bytes(spec));

		if (ret < 0)
			return ret;
	}
	return 0;
}

int
p4k_table_create(const struct p4k_table_spec *spec, const struct p4k_reclaimer *reclaimer,
		 struct p4k_table **out)
{
	struct p4k_table *table;
	int ret = -ENOMEM;

	if (spec->kind > P4K_TERNARY || (spec->kind == P4K_LPM && spec->key_bytes == 0))
		return -EINVAL;
	table = calloc(1, sizeof(*table));
	if (table == NULL)
		return -ENOMEM;
	table->writer = writer_new(spec, reclaimer);
	if (table->writer != NULL)
		ret = keeper_of(table)->create(table);
	if (ret == 0)
		ret = p4k_table_set_default(table, 0, NULL);
	if (ret == 0)
		ret = load_const_entries(table);
	if (ret < 0) {
		p4k_table_destroy(table);
		return ret;
	}
	*out = table;
	return 0;
}

void
p4k_table_destroy(struct p4k_table *table)
{
	const struct p4k_entry *entry;
	struct p4k_writer *writer;
	uint32_t cursor = 0;

	if (table == NULL)
		return;
	writer = table->writer;
	if (writer != NULL) {
		if (writer->reclaimer.flush != NULL)
			writer->reclaimer.flush(writer->reclaimer.owner);
		keeper_of(table)->destroy(table);
		while ((entry = p4k_table_next(table, &cursor)) != NULL)
			free(block_of(table, entry));
		if (table->miss != NULL)
			free(block_of(table, table->miss));
		free(writer->slots);
		free(writer->doomed);
		free(writer->identity);
		free(writer);
	}
	free(table);
}
