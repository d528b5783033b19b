/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table's maps in the kernel. The runtime's table (dpdk/runtime/, free of DPDK) is the truth, with all entries, slots
 * and ranks; the mirror brings each change to the maps, in an order in which every packet sees a state that was
 * or will be, and finds each entry that no update names.
 */
#ifndef P4K_BPF_DAEMON_MIRROR_H
#define P4K_BPF_DAEMON_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

#include "../../dpdk/runtime/p4k_table.h"
#include "counter.h"
#include "object.h"

struct mirror {
	const struct p4k_table_spec *spec;
	struct counter *direct; /* or NULL */
	int entries, fallback, masks; /* maps table_I (-1: no keys), default_I, masks_I (ternary) */
	struct numbered *numbers; /* ternary: the list of masks that the kernel has */
	unsigned int n_numbers;
	uint32_t next_number;
	uint32_t *released; /* slots whose counts are to be cleared when their entry has left the kernel */
	unsigned int n_released, released_room;
};

/*
 * The table, and the maps in its state: the program's own entries; with `found` the entries that are in the
 * kernel, each with its slot.
 */
int mirror_make(struct mirror *mirror, const struct object *object, unsigned int index,
		const struct p4k_table_spec *spec, struct counter *direct, bool found,
		struct p4k_table **table, struct failure *why);
void mirror_free(struct mirror *mirror);

/*
 * Bring what was written to the table into the kernel: these records; the record that was deleted; the default. Returns 0
 * or a negative errno. Records that the kernel does not take are taken out of the table again and told one by one.
 */
int mirror_put(struct mirror *mirror, struct p4k_table *table, const uint8_t *records,
	       const uint64_t *positions, uint64_t count,
	       void (*failed)(void *owner, uint64_t position, int error), void *owner);
int mirror_delete(struct mirror *mirror, struct p4k_table *table, const uint8_t *record);
int mirror_default(struct mirror *mirror, const struct p4k_table *table);
/* Tell the kernel the order of masks, if it changed. */
int mirror_masks(struct mirror *mirror, const struct p4k_table *table);
/* Whether the record's mask is one too many. */
bool mirror_lacks_room(const struct mirror *mirror, const struct p4k_table *table,
		       const uint8_t *record);
/* Clear the counts of entries that have gone. */
void mirror_clear_released(struct mirror *mirror);

#endif
