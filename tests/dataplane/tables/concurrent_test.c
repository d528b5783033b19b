/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers look for entries that no update names while the writer inserts, changes and deletes
 * others around them: they must be found every time, by themselves or hidden by a better one, and
 * every entry must be whole.
 *
 * In a table with ranges one more entry comes, changes and goes all the time: whoever looks for two
 * of its keys, one after the other, must not find a part of it, nor what it was before.
 *
 *   concurrent_test KIND UPDATES
 */
#include "reference.h"

#include <pthread.h>
#include <sched.h>

#define READERS 2
#define KEY_BYTES 6
#define DATA_BYTES 16
#define SIZE 4000
#define STAYING 64
#define RETIRED 512
#define RANGE_AT 2 /* bytes 2 and 3 of the key */
#define RANGE_LAST 3
#define PULSE_PRIORITY 10000

static struct p4k_table_spec spec = {
	.name = "t",
	.size = SIZE,
	.key_bytes = KEY_BYTES,
	.data_bytes = DATA_BYTES,
	.default_data = (const uint8_t[DATA_BYTES]){0},
};
static const struct p4k_range_spec ranges[] = {{RANGE_AT, 2}};
static struct p4k_table *table;
static uint8_t staying[STAYING][MAX_RECORD];
static bool done;                /* writer: wo, readers: ro */
static uint64_t passed[READERS]; /* quiescent points; each reader: wo its own, writer: ro */
static bool finished[READERS];   /* the same */
static uint64_t updates;
static uint64_t withdrawals; /* begun and ended: odd while the pulse is deleted; writer: wo, readers: ro */

static struct {
	void (*free)(void *);
	void *memory;
} retired[RETIRED];
static unsigned int n_retired;

static void
flush(void *owner)
{
	(void)owner;
	for (unsigned int r = 0; r < READERS; r++) {
		uint64_t before = __atomic_load_n(&passed[r], __ATOMIC_SEQ_CST);

		while (__atomic_load_n(&passed[r], __ATOMIC_SEQ_CST) == before &&
		       !__atomic_load_n(&finished[r], __ATOMIC_SEQ_CST))
			sched_yield();
	}
	for (unsigned int i = 0; i < n_retired; i++)
		retired[i].free(retired[i].memory);
	n_retired = 0;
}

static void
retire(void *owner, void (*free)(void *), void *memory)
{
	if (n_retired == RETIRED)
		flush(owner);
	retired[n_retired].free = free;
	retired[n_retired++].memory = memory;
}

/* Data that is recognised when torn: the same eight bytes twice. */
static void
finish_record(uint8_t *record, uint64_t *seed)
{
	uint8_t *action = record + identity_size(&spec);
	uint64_t stamp = next_random(seed);

	put_be(action, 2, (uint32_t)(stamp & 3));
	memcpy(action + 2, &stamp, 8);
	memcpy(action + 10, &stamp, 8);
}

static void
set_identity(uint8_t *record, unsigned int prefix_bits, unsigned int mask_bits, uint32_t priority)
{
	if (spec.kind == P4K_LPM) {
		cut_prefix(record, prefix_bits, KEY_BYTES);
		put_be(record + KEY_BYTES, 2, prefix_bits);
	} else if (spec.n_ranges > 0) {
		/* The value of the record, and up to 127 more. */
		uint8_t *mask = record + KEY_BYTES;

		put_be(mask, 2, 0xffff);
		put_be(mask + 4, 2, mask_bits % 2 != 0 ? 0xffff : 0);
		put_be(record + 4, 2, mask_bits % 2 != 0 ? get_be(record + 4, 2) : 0);
		record[RANGE_AT] &= 0x7f;
		put_be(mask + RANGE_AT, 2, get_be(record + RANGE_AT, 2) + prefix_bits * 127 / 48);
		put_be(record + 2 * KEY_BYTES, 4, priority);
	} else if (spec.kind == P4K_TERNARY) {
		cut_prefix(record, mask_bits, KEY_BYTES);
		memset(record + KEY_BYTES, 0xff, KEY_BYTES);
		cut_prefix(record + KEY_BYTES, mask_bits, KEY_BYTES);
		put_be(record + 2 * KEY_BYTES, 4, priority);
	}
}

