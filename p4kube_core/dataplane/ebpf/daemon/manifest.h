/* SPDX-License-Identifier: Apache-2.0 */
/* What a BPF object says of itself, in the form that a shared object of target dpdk has it. */
#ifndef P4K_BPF_DAEMON_MANIFEST_H
#define P4K_BPF_DAEMON_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "../../dpdk/runtime/p4k.h"
#include "failure.h"

/* Read manifest.json (docs/seams.md, 1). NULL with `why`. The caller frees it. */
struct p4k_program *manifest_read(const uint8_t *text, size_t length, struct failure *why);
void manifest_free(struct p4k_program *program);

/* Which of a program's parts, each by its index. */
enum manifest_part { PART_TABLE, PART_COUNTER, PART_METER, PART_REGISTER, PARTS };

/*
 * The index of the part of `old` that is the same as this one of `new`, so that one may have the other's state: a table with its
 * key, size and actions, its direct counter and meter, and if it is const its entries; cells of the same number and kind. -1: there
 * is none.
 */
int manifest_same(const struct p4k_program *old, const struct p4k_program *new,
		  enum manifest_part part, unsigned int index);

#endif
