/* SPDX-License-Identifier: Apache-2.0 */
/* What the table tests share: checks, random numbers, record layouts. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "p4k_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define MAX_RECORD 128

/* Xorshift; each thread has a state of its own. */
static inline uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline uint32_t
below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)((next_random(state) >> 16) % limit);
}

static inline void
put_be(uint8_t *bytes, unsigned int n, uint32_t value)
{
	for (; n > 0; value >>= 8)
		bytes[--n] = (uint8_t)value;
}

static inline uint32_t
get_be(const uint8_t *bytes, unsigned int n)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* Bytes of a record before its action. */
static inline unsigned int
identity_size(const struct p4k_table_spec *spec)
{
	switch (spec->kind) {
	case P4K_LPM:
		return spec->key_bytes + 2u;
	case P4K_TERNARY:
		return 2u * spec->key_bytes + 4u;
	default:
		return spec->key_bytes;
	}
}

/* Whether the key lies within all ranges of a ternary record, and the rest of it is as its mask says. */
static inline bool
within(const struct p4k_table_spec *spec, const uint8_t *record, const uint8_t *key)
{
	const uint8_t *mask = record + spec->key_bytes;
	unsigned int at = 0;

	for (unsigned int r = 0; r <= spec->n_ranges; r++) {
		unsigned int end = r < spec->n_ranges ? spec->ranges[r].offset : spec->key_bytes;

		for (; at < end; at++)
			if ((key[at] & mask[at]) != record[at])
				return false;
		if (r == spec->n_ranges)
			break;
		if (memcmp(key + at, record + at, spec->ranges[r].bytes) < 0 ||
		    memcmp(key + at, mask + at, spec->ranges[r].bytes) > 0)
			return false;
		at += spec->ranges[r].bytes;
	}
	return true;
}

/* Zeros behind the prefix. */
static inline void
cut_prefix(uint8_t *key, unsigned int bits, unsigned int bytes)
{
	for (unsigned int i = bits / 8; i < bytes; i++)
		key[i] &= i == bits / 8 ? (uint8_t)(0xff00 >> bits % 8) : 0;
}

/* key: key_bytes, not one more, so that the sanitizer sees a reader that goes too far. */
static inline const struct p4k_entry *
look_up(const struct p4k_table *table, const struct p4k_table_spec *spec, const uint8_t *key)
{
	uint64_t words[MAX_RECORD / 8] = {0};

	if (spec->kind == P4K_LPM)
		return p4k_lpm_lookup(table, key, spec->key_bytes);
	memcpy(words, key, spec->key_bytes);
	if (spec->kind == P4K_EXACT)
		return p4k_exact_lookup(table, words, P4K_WORDS(spec->key_bytes));
	return p4k_ternary_lookup(table, words, P4K_WORDS(spec->key_bytes));
}

static inline enum p4k_kind
kind_named(const char *name)
{
	return strcmp(name, "exact") == 0 ? P4K_EXACT
	       : strcmp(name, "lpm") == 0 ? P4K_LPM
					  : P4K_TERNARY;
}

#endif
