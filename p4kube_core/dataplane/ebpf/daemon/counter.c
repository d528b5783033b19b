/* SPDX-License-Identifier: Apache-2.0 */
#include "counter.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "outer.h"

#define CPUS_MAX 4096

/* Where the cell of an index is: the default entry's is the first of all. */
static uint32_t place_of(const struct counter *counter, uint32_t index)
{
	if (!counter->direct)
		return index;
	return p4k_bpf_cell_at(index == counter->size - 1 ? 0 : index + 1);
}

static int make_map(const struct counter *counter, uint32_t level)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = counter->direct ? BPF_F_INNER_MAP : 0);
	uint32_t cells = counter->direct ? P4K_BPF_LEVEL_SIZE(level) : counter->size;

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "p4k_counter", 4, sizeof(struct p4k_bpf_cell), cells,
			      &options);
}

static uint32_t place_in_outer(const struct counter *counter, uint32_t level)
{
	return counter->direct ? counter->slot * P4K_BPF_LEVELS + level : counter->slot;
}

static int reach_level(struct counter *counter, uint32_t level)
{
	struct outer_change change = {
		.outer = counter->outer, .index = place_in_outer(counter, level)};
	int ret;

	change.inner = make_map(counter, level);
	if (change.inner < 0)
		return -ENOMEM;
	ret = outer_put(&change, 1);
	if (ret != 0)
		close(change.inner);
	else
		counter->maps[level] = change.inner;
	return ret;
}

int counter_reach(struct counter *counter, uint32_t n)
{
	int ret = 0;

	for (uint32_t level = 0; ret == 0 && level <= p4k_bpf_cell_at(n) >> 24; level++)
		if (counter->maps[level] < 0)
			ret = reach_level(counter, level);
	return ret;
}

int counter_make(struct counter *counter, const struct image *image, unsigned int index,
		 uint32_t slot, bool found, struct failure *why)
{
	const struct p4k_counter_spec *spec = &image->program->counters[index];
	int ret = 0;

	*counter = NO_COUNTER;
	counter->size = spec->size;
	counter->direct = spec->table >= 0;
	counter->slot = slot;
	if (counter->direct)
		counter->size = image->program->tables[spec->table].size + 1;
	if (counter->size == 0)
		return 0;
	counter->outer = image_map_at(image, "counter", index);
	if (!found)
		ret = reach_level(counter, 0);
	for (uint32_t level = 0; found && level < (counter->direct ? P4K_BPF_LEVELS : 1); level++) {
		counter->maps[level] = outer_get(counter->outer, place_in_outer(counter, level));
		if (counter->maps[level] < 0 && counter->maps[level] != -ENOENT)
			ret = counter->maps[level];
	}
	return ret == 0 ? 0 : fail(why, FAIL_IO, "counter '%s': %s", spec->name, strerror(-ret));
}

void counter_free(struct counter *counter)
{
	for (uint32_t level = 0; level < P4K_BPF_LEVELS; level++)
		if (counter->maps[level] >= 0)
			close(counter->maps[level]);
}

/* The map with the cell of an index, and where it is there. */
static int find(const struct counter *counter, uint32_t index, uint32_t *at)
{
	uint32_t place = place_of(counter, index);

	*at = counter->direct ? place & 0xffffff : place;
	return counter->maps[counter->direct ? place >> 24 : 0];
}

struct p4k_cell counter_read(const struct counter *counter, uint32_t index)
{
	struct p4k_bpf_cell cell = {0};
	uint32_t at;
	int map = find(counter, index, &at);

	if (map >= 0)
		bpf_map_lookup_elem(map, &at, &cell);
	return (struct p4k_cell){.packets = cell.packets, .bytes = cell.bytes};
}

void counter_write(struct counter *counter, uint32_t index, struct p4k_cell value)
{
	struct p4k_bpf_cell cell = {.packets = value.packets, .bytes = value.bytes};
	uint32_t at;
	int map = find(counter, index, &at);

	if (map >= 0)
		bpf_map_update_elem(map, &at, &cell, BPF_ANY);
}

/* Values of every processor that there may ever be, which is how the kernel hands them over. */
static uint64_t values[CPUS_MAX];

static int cpus(void)
{
	int n = libbpf_num_possible_cpus();

	return n < 1 ? 1 : n > CPUS_MAX ? CPUS_MAX : n;
}

uint64_t per_cpu_sum(int map, uint32_t index)
{
	uint64_t sum = 0;

	if (bpf_map_lookup_elem(map, &index, values) != 0)
		return 0;
	for (int i = 0; i < cpus(); i++)
		sum += values[i];
	return sum;
}

void per_cpu_clear(int map, uint32_t index)
{
	memset(values, 0, (size_t)cpus() * sizeof(*values));
	bpf_map_update_elem(map, &index, values, BPF_ANY);
}
