/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled BPF object (docs/seams.md, 6): its maps, which all ports of a device share, and copies of its
 * program, one a port, each with ways out of its own.
 */
#ifndef P4K_BPF_DAEMON_OBJECT_H
#define P4K_BPF_DAEMON_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../dpdk/runtime/p4k.h"
#include "failure.h"

struct bpf_object;

struct object {
	uint8_t *bytes;
	size_t length;
	struct bpf_object *base; /* holds the maps; its own program is never attached */
};

/* One P4 port's program. */
struct copy {
	int program; /* descriptors, or -1 */
	int exits;
};

#define NO_COPY ((struct copy){-1, -1})

/*
 * Load from bytes, which are taken over also if it fails. Maps are pinned in `directory` (below the bpffs): made, or
 * with `found` taken as they are there.
 */
int object_load(struct object *object, uint8_t *bytes, size_t length, const char *directory,
		bool found, struct failure *why);
void object_unload(struct object *object);

/* Descriptor of a map, or -1 where the program has none of that name. */
int object_map(const struct object *object, const char *name);
/* Check that the map `PREFIX_INDEX` has these bytes of key and value and at least so many entries; its descriptor or -1. */
int object_map_checked(const struct object *object, const char *prefix, unsigned int index,
		       uint32_t key_bytes, uint32_t value_bytes, uint32_t entries,
		       struct failure *why);

/* Load the program once more, for a port. */
int copy_load(const struct object *object, uint32_t port, bool test, struct copy *copy,
	      struct failure *why);
void copy_unload(struct copy *copy);

#endif
