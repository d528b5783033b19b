/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled BPF object (docs/seams.md, 6) on its way into the kernel. */
#ifndef P4K_BPF_DAEMON_OBJECT_H
#define P4K_BPF_DAEMON_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#include "../runtime/p4k_bpf.h"
#include "failure.h"

struct bpf_object;

/* The bytes must outlive it. NULL with `why`. */
struct bpf_object *object_open(const uint8_t *bytes, size_t length, struct failure *why);
/* Make its maps, but for those that were given to it, and have the kernel verify its program. */
int object_load(struct bpf_object *opened, struct p4k_bpf_load what, struct failure *why);
/* A descriptor of the loaded program, which the caller closes, or -1. */
int object_program(const struct bpf_object *loaded);

/* What a map must be: bytes of key and value, and at least so many entries. Outer maps: of their inner ones. */
struct map_shape {
	uint32_t key_bytes, value_bytes, entries;
};

int object_check_map(const struct bpf_object *opened, const char *name, struct map_shape want,
		     struct failure *why);

#endif
