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
#include "image.h"

/* Where a device's table is. */
struct mirror_place {
	const struct image *image;
	unsigned int index; /* of the table */
	uint32_t slot;	    /* the device's */
	struct counter *direct; /* or NULL */
	struct array *meter;	/* its direct meter, or NULL */
};

struct mirror {
	const struct p4k_table_spec *spec;
	struct mirror_place place;
	struct {
		int entries, masks; /* outer maps table_I (-1: no keys, or all is in the code) and masks_I (ternary) */
		int fallback;	    /* default_I */
	} maps;
	int entries;		/* the device's own map of table_I; -1 while nothing has been in it */
	uint32_t room;		/* how many keys it takes */
	uint64_t keys;		/* those of all entries; not fewer than the kernel has */
	struct numbered *numbers; /* ternary: the list of masks that the kernel has */
	unsigned int n_numbers;
	uint32_t next_number;
	uint32_t *released; /* slots whose counts are to be cleared when their entry has left the kernel */
	unsigned int n_released, released_room;
};

/*
 * The table, and the maps in its state: the program's own entries; with `found` the entries that are in the
 * kernel, each with its slot. NULL with `why`.
 */
struct mirror *mirror_make(struct mirror_place place, bool found, struct p4k_table **table,
			   struct failure *why);
void mirror_free(struct mirror *mirror);

/*
 * A table that two devices have in common, until one takes it from the other. The other one's place has the same maps, and its
 * program's own default where that is what the first has; this is to be said again when the maps may have changed.
 */
int mirror_share(const struct mirror *mirror, const struct p4k_table *table,
		 struct mirror_place with, struct failure *why);
/* Now it is the other one's, and the first has none. */
void mirror_move(struct mirror *mirror, struct p4k_table *table, struct mirror_place to);

typedef void (*failed_callback)(void *owner, uint64_t position, int error);

/* Those of a request that are in the table already. */
struct records {
	const uint8_t *bytes; /* all of the request's */
	const uint64_t *positions;
	uint64_t n;
};

/*
 * Bring what was written to the table into the kernel: these records; the record that was deleted; the default. Returns 0
 * or a negative errno. Records that the kernel does not take are taken out of the table again and told one by one.
 */
int mirror_put(struct mirror *mirror, struct p4k_table *table, const struct records *records,
	       failed_callback failed, void *owner);
int mirror_delete(struct mirror *mirror, struct p4k_table *table, const uint8_t *record);
int mirror_default(struct mirror *mirror, const struct p4k_table *table);
/* The table holds one entry more, or fewer, which is about to be brought or has gone. */
void mirror_count(struct mirror *mirror, const uint8_t *record, bool more);
/* Take a record out again, that of an entry that the kernel did not take. */
void mirror_undo(struct mirror *mirror, struct p4k_table *table, const uint8_t *record);
/* Tell the kernel the order of masks, if it changed. */
int mirror_masks(struct mirror *mirror, const struct p4k_table *table);
/* Whether the record's mask is one too many. */
bool mirror_lacks_room(const struct mirror *mirror, const struct p4k_table *table,
		       const uint8_t *record);
/* Have packets search a table that changed again, whatever they found before. */
int mirror_invalidate(const struct mirror *mirror);
/* Clear the counts of entries that have gone. */
void mirror_clear_released(struct mirror *mirror);

#endif
