/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ternary table's masks. Each has a number in the kernel's keys, which no other mask ever gets, so that a packet with the
 * list of before cannot take one mask's entry for another's.
 */
#ifndef P4K_BPF_DAEMON_MIRROR_MASKS_H
#define P4K_BPF_DAEMON_MIRROR_MASKS_H

#include "mirror.h"

/* The number of a mask that the kernel knows. */
bool mirror_mask_number(const struct mirror *mirror, const uint8_t *mask, uint32_t *number);
/* The mask of a number, or NULL. */
const uint8_t *mirror_mask_of(const struct mirror *mirror, uint32_t number);
/* Read the kernel's list; -errno. */
int mirror_masks_find_again(struct mirror *mirror);
void mirror_masks_free(struct mirror *mirror);

#endif
