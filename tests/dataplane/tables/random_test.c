/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random updates and look-ups, compared with a list that is searched from end to end.
 *
 *   random_test KIND KEY_BYTES SIZE STEPS SEED
 *
 * Linked with --wrap of the allocator: every twentieth or so allocation fails where the seed is a
 * multiple of three, and a call that fails must leave the table as it was. With odd seeds keys
 * crowd where their last byte differs.
 */
#include "reference.h"

#include <errno.h>

#define DATA_BYTES 5
#define DEFAULT_ACTION 9

struct known {
	uint8_t record[MAX_RECORD];
	uint64_t order;
	uint32_t slot;
};

struct retired {
	void (*free)(void *);
	void *memory;
};

static struct p4k_table_spec spec = {
	.name = "t",
	.data_bytes = DATA_BYTES,
	.default_action = DEFAULT_ACTION,
	.default_data = (const uint8_t[DATA_BYTES]){1, 2, 3, 4, 5},
};
static struct p4k_table *table;
static struct known *known;
static uint32_t n_known;
static uint64_t inserted;
static bool *slot_held; /* by an entry, or by a deleted one that is not reclaimed */
static struct retired retired[4096];
static unsigned int n_retired;
static uint64_t seed;
static bool crowded;

static bool failing; /* allocations fail now and then */
static bool failing_at_all;
static uint64_t failures = 1;

