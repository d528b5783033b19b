/* SPDX-License-Identifier: Apache-2.0 */
/*
 * l3.p4 as our compiler translates it, in our tables, with the data plane's own step between mbufs
 * and packets.
 */
#include "candidate.h"
#include "workload.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "p4kube_core/dataplane/dpdk/daemon/packet.h"
#include "p4kube_core/dataplane/dpdk/runtime/p4k_table.h"

static const struct p4k_program *program;
static const struct p4k_table **tables;
static struct p4k_context context;

/* Nothing is deleted here. */
static void
retire(void *owner, void (*free)(void *), void *memory)
{
	(void)owner;
	free(memory);
}

static void
put_be(uint8_t *bytes, unsigned int n, uint32_t value)
{
	for (; n > 0; value >>= 8)
		bytes[--n] = (uint8_t)value;
}

static uint16_t
action_named(const char *name)
{
	for (uint16_t i = 0; i < program->n_actions; i++)
		if (strcmp(program->actions[i].name, name) == 0)
			return i;
	rte_panic("no action %s in %s\n", name, program->name);
}

static struct p4k_table *
table_named(const char *name)
{
	for (uint16_t i = 0; i < program->n_tables; i++)
		if (strcmp(program->tables[i].name, name) == 0)
			return (struct p4k_table *)(uintptr_t)tables[i];
	rte_panic("no table %s in %s\n", name, program->name);
}

static bool
add_entries(void)
{
	struct p4k_table *lpm = table_named("Route.routes");
	struct p4k_table *exact = table_named("Route.next_hops");

	for (unsigned int i = 0; i < N_ROUTES; i++) {
		uint8_t record[10] = {0};

		put_be(record, 4, routes[i].prefix);
		put_be(record + 4, 2, routes[i].bits);
		put_be(record + 6, 2, action_named("Route.set_next_hop"));
		put_be(record + 8, 2, routes[i].next_hop);
		if (p4k_table_insert(lpm, record) < 0)
			return false;
	}
	for (unsigned int i = 0; i < N_HOPS; i++) {
		uint8_t record[18] = {0};

		put_be(record, 2, i);
		put_be(record + 2, 2, action_named("Route.forward"));
		memcpy(record + 4, hops[i].dst_addr, 6);
		memcpy(record + 10, hops[i].src_addr, 6);
		put_be(record + 16, 2, hops[i].port);
		if (p4k_table_insert(exact, record) < 0)
			return false;
	}
	return true;
}

static bool
make_context(void)
{
	const struct p4k_reclaimer reclaimer = {.retire = retire};
	struct p4k_cell **counters = calloc(program->n_counters + 1u, sizeof(*counters));
	void **registers;

	tables = calloc(program->n_tables + 1u, sizeof(*tables));
	context.drops = calloc(program->n_drops + 1u, sizeof(*context.drops));
	if (tables == NULL || counters == NULL || context.drops == NULL)
		return false;
	for (uint16_t i = 0; i < program->n_counters; i++) {
		counters[i] = calloc(program->counters[i].size + 1u, sizeof(**counters));
		if (counters[i] == NULL)
			return false;
	}
	for (uint16_t i = 0; i < program->n_tables; i++)
		if (p4k_table_create(&program->tables[i], &reclaimer,
				     (struct p4k_table **)(uintptr_t)&tables[i]) < 0)
			return false;
	registers = calloc(program->n_registers + 1u, sizeof(*registers));
	if (registers == NULL)
		return false;
	for (uint16_t i = 0; i < program->n_registers; i++) {
		const struct p4k_register_spec *spec = &program->registers[i];

		registers[i] = calloc(spec->size + 1u, p4k_register_bytes(spec));
		if (registers[i] == NULL)
			return false;
	}
	context.registers = registers;
	context.tables = tables;
	context.counters = counters;
	return true;
}

bool
ours_setup(const char *path)
{
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (object == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return false;
	}
	program = dlsym(object, "p4k_program");
	if (program == NULL || program->abi != P4K_ABI) {
		fprintf(stderr, "%s is no program of this ABI\n", path);
		return false;
	}
	return make_context() && add_entries();
}

void
ours_run(void)
{
	struct p4k_packet packets[BURST];
	struct rte_mbuf *mbufs[BURST];
	unsigned int n;

	while ((n = source_burst(mbufs)) != 0) {
		for (unsigned int i = 0; i < n; i++)
			(void)packet_from_mbuf(&packets[i], mbufs[i], 0);
		program->process(&context, packets, n);
		for (unsigned int i = 0; i < n; i++) {
			packet_to_mbuf(&packets[i], mbufs[i]);
			mbufs[i]->port = packets[i].egress_port;
		}
		sink_burst(mbufs, n);
	}
}