static void
make_staying(uint8_t *record, unsigned int i)
{
	uint64_t seed = 77 + i;

	memset(record, 0, MAX_RECORD);
	record[0] = (uint8_t)(i % 4);
	record[1] = (uint8_t)(i / 4);
	record[2] = (uint8_t)i;
	record[3] = (uint8_t)(i * 37);
	record[5] = 0x42;
	set_identity(record, 12 + i % 37, 16 + i % 8, 50 + i);
	finish_record(record, &seed);
}

/* Never one of those that stay: its last byte, its length or its priority differs. */
static void
make_passing(uint8_t *record, uint64_t *seed)
{
	const uint8_t *near = staying[below(seed, STAYING)];

	memset(record, 0, MAX_RECORD);
	if (spec.kind == P4K_TERNARY && below(seed, 2) == 0) {
		/* The same mask and key: better than the one that stays, or worse. */
		memcpy(record, near, identity_size(&spec));
		put_be(record + 2 * KEY_BYTES, 4, below(seed, 40) * 7);
		finish_record(record, seed);
		return;
	}
	memcpy(record, near, KEY_BYTES);
	for (unsigned int i = 0; i < 3; i++)
		record[below(seed, 5)] ^= (uint8_t)(1u << below(seed, 8));
	record[5] = (uint8_t)below(seed, 0x42);
	/* Seldom better than what stays: what hides it would hide its loss as well. */
	set_identity(record, below(seed, 8 * KEY_BYTES + 1), 8 + below(seed, 33),
		     below(seed, below(seed, 64) == 0 ? 280 : 50));
	finish_record(record, seed);
}

/* A key that the record covers. */
static void
take_key(const uint8_t *record, uint8_t *key, uint64_t *seed)
{
	uint32_t low, high;

	memcpy(key, record, KEY_BYTES);
	if (spec.n_ranges == 0)
		return;
	low = get_be(record + RANGE_AT, 2);
	high = get_be(record + KEY_BYTES + RANGE_AT, 2);
	put_be(key + RANGE_AT, 2, low + below(seed, high - low + 1));
}

/* 14 parts, above all others. */
static void
make_pulse(uint8_t *record)
{
	memset(record, 0, MAX_RECORD);
	record[0] = 0xee;
	record[RANGE_LAST] = 1;
	memset(record + KEY_BYTES, 0xff, KEY_BYTES);
	record[KEY_BYTES + RANGE_AT] = 0;
	record[KEY_BYTES + RANGE_LAST] = 0xfe;
	put_be(record + 2 * KEY_BYTES, 4, PULSE_PRIORITY);
}

/* The next state of the pulse: there, changed, changed, gone. */
static void
pulse(uint64_t beat)
{
	uint8_t record[MAX_RECORD], *action = record + identity_size(&spec);

	make_pulse(record);
	put_be(action, 2, (uint32_t)(beat & 3));
	memcpy(action + 2, &beat, 8);
	memcpy(action + 10, &beat, 8);
	if (beat % 4 == 3) {
		__atomic_fetch_add(&withdrawals, 1, __ATOMIC_SEQ_CST);
		CHECK(p4k_table_delete(table, record) == 0);
		__atomic_fetch_add(&withdrawals, 1, __ATOMIC_SEQ_CST);
	} else {
		CHECK(p4k_table_upsert(table, record) == 0);
	}
}

static const struct p4k_entry *
look_for_pulse(const uint8_t *record, uint8_t *key, uint64_t *seed, uint64_t *beat)
{
	const struct p4k_entry *entry;

	take_key(record, key, seed);
	entry = look_up(table, &spec, key);
	if (entry == NULL || entry->priority != PULSE_PRIORITY)
		return NULL;
	memcpy(beat, entry->data, sizeof(*beat));
	return entry;
}

/* Returns whether it was there. */
static bool
check_pulse(uint8_t *key, uint64_t *seed)
{
	uint64_t before = __atomic_load_n(&withdrawals, __ATOMIC_SEQ_CST), after, beats[2];
	const struct p4k_entry *first, *second;
	uint8_t record[MAX_RECORD];

	make_pulse(record);
	first = look_for_pulse(record, key, seed, &beats[0]);
	second = look_for_pulse(record, key, seed, &beats[1]);
	after = __atomic_load_n(&withdrawals, __ATOMIC_SEQ_CST);
	if (first != NULL && second != NULL)
		CHECK(beats[1] >= beats[0]);
	else if (first != NULL)
		CHECK(before % 2 == 1 || after != before);
	else if (second != NULL)
		CHECK(before % 2 == 0 || after != before);
	return first != NULL;
}

