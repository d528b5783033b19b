/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of another device's state a device may have as well, so that it can take the other's place: as far as both brought
 * their manifests and these say that it is the same. Indices, or -1.
 */
#ifndef P4K_DAEMON_DEVICE_LIKE_H
#define P4K_DAEMON_DEVICE_LIKE_H

#include "device.h"

/* `like` may be NULL: then there is nothing. */
int like_table(const struct device *device, const struct device *like, unsigned int index);
int like_counter(const struct device *device, const struct device *like, unsigned int index);
int like_meter(const struct device *device, const struct device *like, unsigned int index);
int like_register(const struct device *device, const struct device *like, unsigned int index);

/* Read manifest.json for the above; NULL, or -1 with `why` where it does not fit the program. */
int like_read_manifest(struct device *device, const struct program_file *file, struct failure *why);

#endif
