/* SPDX-License-Identifier: Apache-2.0 */
/* The maps of an image. */
#ifndef P4K_BPF_DAEMON_IMAGE_MAP_H
#define P4K_BPF_DAEMON_IMAGE_MAP_H

#include <stdbool.h>

#include "image.h"
#include "object.h"
#include "outer.h"

/* Whether an object has the maps that its manifest promises. */
int image_maps_check(const struct image *image, const struct bpf_object *opened,
		     struct failure *why);
/* Have an object that is not loaded yet use this map, if it has one of that name. */
int image_maps_share(struct bpf_object *opened, const char *name, int fd, struct failure *why);
/* And those of the image. */
int image_maps_share_all(const struct image *image, struct bpf_object *opened, struct failure *why);
/* The maps of a loaded object become the image's. */
int image_maps_take(struct image *image, struct bpf_object *loaded, struct failure *why);
int image_maps_pin(const struct image *image, struct failure *why);
int image_maps_find_again(struct image *image, struct failure *why);
void image_maps_close(struct image *image);

/* Entries of outer maps that belong to a slot: at most how many; those that there are; whether there are any. */
unsigned int image_maps_most(const struct image *image);
unsigned int image_maps_elements(const struct image *image, uint32_t slot,
				 struct outer_element *elements);
bool image_maps_has(const struct image *image, uint32_t slot);

#endif
