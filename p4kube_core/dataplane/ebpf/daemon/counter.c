/* SPDX-License-Identifier: Apache-2.0 */
#include "counter.h"

#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define CPUS_MAX 4096

struct p4k_cell counter_read(const struct counter *counter, uint32_t index)
{
	struct p4k_bpf_cell cell = {0};
	uint32_t at;
	int map = array_find(&counter->cells, index, &at);

	if (map >= 0)
		bpf_map_lookup_elem(map, &at, &cell);
	return (struct p4k_cell){.packets = cell.packets, .bytes = cell.bytes};
}

void counter_write(struct counter *counter, uint32_t index, struct p4k_cell value)
{
	struct p4k_bpf_cell cell = {.packets = value.packets, .bytes = value.bytes};
	uint32_t at;
	int map = array_find(&counter->cells, index, &at);

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
