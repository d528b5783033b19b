/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random updates and look-ups, compared with a list that is searched from end to end.
 *
 *   random_test KIND KEY_BYTES SIZE STEPS SEED
 *
 * KIND `range` is ternary with range fields, whose places the bytes of the key decide.
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
/* By bytes of the key: 2, 5, 6, 18. */
static const struct p4k_range_spec alone[] = {{0, 2}}, behind_another[] = {{1, 2}, {3, 2}},
				   many[] = {{1, 1}, {2, 1}, {4, 1}}, wide[] = {{1, 16}};

static struct p4k_table *table;
static struct known *known;
static uint32_t n_known;
static uint64_t inserted;
static bool *slot_held; /* by an entry, or by a deleted one that is not reclaimed */
static struct retired retired[4096];
static unsigned int n_retired;
static uint64_t seed;
static bool crowded;

static unsigned int refused_for_parts;
static bool failing; /* allocations fail now and then */
static bool failing_at_all;
static uint64_t failures = 1;
static uint32_t failing_one_in = 20;

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
	return failing && below(&failures, failing_one_in) == 0;
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

static void
set_ranges(void)
{
	switch (spec.key_bytes) {
	case 2:
		spec.ranges = alone;
		spec.n_ranges = 1;
		break;
	case 5:
		spec.ranges = behind_another;
		spec.n_ranges = 2;
		break;
	case 6:
		spec.ranges = many;
		spec.n_ranges = 3;
		break;
	default:
		CHECK(spec.key_bytes == 18);
		spec.ranges = wide;
		spec.n_ranges = 1;
	}
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

static bool
in_range(unsigned int at)
{
	for (unsigned int r = 0; r < spec.n_ranges; r++)
		if (at >= spec.ranges[r].offset &&
		    at < spec.ranges[r].offset + spec.ranges[r].bytes)
			return true;
	return false;
}

/* As many parts as can be. */
static void
all_but_the_ends(uint8_t *record)
{
	for (unsigned int r = 0; r < spec.n_ranges; r++) {
		uint8_t *low = record + spec.ranges[r].offset, *high = low + spec.key_bytes;

		memset(low, 0, spec.ranges[r].bytes);
		memset(high, 0xff, spec.ranges[r].bytes);
		low[spec.ranges[r].bytes - 1] = 1;
		high[spec.ranges[r].bytes - 1] = 0xfe;
	}
}

/* Both ends of each range: at random, all there is, or one value. */
static void
random_ranges(uint8_t *record)
{
	uint8_t other[MAX_RECORD];

	random_key(other);
	if (below(&seed, 40) == 0) {
		all_but_the_ends(record);
		return;
	}
	for (unsigned int r = 0; r < spec.n_ranges; r++) {
		const struct p4k_range_spec *range = &spec.ranges[r];
		uint8_t *low = record + range->offset, *high = low + spec.key_bytes;

		memcpy(high, other + range->offset, range->bytes);
		switch (below(&seed, 6)) {
		case 0:
			memset(low, 0, range->bytes);
			memset(high, 0xff, range->bytes);
			break;
		case 1:
			memcpy(high, low, range->bytes);
			break;
		default:
			if (memcmp(low, high, range->bytes) > 0) {
				memcpy(high, low, range->bytes);
				memcpy(low, other + range->offset, range->bytes);
			}
		}
	}
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
		for (unsigned int i = 0; i < bytes; i++)
			record[bytes + i] = masks[below(&seed, i < 4 ? 3 : 1)];
		random_ranges(record);
		for (unsigned int i = 0; i < bytes; i++)
			if (!in_range(i))
				record[i] &= record[bytes + i];
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

	if (spec.kind == P4K_TERNARY)
		return within(&spec, record, key);
	memcpy(cut, key, bytes);
	if (spec.kind == P4K_LPM)
		cut_prefix(cut, get_be(record + bytes, 2), bytes);
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

/* A key at the edges of the record's ranges: an end, or the value beside it. */
static void
key_near(const uint8_t *record, uint8_t *key)
{
	memcpy(key, record, spec.key_bytes);
	for (unsigned int r = 0; r < spec.n_ranges; r++) {
		const struct p4k_range_spec *range = &spec.ranges[r];
		uint8_t *last = key + range->offset + range->bytes - 1;

		if (below(&seed, 2) == 0)
			memcpy(key + range->offset, record + spec.key_bytes + range->offset,
			       range->bytes);
		if (below(&seed, 3) == 0)
			*last = (uint8_t)(*last + below(&seed, 3) - 1);
	}
}

static void
check_look_up(void)
{
	uint8_t *key = malloc(spec.key_bytes);
	const struct known *want = NULL;
	const struct p4k_entry *got;

	random_key(key);
	if (n_known > 0 && below(&seed, 2) == 0)
		key_near(known[below(&seed, n_known)].record, key);
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

/* Prefixes of low..high within the node of a binary tree that begins at `at` and has `bits` below it. */
static uint64_t
prefixes(unsigned __int128 low, unsigned __int128 high, unsigned __int128 at, unsigned int bits)
{
	unsigned __int128 last = at | (bits == 0 ? 0 : ~(unsigned __int128)0 >> (128 - bits));

	if (at > high || last < low)
		return 0;
	if (low <= at && last <= high)
		return 1;
	return prefixes(low, high, at, bits - 1) +
	       prefixes(low, high, at | (unsigned __int128)1 << (bits - 1), bits - 1);
}

static unsigned __int128
value_of(const uint8_t *bytes, unsigned int n)
{
	unsigned __int128 value = 0;

	for (unsigned int i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

static uint64_t
parts_of(const uint8_t *record)
{
	uint64_t parts = 1;

	for (unsigned int r = 0; r < spec.n_ranges; r++) {
		const struct p4k_range_spec *range = &spec.ranges[r];
		const uint8_t *low = record + range->offset;

		parts *= prefixes(value_of(low, range->bytes),
				  value_of(low + spec.key_bytes, range->bytes), 0,
				  8u * range->bytes);
	}
	return parts;
}

struct covering {
	const uint8_t *looked_up;
	unsigned int parts, meet;
	const uint8_t *key, *mask; /* of the part to be met, or NULL */
	bool met;
};

static void
note_part(void *owner, const uint8_t *key, const uint8_t *mask)
{
	struct covering *covering = owner;
	bool meets = true;

	for (unsigned int i = 0; i < spec.key_bytes; i++) {
		CHECK((key[i] & ~mask[i]) == 0);
		meets = meets && (covering->looked_up[i] & mask[i]) == key[i];
	}
	covering->parts++;
	covering->meet += meets;
	if (covering->key != NULL && memcmp(covering->key, key, spec.key_bytes) == 0 &&
	    memcmp(covering->mask, mask, spec.key_bytes) == 0)
		covering->met = true;
}

/* As few parts as there can be; a key that the record covers meets one of them, any other none. */
static void
check_cover(const uint8_t *record)
{
	uint8_t key[MAX_RECORD];

	for (unsigned int i = 0; i < 4; i++) {
		struct covering covering = {.looked_up = key};

		if (i == 0)
			random_key(key);
		else
			key_near(record, key);
		CHECK(p4k_ternary_cover(&spec, record, note_part, &covering) ==
		      (int)parts_of(record));
		CHECK(covering.parts == parts_of(record));
		CHECK(covering.meet == covers(record, key));
	}
}

/* Whether the record is refused for its many parts, in a table that has room. */
static bool
has_many_parts(const uint8_t *record)
{
	if (spec.kind != P4K_TERNARY)
		return false;
	if (parts_of(record) > P4K_PARTS_MAX) {
		CHECK(p4k_ternary_cover(&spec, record, note_part, NULL) == -ERANGE);
		return true;
	}
	check_cover(record);
	return false;
}

static void
expect_insert(const uint8_t *record, int ret)
{
	if (n_known < spec.size && has_many_parts(record)) {
		CHECK(ret == -ERANGE);
		refused_for_parts++;
		return;
	}
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

static uint32_t random_part; /* counts down */

static void
pick_part(void *owner, const uint8_t *key, const uint8_t *mask)
{
	uint8_t *part = owner;

	if (--random_part != 0)
		return;
	memcpy(part, key, spec.key_bytes);
	memcpy(part + MAX_RECORD, mask, spec.key_bytes);
}

/* Of all that share a random part with one of the known, the best is what is seen there. */
static void
check_seen(void)
{
	uint8_t part[2 * MAX_RECORD] = {0};
	const struct known *best = NULL, *one;

	if (spec.kind != P4K_TERNARY || n_known == 0)
		return;
	one = &known[below(&seed, n_known)];
	random_part = below(&seed, (uint32_t)parts_of(one->record)) + 1;
	p4k_ternary_cover(&spec, one->record, pick_part, part);
	for (uint32_t i = 0; i < n_known; i++) {
		struct covering covering = {
		    .looked_up = part, .key = part, .mask = part + MAX_RECORD};

		p4k_ternary_cover(&spec, known[i].record, note_part, &covering);
		if (covering.met && (best == NULL || better(&known[i], best)))
			best = &known[i];
	}
	CHECK(best != NULL);
	CHECK(p4k_ternary_seen(table, part, part + MAX_RECORD)->slot == best->slot);
}

static void
check_refusals(void)
{
	uint8_t record[MAX_RECORD] = {0};

	if (spec.kind == P4K_EXACT)
		return;
	for (unsigned int r = 0; r < spec.n_ranges; r++) {
		uint8_t *low = record + spec.ranges[r].offset;

		low[spec.ranges[r].bytes - 1] = 1;
		CHECK(p4k_table_insert(table, record) == -EINVAL);
		low[spec.ranges[r].bytes - 1] = 0;
	}
	if (in_range(0))
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
		failing_one_in *= 2; /* entries of many parts take many */
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
	if (strcmp(argv[1], "range") == 0)
		set_ranges();
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
		if (i % 256 == 0) {
			check_all();
			check_seen();
		}
	}
	check_all();
	CHECK(spec.ranges != many || refused_for_parts > 0);
	check_const_entries();
	check_keyless();
	p4k_table_destroy(table);
	free(known);
	free(slot_held);
	return 0;
}
