/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's cells of a counter, a meter or a register: maps of its own in the image's outer one. What is direct (one
 * cell for each slot of a table, and one for its default entry) is in levels, which come when entries do.
 */
#ifndef P4K_BPF_DAEMON_ARRAY_H
#define P4K_BPF_DAEMON_ARRAY_H

#include <stdbool.h>
#include <stdint.h>

#include "../runtime/p4k_bpf.h"
#include "failure.h"
#include "image.h"

struct array_spec {
	const char *map; /* its name's front */
	unsigned int index;
	uint32_t size; /* not of a direct one */
	int32_t table; /* that a direct one belongs to; -1: none */
	uint32_t cell_bytes;
	bool mapped; /* control reads and writes it as memory */
};

struct array {
	uint32_t size; /* cells; a direct one has one more than its table, for the default entry */
	bool direct, mapped;
	uint32_t cell_bytes;
	int outer;
	uint32_t slot;		  /* the device's */
	int maps[P4K_BPF_LEVELS]; /* direct: by level, -1 where no entry has come to; else the first is all */
	uint8_t *memory[P4K_BPF_LEVELS]; /* of a mapped one, once it was asked for */
};

#define NO_ARRAY ((struct array){.maps = {-1, -1, -1, -1, -1, -1, -1, -1}})

/* With `found` the maps of a process before this one. The device's slot has no such maps otherwise. */
int array_make(struct array *array, const struct image *image, const struct array_spec *spec,
	       uint32_t slot, bool found, struct failure *why);
/* One with the maps of another, as many as that has by now; said again when it may have more. */
int array_share(struct array *array, const struct image *image, const struct array_spec *spec,
		uint32_t slot, const struct array *from, struct failure *why);
void array_free(struct array *array);

/* Direct: have cells for the table's first n slots and its default entry, before packets come there; 0 or -errno. */
int array_reach(struct array *array, uint32_t n);
/* The map with the cell of an index, and where it is there; -1: there is none yet. */
int array_find(const struct array *array, uint32_t index, uint32_t *at);
/* The cell of a mapped one, or NULL. */
void *array_cell(struct array *array, uint32_t index);

#endif
