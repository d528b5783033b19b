/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An artifact's program as it is loaded: once, for all of its devices. Each has a slot, by which its maps are found in the
 * image's outer ones. The kernel verifies it once, and devices come and go without.
 */
#ifndef P4K_BPF_DAEMON_IMAGE_H
#define P4K_BPF_DAEMON_IMAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "../../dpdk/runtime/p4k.h"
#include "../runtime/p4k_bpf.h"
#include "failure.h"
#include "program_file.h"

#define MAP_NAME_MAX 24

struct image_map {
	char name[MAP_NAME_MAX];
	int fd;
	unsigned int each; /* entries that an outer map has for each slot; 0: it is none */
};

struct image {
	uint32_t number; /* its index in `programs` */
	struct p4k_program *program; /* as its manifest declares it */
	uint8_t *object, *manifest;
	size_t object_length, manifest_length;
	struct image_map *maps;
	unsigned int n_maps;
	int run;  /* programs' descriptors */
	int test; /* -1 until a test wants it */
	unsigned int users; /* devices */
	struct device *devices[P4K_BPF_SLOTS]; /* by slot */
	atomic_uchar slots[P4K_BPF_SLOTS];
	uint64_t exits[P4K_BPF_SLOTS][P4K_BPF_PORTS / 64]; /* P4 ports that `exits` has a way out for */
	LIST_ENTRY(image) next;
};

/* One with a free slot, of this object and manifest; loaded if there is none. The caller has it until image_give(). */
struct image *image_take(const struct program_file *file, struct failure *why);
/* The one of that number as a process before this one loaded it. */
struct image *image_take_again(uint32_t number, struct failure *why);
/* One that has no users left may stay for those to come, but not many do. */
void image_give(struct image *image);

/* A slot that no packet knows any more; image_take() saw to it that there is one. */
int image_slot(struct image *image);
/* One that a device has had since before this process. */
int image_slot_again(struct image *image, uint32_t slot, struct failure *why);
/* Delete all that the outer maps, and `exits`, have for a slot, and free it when no packet can look for that. */
void image_free_slot(struct image *image, uint32_t slot);
/* After a process that was killed: free what is no device's. */
void images_sweep(void);
/* And pins and files of its programs that no device has. */
void images_remove_unused(void);

/* Descriptor of a map, or -1 where the program has none of that name. */
int image_map(const struct image *image, const char *name);
/* Of the map NAME_INDEX. */
int image_map_at(const struct image *image, const char *name, unsigned int index);

/* Its program that tests run, loaded when first asked for; -1 with `why`. */
int image_test(struct image *image, struct failure *why);
/* Have all programs for tests that packets may come to from one another. */
int images_test(struct failure *why);

/* The map of all programs. */
int image_programs(void);

#endif
