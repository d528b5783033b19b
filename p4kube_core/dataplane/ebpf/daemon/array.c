/* SPDX-License-Identifier: Apache-2.0 */
#include "array.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "outer.h"

/* Where the cell of an index is: the default entry's is the first of all. */
static uint32_t place_of(const struct array *array, uint32_t index)
{
	if (!array->direct)
		return index;
	return p4k_bpf_cell_at(index == array->size - 1 ? 0 : index + 1);
}

static uint32_t level_of(const struct array *array, uint32_t place)
{
	return array->direct ? place >> 24 : 0;
}

static uint32_t n_levels(const struct array *array)
{
	return array->direct ? P4K_BPF_LEVELS : 1;
}

static uint32_t level_size(const struct array *array, uint32_t level)
{
	return array->direct ? P4K_BPF_LEVEL_SIZE(level) : array->size;
}

static int make_map(const struct array *array, uint32_t level)
{
	LIBBPF_OPTS(bpf_map_create_opts, options,
		    .map_flags = (array->direct ? BPF_F_INNER_MAP : 0) |
				 (array->mapped ? BPF_F_MMAPABLE : 0));

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "p4k_cells", 4, array->cell_bytes,
			      level_size(array, level), &options);
}

static uint32_t place_in_outer(const struct array *array, uint32_t level)
{
	return array->slot * n_levels(array) + level;
}

static int reach_level(struct array *array, uint32_t level)
{
	struct outer_change change = {
		.outer = array->outer, .index = place_in_outer(array, level), .inner = make_map(array, level)};
	int ret;

	if (change.inner < 0)
		return -ENOMEM;
	ret = outer_put(&change, 1);
	if (ret != 0)
		close(change.inner);
	else
		array->maps[level] = change.inner;
	return ret;
}

int array_reach(struct array *array, uint32_t n)
{
	int ret = 0;

	for (uint32_t level = 0; ret == 0 && level <= p4k_bpf_cell_at(n) >> 24; level++)
		if (array->maps[level] < 0)
			ret = reach_level(array, level);
	return ret;
}

static int find_again(struct array *array)
{
	for (uint32_t level = 0; level < n_levels(array); level++) {
		array->maps[level] = outer_get(array->outer, place_in_outer(array, level));
		if (array->maps[level] < 0 && array->maps[level] != -ENOENT)
			return array->maps[level];
	}
	return 0;
}

static void prepare(struct array *array, const struct image *image, const struct array_spec *spec,
		    uint32_t slot)
{
	*array = NO_ARRAY;
	array->direct = spec->table >= 0;
	array->size = array->direct ? image->program->tables[spec->table].size + 1 : spec->size;
	array->cell_bytes = spec->cell_bytes;
	array->mapped = spec->mapped;
	array->slot = slot;
	array->outer = image_map_at(image, spec->map, spec->index);
}

int array_make(struct array *array, const struct image *image, const struct array_spec *spec,
	       uint32_t slot, bool found, struct failure *why)
{
	int ret = 0;

	prepare(array, image, spec, slot);
	if (array->size > 0)
		ret = found ? find_again(array) : reach_level(array, 0);
	return ret == 0 ? 0 : fail(why, FAIL_IO, "%s %u: %s", spec->map, spec->index, strerror(-ret));
}

static int share_level(struct array *array, const struct array *from, uint32_t level)
{
	struct outer_change change = {
		.outer = array->outer,
		.index = place_in_outer(array, level),
		.inner = fcntl(from->maps[level], F_DUPFD_CLOEXEC, 3),
	};
	int ret = change.inner < 0 ? -errno : outer_put(&change, 1);

	if (ret == 0)
		array->maps[level] = change.inner;
	else if (change.inner >= 0)
		close(change.inner);
	return ret;
}

int array_share(struct array *array, const struct image *image, const struct array_spec *spec,
		uint32_t slot, const struct array *from, struct failure *why)
{
	int ret = 0;

	if (array->size == 0)
		prepare(array, image, spec, slot);
	for (uint32_t level = 0; ret == 0 && level < n_levels(array); level++)
		if (from->maps[level] >= 0 && array->maps[level] < 0)
			ret = share_level(array, from, level);
	return ret == 0 ? 0 : fail(why, FAIL_IO, "%s %u cannot be shared: %s", spec->map, spec->index,
				   strerror(-ret));
}

/* Each cell is padded to a multiple of 8, and all to whole pages. */
static size_t memory_bytes(const struct array *array, uint32_t level)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (size_t)level_size(array, level) * ((array->cell_bytes + 7) / 8 * 8);

	return (bytes + page - 1) / page * page;
}

void array_free(struct array *array)
{
	for (uint32_t level = 0; level < P4K_BPF_LEVELS; level++) {
		if (array->memory[level])
			munmap(array->memory[level], memory_bytes(array, level));
		if (array->maps[level] >= 0)
			close(array->maps[level]);
	}
	*array = NO_ARRAY;
}

int array_find(const struct array *array, uint32_t index, uint32_t *at)
{
	uint32_t place = place_of(array, index);

	*at = array->direct ? place & 0xffffff : place;
	return array->maps[level_of(array, place)];
}

void *array_cell(struct array *array, uint32_t index)
{
	uint32_t level = level_of(array, place_of(array, index)), at;
	int map = array_find(array, index, &at);

	if (!array->memory[level] && map >= 0) {
		void *memory = mmap(NULL, memory_bytes(array, level), PROT_READ | PROT_WRITE, MAP_SHARED,
				    map, 0);

		if (memory == MAP_FAILED)
			return NULL;
		array->memory[level] = memory;
	}
	return array->memory[level] ? array->memory[level] + (size_t)at * ((array->cell_bytes + 7) / 8 * 8) :
				      NULL;
}
