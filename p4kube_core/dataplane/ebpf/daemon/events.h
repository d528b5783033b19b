/* SPDX-License-Identifier: Apache-2.0 */
/* What programs tell control, through the ring buffer of each image that has one. */
#ifndef P4K_BPF_DAEMON_EVENTS_H
#define P4K_BPF_DAEMON_EVENTS_H

#include "failure.h"

struct image;

/* Listen to an image, if it has anything to say. */
int events_begin(struct image *image, struct failure *why);
void events_end(struct image *image);

/* Pass on what there is now. */
void events_drain(void);

#endif
