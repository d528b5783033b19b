/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device has of its own: tables and cells. They are made, found again after another process, or had in common with
 * another device, as far as both programs have them, until one takes the other's place.
 */
#ifndef P4K_BPF_DAEMON_DEVICE_STATE_H
#define P4K_BPF_DAEMON_DEVICE_STATE_H

#include "device.h"

/* What both have is the other one's (or NULL), which must not go while this one is there. */
int state_make_like(struct device *device, struct device *like, struct failure *why);
int state_find_again(struct device *device, struct failure *why);
/* Make up for what has changed of it since. */
int state_share_again(struct device *device, struct failure *why);
/* Now it is this one's, and the other one, which has no packets any more, has it from this. */
void state_take(struct device *device);
/* Fine if not all was made. */
void state_free(struct device *device);

#endif
