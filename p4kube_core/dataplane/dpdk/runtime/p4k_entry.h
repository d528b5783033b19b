/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of a table, as readers see it. */
#ifndef P4K_ENTRY_H
#define P4K_ENTRY_H

#include <stddef.h>
#include <stdint.h>

/* A parameter may be loaded with what follows it, as a whole word. */
#define P4K_DATA_SLACK 8

/*
 * Written before it is published and never after; readers: ro. The key's words stand directly
 * before it, so that a look-up compares and acts on one cache line (see p4k_entry_key).
 */
struct p4k_entry {
	/* 0..size-1, unique, stable while the entry lives; size for the default entry */
	uint32_t slot;
	uint32_t priority;    /* ternary: the higher wins; else 0 */
	uint16_t action;      /* index into the program's actions */
	uint16_t prefix_bits; /* lpm: over the whole packed key; else 0 */
	/* parameters as in docs/seams.md, 2; data_bytes of the table, then P4K_DATA_SLACK zeros */
	uint8_t data[];
};

/* The entry's packed key, `words` long, padded with zeros. */
static inline const uint64_t *
p4k_entry_key(const struct p4k_entry *entry, unsigned int words)
{
	return (const uint64_t *)(const void *)entry - words;
}

#endif
