/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "events.h"
#include "image_exit.h"
#include "image_map.h"
#include "manifest.h"
#include "message.h"
#include "object.h"
#include "outer.h"
#include "pins.h"
#include "settings.h"

#define UNUSED_MAX 4 /* images without users that stay for those to come */
#define PROGRAM_PIN "program"
#define PROGRAMS_PIN "programs"

enum { SLOT_FREE, SLOT_TAKEN, SLOT_LEAVING };

/* The last ones used come first. */
static LIST_HEAD(, image) images = LIST_HEAD_INITIALIZER(images);
static int programs = -1;

int image_programs(void)
{
	return programs;
}

static int set_program(uint32_t index, int program, struct failure *why)
{
	if (bpf_map_update_elem(programs, &index, &program, BPF_ANY) == 0)
		return 0;
	return fail(why, FAIL_IO, "the program cannot be put among the others: %s", strerror(errno));
}

/* --- into the kernel and out of it --------------------------------------------------------- */

static void image_free(struct image *image, bool whole)
{
	char path[PATH_MAX], directory[32];

	snprintf(directory, sizeof(directory), "p%u", image->number);
	if (whole) {
		const uint32_t indices[] = {image->number, image->number + P4K_BPF_PROGRAMS};

		bpf_map_delete_elem(programs, &indices[0]);
		bpf_map_delete_elem(programs, &indices[1]);
		pins_remove(directory);
		kept_path(path, "%s.o", directory);
		unlink(path);
		kept_path(path, "%s.json", directory);
		unlink(path);
	}
	events_end(image);
	image_maps_close(image);
	if (image->run >= 0)
		close(image->run);
	if (image->test >= 0)
		close(image->test);
	if (image->program)
		manifest_free(image->program);
	free(image->object);
	free(image->manifest);
	free(image);
}

static struct image *image_new(uint32_t number, struct failure *why)
{
	struct image *image = calloc(1, sizeof(*image));

	if (!image) {
		fail(why, FAIL_FULL, "no memory for a program");
		return NULL;
	}
	image->number = number;
	image->run = image->test = -1;
	return image;
}

/* For a process that comes after this one. */
static int keep(const struct image *image, struct failure *why)
{
	char path[PATH_MAX];

	kept_path(path, "p%u.json", image->number);
	if (file_write(path, image->manifest, image->manifest_length, why) != 0)
		return -1;
	kept_path(path, "p%u.o", image->number);
	if (file_write(path, image->object, image->object_length, why) != 0)
		return -1;
	snprintf(path, sizeof(path), "p%u", image->number);
	pins_remove(path); /* nobody's: no file told of it */
	pin_path(path, "p%u", image->number);
	if (mkdir(path, 0700) != 0)
		return fail(why, FAIL_IO, "%s: %s", path, strerror(errno));
	pin_path(path, "p%u/%s", image->number, PROGRAM_PIN);
	if (bpf_obj_pin(image->run, path) != 0)
		return fail(why, FAIL_IO, "%s: %s", path, strerror(errno));
	return image_maps_pin(image, why);
}

/* Verified and loaded, with maps of its own. */
static int load(struct image *image, struct failure *why)
{
	struct bpf_object *opened = object_open(image->object, image->object_length, why);
	int ret = -1;

	if (!opened)
		return -1;
	if (image_maps_check(image, opened, why) == 0 &&
	    image_maps_share(opened, "programs", programs, why) == 0 &&
	    object_load(opened, (struct p4k_bpf_load){.test = 0}, why) == 0 &&
	    image_maps_take(image, opened, why) == 0) {
		image->run = object_program(opened);
		ret = image->run >= 0 ? 0 : fail(why, FAIL_FULL, "no descriptor for a program");
	}
	bpf_object__close(opened);
	return ret;
}

static struct image *find(uint32_t number)
{
	struct image *image;

	LIST_FOREACH(image, &images, next)
		if (image->number == number)
			return image;
	return NULL;
}

/* A process of before may have left one that hooks still run. */
static bool is_kept(uint32_t number)
{
	char path[PATH_MAX];

	kept_path(path, "p%u.json", number);
	return access(path, F_OK) == 0;
}

