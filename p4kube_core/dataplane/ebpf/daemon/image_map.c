/* SPDX-License-Identifier: Apache-2.0 */
#include "image_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "mirror_bytes.h"
#include "pins.h"

/* --- whether they are what the manifest promises --------------------------------------------- */

static int check(const struct bpf_object *opened, const char *name, unsigned int index,
		 uint32_t key_bytes, uint32_t value_bytes, uint32_t entries, struct failure *why)
{
	char full[MAP_NAME_MAX];

	snprintf(full, sizeof(full), "%s_%u", name, index);
	return object_check_map(opened, full, (struct map_shape){key_bytes, value_bytes, entries}, why);
}

/* A table whose entries are all its program's own may have them in its code instead of a map. */
static bool is_in_code(const struct bpf_object *opened, unsigned int index,
		       const struct p4k_table_spec *spec)
{
	char name[MAP_NAME_MAX];

	snprintf(name, sizeof(name), "table_%u", index);
	return spec->n_const_entries > 0 && !bpf_object__find_map_by_name(opened, name);
}

static int check_table(const struct bpf_object *opened, unsigned int index,
		       const struct p4k_table_spec *spec, struct failure *why)
{
	if (check(opened, "default", index, 4, P4K_BPF_DEFAULT_BYTES(spec->data_bytes),
		  P4K_BPF_SLOTS, why) != 0)
		return -1;
	if (spec->key_bytes > 0 && !is_in_code(opened, index, spec) &&
	    check(opened, "table", index, mirror_key_bytes(spec), mirror_value_bytes(spec), spec->size, why) != 0)
		return -1;
	if (spec->kind != P4K_TERNARY)
		return 0;
	return check(opened, "masks", index, 4, P4K_BPF_MASK_BYTES + spec->key_bytes, P4K_BPF_MASKS,
		     why);
}

int image_maps_check(const struct image *image, const struct bpf_object *opened,
		     struct failure *why)
{
	const struct p4k_program *program = image->program;

	for (unsigned int i = 0; i < program->n_tables; i++)
		if (check_table(opened, i, &program->tables[i], why) != 0)
			return -1;
	for (unsigned int i = 0; i < program->n_counters; i++) {
		const struct p4k_counter_spec *spec = &program->counters[i];
		uint32_t cells = spec->table >= 0 ? 1 : spec->size;

		if (cells > 0 && check(opened, "counter", i, 4, sizeof(struct p4k_bpf_cell), cells, why) != 0)
			return -1;
	}
	if (object_check_map(opened, "drops",
			     (struct map_shape){4, 8, P4K_BPF_SLOTS * P4K_BPF_DROPS}, why) != 0)
		return -1;
	if (object_check_map(opened, "near_exits",
			     (struct map_shape){4, 8, P4K_BPF_SLOTS * P4K_BPF_NEAR}, why) != 0)
		return -1;
	return object_check_map(opened, "exits", (struct map_shape){4, 8, 1}, why);
}

/* --- whose they are --------------------------------------------------------------------------- */

int image_maps_share(struct bpf_object *opened, const char *name, int fd, struct failure *why)
{
	struct bpf_map *map = bpf_object__find_map_by_name(opened, name);
	int ret = map ? bpf_map__reuse_fd(map, fd) : 0;

	return ret == 0 ? 0 : fail(why, FAIL_INVALID, "map '%s' cannot be shared: %s", name,
				   strerror(-ret));
}

int image_maps_share_all(const struct image *image, struct bpf_object *opened, struct failure *why)
{
	for (unsigned int i = 0; i < image->n_maps; i++)
		if (image_maps_share(opened, image->maps[i].name, image->maps[i].fd, why) != 0)
			return -1;
	return 0;
}

/* Takes the descriptor over. */
static int add(struct image *image, const char *name, int fd, struct failure *why)
{
	struct image_map *maps = realloc(image->maps, (image->n_maps + 1) * sizeof(*maps));
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);

	if (maps)
		image->maps = maps;
	if (!maps || fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) != 0) {
		if (fd >= 0)
			close(fd);
		return fail(why, FAIL_FULL, "map '%s': no memory or no descriptor", name);
	}
	maps = &image->maps[image->n_maps++];
	maps->fd = fd;
	maps->each = info.type == BPF_MAP_TYPE_ARRAY_OF_MAPS ? info.max_entries / P4K_BPF_SLOTS : 0;
	snprintf(maps->name, sizeof(maps->name), "%s", name);
	return 0;
}

/* What all images share is nobody's. */
static bool is_own(const struct bpf_map *map)
{
	return !bpf_map__is_internal(map) && strcmp(bpf_map__name(map), "programs") != 0;
}

int image_maps_take(struct image *image, struct bpf_object *loaded, struct failure *why)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, loaded)
		if (is_own(map) && add(image, bpf_map__name(map),
				       fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3), why) != 0)
			return -1;
	return 0;
}

int image_maps_pin(const struct image *image, struct failure *why)
{
	for (unsigned int i = 0; i < image->n_maps; i++) {
		char path[PATH_MAX];

		pin_path(path, "p%u/%s", image->number, image->maps[i].name);
		if (bpf_obj_pin(image->maps[i].fd, path) != 0)
			return fail(why, FAIL_IO, "%s: %s", path, strerror(errno));
	}
	return 0;
}

struct finding {
	struct image *image;
	struct failure *why;
	int ret;
};

static void find(void *owner, const char *name)
{
	struct finding *finding = owner;
	char path[PATH_MAX];

	if (finding->ret != 0 || strcmp(name, "program") == 0)
		return;
	pin_path(path, "p%u/%s", finding->image->number, name);
	finding->ret = add(finding->image, name, bpf_obj_get(path), finding->why);
}

int image_maps_find_again(struct image *image, struct failure *why)
{
	struct finding finding = {.image = image, .why = why};
	char path[PATH_MAX];

	pin_path(path, "p%u", image->number);
	files_of(path, find, &finding);
	return finding.ret;
}

void image_maps_close(struct image *image)
{
	for (unsigned int i = 0; i < image->n_maps; i++)
		close(image->maps[i].fd);
	free(image->maps);
}

int image_map(const struct image *image, const char *name)
{
	for (unsigned int i = 0; i < image->n_maps; i++)
		if (strcmp(image->maps[i].name, name) == 0)
			return image->maps[i].fd;
	return -1;
}

int image_map_at(const struct image *image, const char *name, unsigned int index)
{
	char full[MAP_NAME_MAX];

	snprintf(full, sizeof(full), "%s_%u", name, index);
	return image_map(image, full);
}

/* --- what a slot has --------------------------------------------------------------------------- */

unsigned int image_maps_most(const struct image *image)
{
	unsigned int most = 0;

	for (unsigned int i = 0; i < image->n_maps; i++)
		most += image->maps[i].each;
	return most;
}

unsigned int image_maps_elements(const struct image *image, uint32_t slot,
				 struct outer_element *elements)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < image->n_maps; i++) {
		const struct image_map *map = &image->maps[i];

		for (uint32_t index = slot * map->each; index < (slot + 1) * map->each; index++) {
			uint32_t id;

			if (bpf_map_lookup_elem(map->fd, &index, &id) == 0)
				elements[n++] = (struct outer_element){map->fd, index};
		}
	}
	return n;
}

bool image_maps_has(const struct image *image, uint32_t slot)
{
	struct outer_element elements[image_maps_most(image) + 1];

	for (unsigned int i = 0; i < P4K_BPF_PORTS / 64; i++)
		if (image->exits[slot][i])
			return true;
	return image_maps_elements(image, slot, elements) > 0;
}
