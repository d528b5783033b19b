/* SPDX-License-Identifier: Apache-2.0 */
/* An image's ways out: what `exits` has, and `near_exits` beside it. */
#ifndef P4K_BPF_DAEMON_IMAGE_EXIT_H
#define P4K_BPF_DAEMON_IMAGE_EXIT_H

#include "image.h"
#include "outer.h"

/* How packets leave a device by a P4 port; NULL: they do not. */
int image_set_exit(struct image *image, uint32_t slot, uint32_t p4_port,
		   const struct p4k_bpf_exit *way, struct failure *why);

bool image_has_exit(const struct image *image, uint32_t slot, uint32_t p4_port);

/* Forget those of a slot. What is to be deleted from `exits` once no packet asks is put there; at most P4K_BPF_PORTS. */
unsigned int image_leave_exits(struct image *image, uint32_t slot, struct outer_element *elements);
/* Which ones there are, as a process before this one left them: from the map alone. */
void image_find_exits(struct image *image);

#endif