/* Takes object and manifest over. */
static struct image *image_load(uint8_t *object, size_t object_length, uint8_t *manifest,
				size_t manifest_length, struct failure *why)
{
	struct image *image;
	uint32_t number = 0;

	while (number < P4K_BPF_PROGRAMS && (find(number) || is_kept(number)))
		number++;
	image = number < P4K_BPF_PROGRAMS ? image_new(number, why) : NULL;
	if (!image) {
		if (number == P4K_BPF_PROGRAMS)
			fail(why, FAIL_FULL, "want at most %d programs at once", P4K_BPF_PROGRAMS);
		free(object);
		free(manifest);
		return NULL;
	}
	image->object = object;
	image->object_length = object_length;
	image->manifest = manifest;
	image->manifest_length = manifest_length;
	image->program = manifest_read(manifest, manifest_length, why);
	if (image->program && load(image, why) == 0 && keep(image, why) == 0 &&
	    set_program(number, image->run, why) == 0 && events_begin(image, why) == 0) {
		LIST_INSERT_HEAD(&images, image, next);
		return image;
	}
	image_free(image, true);
	return NULL;
}

static struct image *load_again(uint32_t number, struct failure *why)
{
	struct image *image = image_new(number, why);
	char path[PATH_MAX];

	if (!image)
		return NULL;
	kept_path(path, "p%u.json", number);
	image->manifest = file_read(path, MESSAGE_MAX, &image->manifest_length, why);
	kept_path(path, "p%u.o", number);
	if (image->manifest)
		image->object = file_read(path, MESSAGE_MAX, &image->object_length, why);
	if (image->object)
		image->program = manifest_read(image->manifest, image->manifest_length, why);
	pin_path(path, "p%u/%s", number, PROGRAM_PIN);
	if (image->program)
		image->run = bpf_obj_get(path);
	if (image->program && image->run < 0)
		fail(why, FAIL_NOT_FOUND, "%s: %s", path, strerror(errno));
	if (image->run >= 0 && image_maps_find_again(image, why) == 0 && events_begin(image, why) == 0) {
		LIST_INSERT_HEAD(&images, image, next);
		return image;
	}
	image_free(image, false);
	return NULL;
}

/* --- users ---------------------------------------------------------------------------------- */

static bool has_slot(const struct image *image, unsigned char state)
{
	for (unsigned int i = 0; i < P4K_BPF_SLOTS; i++)
		if (atomic_load(&image->slots[i]) == state)
			return true;
	return false;
}

static bool is_of(const struct image *image, const struct program_file *file, const uint8_t *object,
		  size_t object_length)
{
	return image->manifest_length == file->manifest_length &&
	       image->object_length == object_length &&
	       memcmp(image->manifest, file->manifest, file->manifest_length) == 0 &&
	       memcmp(image->object, object, object_length) == 0;
}

struct image *image_take(const struct program_file *file, struct failure *why)
{
	uint8_t *object, *manifest;
	struct image *image;
	size_t length;

	object = file_read(file->path, MESSAGE_MAX, &length, why);
	if (!object)
		return NULL;
	LIST_FOREACH(image, &images, next) {
		if (is_of(image, file, object, length) && has_slot(image, SLOT_FREE)) {
			free(object);
			image->users++;
			return image;
		}
	}
	manifest = malloc(file->manifest_length + 1);
	if (!manifest) {
		fail(why, FAIL_FULL, "no memory for the manifest");
		free(object);
		return NULL;
	}
	memcpy(manifest, file->manifest, file->manifest_length);
	image = image_load(object, length, manifest, file->manifest_length, why);
	if (image)
		image->users++;
	return image;
}

struct image *image_take_again(uint32_t number, struct failure *why)
{
	struct image *image = find(number);

	if (!image)
		image = load_again(number, why);
	if (image)
		image->users++;
	return image;
}

void image_give(struct image *image)
{
	struct image *next;
	unsigned int unused = 0;

	if (--image->users > 0)
		return;
	LIST_REMOVE(image, next);
	LIST_INSERT_HEAD(&images, image, next);
	for (image = LIST_FIRST(&images); image; image = next) {
		next = LIST_NEXT(image, next);
		/* A thread may have yet to say that a slot is free. */
		if (image->users > 0 || ++unused <= UNUSED_MAX || has_slot(image, SLOT_LEAVING))
			continue;
		LIST_REMOVE(image, next);
		image_free(image, true);
	}
}

