/* SPDX-License-Identifier: Apache-2.0 */
/* Records and entries as the kernel's maps have them (../runtime/p4k_bpf.h). */
#ifndef P4K_BPF_DAEMON_MIRROR_BYTES_H
#define P4K_BPF_DAEMON_MIRROR_BYTES_H

#include "mirror.h"

#define MIRROR_KEY_MAX 512    /* a hash's key */
#define MIRROR_VALUE_MAX 5376 /* manifest.c allows 4096 bytes of data, and keys of 500 */

uint32_t mirror_key_bytes(const struct p4k_table_spec *spec);
/* With ranges an entry's value has its record's key and mask behind the data, which are not to be told from its parts. */
uint32_t mirror_value_bytes(const struct p4k_table_spec *spec);
void mirror_value(const struct p4k_table *table, const struct p4k_entry *entry, uint8_t *value);
/* As one of two in default_I. */
void mirror_default_value(const struct p4k_table_spec *spec, const struct p4k_entry *entry,
			  uint8_t *value);

/*
 * Call for each key under which the kernel has a record's entry (one, but for ranges), with the entry that is to be there: of
 * ternary ones the best with this mask and key; or NULL.
 */
void mirror_keys(const struct mirror *mirror, const struct p4k_table *table, const uint8_t *record,
		 void (*each)(void *owner, const uint8_t *key, const struct p4k_entry *seen),
		 void *owner);
/* How many there are. */
uint32_t mirror_n_keys(const struct p4k_table_spec *spec, const uint8_t *record);

/* Fill the table from the kernel's maps. */
int mirror_find_again(struct mirror *mirror, struct p4k_table *table, struct failure *why);

#endif