void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static bool
fails(void)
{
	return failing && below(&failures, 20) == 0;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

static void
flush(void *owner)
{
	(void)owner;
	for (unsigned int i = 0; i < n_retired; i++)
		retired[i].free(retired[i].memory);
	n_retired = 0;
}

static void
retire(void *owner, void (*free)(void *), void *memory)
{
	if (n_retired == sizeof(retired) / sizeof(retired[0]))
		flush(owner);
	retired[n_retired++] = (struct retired){free, memory};
}

static void
slot_released(void *owner, uint32_t slot)
{
	(void)owner;
	CHECK(slot < spec.size && slot_held[slot]);
	slot_held[slot] = false;
}

/* Few values a byte, so that keys meet. */
static void
random_key(uint8_t *key)
{
	static const uint8_t values[] = {0x00, 0x01, 0x80, 0xff, 0x0a};

	for (unsigned int i = 0; i < spec.key_bytes; i++)
		key[i] =
		    below(&seed, crowded ? 16 : 4) == 0 || (crowded && i + 1u == spec.key_bytes)
			? (uint8_t)next_random(&seed)
			: values[below(&seed, i < 2 ? 2 : 5)];
}

static void
random_identity(uint8_t *record)
{
	static const uint8_t masks[] = {0x00, 0xff, 0xf0};
	unsigned int bytes = spec.key_bytes, bits;

	random_key(record);
	switch (spec.kind) {
	case P4K_EXACT:
		break;
	case P4K_LPM:
		bits = crowded && below(&seed, 4) != 0 ? 8 * bytes - below(&seed, 2)
						       : below(&seed, 8 * bytes + 1);
		cut_prefix(record, bits, bytes);
		put_be(record + bytes, 2, bits);
		break;
	case P4K_TERNARY:
		for (unsigned int i = 0; i < bytes; i++) {
			record[bytes + i] = masks[below(&seed, i < 4 ? 3 : 1)];
			record[i] &= record[bytes + i];
		}
		put_be(record + 2 * bytes, 4, below(&seed, 20));
		break;
	}
}

static void
random_record(uint8_t *record)
{
	unsigned int at = identity_size(&spec);

	if (n_known > 0 && below(&seed, 2) == 0)
		memcpy(record, known[below(&seed, n_known)].record, at);
	else
		random_identity(record);
	put_be(record + at, 2, below(&seed, 3));
	for (unsigned int i = 0; i < DATA_BYTES; i++)
		record[at + 2 + i] = (uint8_t)below(&seed, 2);
}

static struct known *
find_known(const uint8_t *record)
{
	for (uint32_t i = 0; i < n_known; i++)
		if (memcmp(known[i].record, record, identity_size(&spec)) == 0)
			return &known[i];
	return NULL;
}

static bool
covers(const uint8_t *record, const uint8_t *key)
{
	uint8_t cut[MAX_RECORD];
	unsigned int bytes = spec.key_bytes;

	memcpy(cut, key, bytes);
	if (spec.kind == P4K_LPM)
		cut_prefix(cut, get_be(record + bytes, 2), bytes);
	else if (spec.kind == P4K_TERNARY)
		for (unsigned int i = 0; i < bytes; i++)
			cut[i] &= record[bytes + i];
	return memcmp(cut, record, bytes) == 0;
}

static bool
better(const struct known *a, const struct known *b)
{
	unsigned int at = spec.kind == P4K_LPM ? spec.key_bytes : 2u * spec.key_bytes;
	unsigned int bytes = spec.kind == P4K_LPM ? 2 : spec.kind == P4K_TERNARY ? 4 : 0;
	uint32_t left = get_be(a->record + at, bytes), right = get_be(b->record + at, bytes);

	return left != right ? left > right : a->order < b->order;
}

static void
check_look_up(void)
{
	uint8_t *key = malloc(spec.key_bytes);
	const struct known *want = NULL;
	const struct p4k_entry *got;

	random_key(key);
	if (n_known > 0 && below(&seed, 2) == 0)
		memcpy(key, known[below(&seed, n_known)].record, spec.key_bytes);
	for (uint32_t i = 0; i < n_known; i++)
		if (covers(known[i].record, key) && (want == NULL || better(&known[i], want)))
			want = &known[i];
	got = look_up(table, &spec, key);
	CHECK((got == NULL) == (want == NULL));
	if (want != NULL) {
		const uint8_t *action = want->record + identity_size(&spec);

		CHECK(got->slot == want->slot);
		CHECK(got->action == get_be(action, 2));
		CHECK(memcmp(got->data, action + 2, DATA_BYTES) == 0);
	}
	free(key);
}

static void
expect_insert(const uint8_t *record, int ret)
{
	if (n_known == spec.size) {
		CHECK(ret == -ENOSPC);
		return;
	}
	CHECK(ret == 0);
	memcpy(known[n_known].record, record, MAX_RECORD);
	known[n_known].order = inserted++;
	known[n_known].slot = p4k_table_find(table, record)->slot;
	CHECK(!slot_held[known[n_known].slot]);
	slot_held[known[n_known].slot] = true;
	n_known++;
}

static int
update(uint32_t choice, const uint8_t *record)
{
	if (choice < 3)
		return p4k_table_insert(table, record);
	if (choice < 4)
		return p4k_table_upsert(table, record);
	if (choice < 5)
		return p4k_table_modify(table, record);
	return p4k_table_delete(table, record);
}

static void
step(uint32_t choice)
{
	uint8_t record[MAX_RECORD] = {0};
	struct known *old;
	int ret;

	random_record(record);
	old = find_known(record);
	failing = failing_at_all;
	ret = update(choice, record);
	failing = false;
	if (ret == -ENOMEM) {
		CHECK(failing_at_all);
		return;
	}
	if (choice < 3) {
		if (old != NULL)
			CHECK(ret == -EEXIST);
		else
			expect_insert(record, ret);
	} else if (choice < 4) {
		if (old != NULL) {
			CHECK(ret == 0);
			memcpy(old->record, record, MAX_RECORD);
		} else {
			expect_insert(record, ret);
		}
	} else if (choice < 5) {
		CHECK(ret == (old != NULL ? 0 : -ENOENT));
		if (old != NULL)
			memcpy(old->record, record, MAX_RECORD);
	} else {
		CHECK(ret == (old != NULL ? 0 : -ENOENT));
		if (old != NULL)
			*old = known[--n_known];
	}
}

static void
check_all(void)
{
	const struct p4k_entry *entry;
	uint32_t cursor = 0, n = 0;

	CHECK(p4k_table_count(table) == n_known);
	while ((entry = p4k_table_next(table, &cursor)) != NULL) {
		uint8_t record[MAX_RECORD] = {0};
		const struct known *same;

		p4k_table_record(table, entry, record);
		same = find_known(record);
		CHECK(same != NULL && memcmp(same->record, record, p4k_record_bytes(&spec)) == 0);
		CHECK(same->slot == entry->slot);
		n++;
	}
	CHECK(n == n_known);
	for (uint32_t i = 0; i < n_known; i++)
		CHECK(p4k_table_find(table, known[i].record)->slot == known[i].slot);
}

static void
check_refusals(void)
{
	uint8_t record[MAX_RECORD] = {0};

	if (spec.kind == P4K_EXACT)
		return;
	record[0] = 1;
	if (spec.kind == P4K_LPM)
		put_be(record + spec.key_bytes, 2, 7);
	CHECK(p4k_table_insert(table, record) == -EINVAL);
	record[0] = 0;
	if (spec.kind == P4K_LPM) {
		put_be(record + spec.key_bytes, 2, 8u * spec.key_bytes + 1);
		CHECK(p4k_table_insert(table, record) == -EINVAL);
	}
}

static void
check_default(void)
{
	static const uint8_t other[DATA_BYTES] = {7};

	CHECK(p4k_default(table)->action == DEFAULT_ACTION &&
	      p4k_default(table)->slot == spec.size);
	CHECK(p4k_default(table)->data[4] == 5);
	CHECK(p4k_table_set_default(table, 3, other) == 0);
	CHECK(p4k_default(table)->action == 3 && p4k_default(table)->data[0] == 7);
	CHECK(p4k_table_set_default(table, 0, NULL) == 0);
	CHECK(p4k_default(table)->action == DEFAULT_ACTION && p4k_default(table)->data[4] == 5);
}

/* What a program brings along: const entries; and what is wrong with it, or no memory for it. */
static void
check_const_entries(void)
{
	const struct p4k_reclaimer reclaimer = {retire, flush, NULL, NULL};
	size_t bytes = p4k_record_bytes(&spec);
	uint8_t *records = malloc((n_known + 1) * bytes);
	struct p4k_table_spec program = spec;
	struct p4k_table *filled = NULL;
	int ret;

	for (uint32_t i = 0; i < n_known; i++)
		memcpy(records + i * bytes, known[i].record, bytes);
	program.const_entries = records;
	program.n_const_entries = n_known;
	CHECK(p4k_table_create(&program, &reclaimer, &filled) == 0);
	CHECK(p4k_table_count(filled) == n_known);
	for (uint32_t i = 0; i < n_known; i++)
		CHECK(p4k_table_find(filled, known[i].record)->slot == i);
	p4k_table_destroy(filled);

	memcpy(records + n_known * bytes, records, bytes);
	program.n_const_entries = n_known + 1;
	program.size = n_known + 1;
	CHECK(n_known == 0 || p4k_table_create(&program, &reclaimer, &filled) == -EEXIST);

	program.n_const_entries = n_known < 3 ? n_known : 3;
	do {
		failing = true;
		ret = p4k_table_create(&program, &reclaimer, &filled);
		failing = false;
		CHECK(ret == 0 || ret == -ENOMEM);
	} while (ret != 0);
	p4k_table_destroy(filled);
	free(records);
}

/* A table without a key has nothing but its default. */
static void
check_keyless(void)
{
	const struct p4k_table_spec keyless = {
		.kind = P4K_EXACT,
		.data_bytes = DATA_BYTES,
		.default_action = DEFAULT_ACTION,
		.default_data = spec.default_data,
	};
	const struct p4k_reclaimer reclaimer = {retire, flush, NULL, NULL};
	const uint8_t record[MAX_RECORD] = {0};
	struct p4k_table *only = NULL;

	CHECK(p4k_table_create(&keyless, &reclaimer, &only) == 0);
	CHECK(p4k_default(only)->action == DEFAULT_ACTION && p4k_default(only)->slot == 0);
	CHECK(p4k_table_insert(only, record) == -ENOSPC);
	p4k_table_destroy(only);
	p4k_table_destroy(NULL);
}

int
main(int argc, char **argv)
{
	const struct p4k_reclaimer reclaimer = {retire, flush, slot_released, NULL};
	uint32_t steps;

	CHECK(argc == 6);
	spec.kind = kind_named(argv[1]);
	spec.key_bytes = (uint16_t)atoi(argv[2]);
	spec.size = (uint32_t)atoi(argv[3]);
	steps = (uint32_t)atoi(argv[4]);
	seed = 0x9e3779b97f4a7c15ull * (uint64_t)(atoi(argv[5]) + 1);
	crowded = atoi(argv[5]) % 2 == 1;
	failing_at_all = atoi(argv[5]) % 3 == 0;
	known = calloc(spec.size, sizeof(*known));
	slot_held = calloc(spec.size, sizeof(*slot_held));
	CHECK(p4k_table_create(&spec, &reclaimer, &table) == 0);
	check_default();
	check_refusals();
	for (uint32_t i = 0; i < steps; i++) {
		/* Alternately filling and emptying. */
		step(i / (2 * spec.size) % 2 == 0 ? below(&seed, 7) : 2 + below(&seed, 12));
		check_look_up();
		check_look_up();
		if (below(&seed, 50) == 0)
			flush(NULL);
		if (i % 256 == 0)
			check_all();
	}
	check_all();
	check_const_entries();
	check_keyless();
	p4k_table_destroy(table);
	free(known);
	free(slot_held);
	return 0;
}