/* No random update is to name it. */
static bool
stays(const uint8_t *record)
{
	if (spec.n_ranges > 0 && get_be(record + 2 * KEY_BYTES, 4) == PULSE_PRIORITY)
		return true;
	for (unsigned int i = 0; i < STAYING; i++)
		if (memcmp(staying[i], record, identity_size(&spec)) == 0)
			return true;
	return false;
}

static void *
read_on(void *argument)
{
	unsigned int reader = (unsigned int)(uintptr_t)argument;
	uint64_t seed = 1000 + reader, found = 0, pulses = 0;
	uint8_t *key = malloc(spec.key_bytes);

	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		for (unsigned int n = 0; n < 32; n++) {
			const uint8_t *record = staying[below(&seed, STAYING)];
			const struct p4k_entry *entry;

			take_key(record, key, &seed);
			entry = look_up(table, &spec, key);
			CHECK(entry != NULL);
			CHECK(memcmp(entry->data, entry->data + 8, 8) == 0);
			CHECK(entry->action == (entry->data[0] & 3));
			if (spec.kind == P4K_LPM)
				CHECK(entry->prefix_bits >= get_be(record + KEY_BYTES, 2));
			if (spec.kind == P4K_TERNARY)
				CHECK(entry->priority >= get_be(record + 2 * KEY_BYTES, 4));
			found++;
			if (spec.n_ranges > 0)
				pulses += check_pulse(key, &seed);
		}
		__atomic_fetch_add(&passed[reader], 1, __ATOMIC_SEQ_CST);
		sched_yield();
	}
	__atomic_store_n(&finished[reader], true, __ATOMIC_SEQ_CST);
	CHECK(found > 0 && (spec.n_ranges == 0 || pulses > 0));
	free(key);
	return NULL;
}

static void
update(void)
{
	uint8_t record[MAX_RECORD];
	uint64_t seed = 5;

	for (uint64_t i = 0; i < updates; i++) {
		if (spec.n_ranges > 0)
			pulse(i);
		make_passing(record, &seed);
		if (stays(record))
			continue;
		/*
		 * Alternately growing and shrinking; what stays is changed in place now and then.
		 */
		if (i / 2000 % 2 == 0) {
			(void)p4k_table_upsert(table, record);
		} else if (p4k_table_delete(table, record) != 0) {
			const struct p4k_entry *entry;
			uint32_t cursor = below(&seed, SIZE);

			entry = p4k_table_next(table, &cursor);
			if (entry == NULL)
				continue;
			p4k_table_record(table, entry, record);
			if (!stays(record))
				CHECK(p4k_table_delete(table, record) == 0);
		}
		if (i % 16 == 0) {
			memcpy(record, staying[below(&seed, STAYING)], MAX_RECORD);
			finish_record(record, &seed);
			CHECK(p4k_table_modify(table, record) == 0);
		}
	}
}

int
main(int argc, char **argv)
{
	const struct p4k_reclaimer reclaimer = {retire, flush, NULL, NULL};
	pthread_t readers[READERS];

	CHECK(argc == 3);
	spec.kind = kind_named(argv[1]);
	if (strcmp(argv[1], "range") == 0) {
		spec.ranges = ranges;
		spec.n_ranges = 1;
	}
	updates = (uint64_t)atoll(argv[2]);
	CHECK(p4k_table_create(&spec, &reclaimer, &table) == 0);
	for (unsigned int i = 0; i < STAYING; i++) {
		make_staying(staying[i], i);
		CHECK(p4k_table_upsert(table, staying[i]) == 0);
	}
	for (unsigned int r = 0; r < READERS; r++)
		CHECK(pthread_create(&readers[r], NULL, read_on, (void *)(uintptr_t)r) == 0);
	update();
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	for (unsigned int r = 0; r < READERS; r++)
		CHECK(pthread_join(readers[r], NULL) == 0);
	p4k_table_destroy(table);
	return 0;
}
