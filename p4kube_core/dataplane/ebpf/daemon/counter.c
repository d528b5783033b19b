/* SPDX-License-Identifier: Apache-2.0 */
#include "counter.h"

#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../runtime/p4k_bpf.h"

#define CPUS_MAX 4096

/* Cells of every processor that there may ever be, which is how the kernel hands them over. */
static struct p4k_bpf_cell cells[CPUS_MAX];

static int cpus(void)
{
	int n = libbpf_num_possible_cpus();

	return n < 1 ? 1 : n > CPUS_MAX ? CPUS_MAX : n;
}

struct p4k_cell counter_read(const struct counter *counter, uint32_t index)
{
	struct p4k_cell sum = {0};

	if (bpf_map_lookup_elem(counter->map, &index, cells) != 0)
		return sum;
	for (int i = 0; i < cpus(); i++) {
		sum.packets += cells[i].packets;
		sum.bytes += cells[i].bytes;
	}
	return sum;
}

void counter_write(struct counter *counter, uint32_t index, struct p4k_cell value)
{
	memset(cells, 0, (size_t)cpus() * sizeof(*cells));
	cells[0] = (struct p4k_bpf_cell){.packets = value.packets, .bytes = value.bytes};
	bpf_map_update_elem(counter->map, &index, cells, BPF_ANY);
}

uint64_t per_cpu_sum(int map, uint32_t index)
{
	static uint64_t values[CPUS_MAX];
	uint64_t sum = 0;

	if (bpf_map_lookup_elem(map, &index, values) != 0)
		return 0;
	for (int i = 0; i < cpus(); i++)
		sum += values[i];
	return sum;
}
