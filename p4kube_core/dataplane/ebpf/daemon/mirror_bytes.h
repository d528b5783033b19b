/* SPDX-License-Identifier: Apache-2.0 */
/* Records and entries as the kernel's maps have them (../runtime/p4k_bpf.h). */
#ifndef P4K_BPF_DAEMON_MIRROR_BYTES_H
#define P4K_BPF_DAEMON_MIRROR_BYTES_H

#include "mirror.h"

#define MIRROR_KEY_MAX 512    /* a hash's key */
#define MIRROR_VALUE_MAX 4352 /* manifest.c allows 4096 bytes of data */

uint32_t mirror_key_bytes(const struct p4k_table_spec *spec);
/* The key of a record; false: ternary, and its mask has no number. */
bool mirror_key(const struct mirror *mirror, const uint8_t *record, uint8_t *key);
void mirror_value(const struct p4k_table_spec *spec, const struct p4k_entry *entry, uint8_t *value);
/* The entry that the kernel has at the record's key: ternary: the best of those with its mask and key. Or NULL. */
const struct p4k_entry *mirror_seen(const struct p4k_table *table, const uint8_t *record);

/* Fill the table from the kernel's maps. */
int mirror_find_again(struct mirror *mirror, struct p4k_table *table, struct failure *why);

#endif