int image_slot(struct image *image)
{
	for (unsigned int i = 0; i < P4K_BPF_SLOTS; i++) {
		if (atomic_load(&image->slots[i]) != SLOT_FREE)
			continue;
		atomic_store(&image->slots[i], SLOT_TAKEN);
		return (int)i;
	}
	return -1;
}

int image_slot_again(struct image *image, uint32_t slot, struct failure *why)
{
	if (atomic_load(&image->slots[slot]) != SLOT_FREE)
		return fail(why, FAIL_INVALID, "program %u: slot %u is not to be had",
			    image->number, slot);
	atomic_store(&image->slots[slot], SLOT_TAKEN);
	return 0;
}

/* --- what a slot has ------------------------------------------------------------------------ */

void image_free_slot(struct image *image, uint32_t slot)
{
	struct outer_element elements[P4K_BPF_PORTS + image_maps_most(image)];
	unsigned int n = image_maps_elements(image, slot, elements);

	n += image_leave_exits(image, slot, elements + n);
	atomic_store(&image->slots[slot], SLOT_LEAVING);
	outer_delete_later(elements, n, &image->slots[slot], SLOT_FREE);
}

static bool removed_unused; /* once is enough: those of this process are its images */

void images_remove_unused(void)
{
	if (removed_unused)
		return;
	removed_unused = true;
	for (uint32_t number = 0; number < P4K_BPF_PROGRAMS; number++) {
		struct image *image;

		if (find(number) || !is_kept(number))
			continue;
		outer_wait(); /* its hooks may just have been given to others */
		image = image_new(number, &(struct failure){0});
		if (image)
			image_free(image, true);
	}
}

void images_sweep(void)
{
	struct image *image;

	LIST_FOREACH(image, &images, next) {
		image_find_exits(image);
		for (uint32_t slot = 0; slot < P4K_BPF_SLOTS; slot++)
			if (atomic_load(&image->slots[slot]) == SLOT_FREE &&
			    image_maps_has(image, slot))
				image_free_slot(image, slot);
	}
}

/* --- tests ---------------------------------------------------------------------------------- */

int image_test(struct image *image, struct failure *why)
{
	struct bpf_object *opened;

	if (image->test >= 0)
		return image->test;
	opened = object_open(image->object, image->object_length, why);
	if (!opened)
		return -1;
	if (image_maps_share(opened, "programs", programs, why) == 0 &&
	    image_maps_share_all(image, opened, why) == 0 &&
	    object_load(opened, (struct p4k_bpf_load){.test = 1}, why) == 0) {
		image->test = object_program(opened);
		if (set_program(image->number + P4K_BPF_PROGRAMS, image->test, why) != 0) {
			close(image->test);
			image->test = -1;
		}
	}
	bpf_object__close(opened);
	return image->test;
}

int images_test(struct failure *why)
{
	struct image *image;

	LIST_FOREACH(image, &images, next)
		if (image->users > 0 && image_test(image, why) < 0)
			return -1;
	return 0;
}

static int start(void)
{
	char path[PATH_MAX];

	pin_path(path, PROGRAMS_PIN);
	programs = bpf_obj_get(path);
	if (programs >= 0)
		return 0;
	programs = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "p4k_programs", 4, 4, 2 * P4K_BPF_PROGRAMS, NULL);
	if (programs >= 0 && bpf_obj_pin(programs, path) == 0)
		return 0;
	say("%s: %s", path, strerror(errno));
	if (programs >= 0)
		close(programs);
	programs = -1;
	return -1;
}

/* Devices have gone. */
static void stop(void)
{
	struct image *image;
	char path[PATH_MAX];

	outer_settle();
	images_remove_unused();
	while ((image = LIST_FIRST(&images))) {
		LIST_REMOVE(image, next);
		image_free(image, true);
	}
	pin_path(path, PROGRAMS_PIN);
	unlink(path);
	if (programs >= 0)
		close(programs);
}

const struct module images_module = {.name = "images", .start = start, .stop = stop};
