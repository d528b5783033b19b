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

#endif
