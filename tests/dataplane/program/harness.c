/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include "p4k_meter.h"
#include "p4k_ring.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                            \
	do {                                                                        \
		if (!(condition)) {                                                 \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
			abort();                                                    \
		}                                                                   \
	} while (0)

#define EVENT_BYTES 4096

struct harness {
	void *object; /* of dlopen; NULL if the program is linked in */
	const struct p4k_program *program;
	struct p4k_table **tables;
	struct p4k_cell **counters;
	void **registers;
	struct p4k_meter_cell **meters;
	struct p4k_ring events;
	uint64_t lost_events;
	struct p4k_context context;
};

static void retire_at_once(void *owner, void (*release)(void *), void *memory)
{
	(void)owner;
	release(memory); /* there is no other thread */
}

static void *zeros(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	CHECK(memory != NULL);
	return memory;
}

struct harness *harness_new(const struct p4k_program *program)
{
	const struct p4k_reclaimer reclaimer = {.retire = retire_at_once};
	struct harness *harness = zeros(1, sizeof(*harness));

	CHECK(program->abi == P4K_ABI);
	harness->program = program;
	harness->tables = zeros(program->n_tables, sizeof(struct p4k_table *));
	harness->counters = zeros(program->n_counters, sizeof(struct p4k_cell *));
	for (unsigned int i = 0; i < program->n_tables; i++)
		CHECK(p4k_table_create(&program->tables[i], &reclaimer, &harness->tables[i]) == 0);
	for (unsigned int i = 0; i < program->n_counters; i++)
		harness->counters[i] = zeros(program->counters[i].size + 1, sizeof(struct p4k_cell));
	harness->registers = zeros(program->n_registers, sizeof(void *));
	for (unsigned int i = 0; i < program->n_registers; i++)
		harness->registers[i] =
			zeros(program->registers[i].size, p4k_register_bytes(&program->registers[i]));
	harness->meters = zeros(program->n_meters, sizeof(struct p4k_meter_cell *));
	for (unsigned int i = 0; i < program->n_meters; i++)
		harness->meters[i] = zeros(program->meters[i].size + 1, sizeof(struct p4k_meter_cell));
	harness->events.size = EVENT_BYTES;
	harness->events.bytes = zeros(1, EVENT_BYTES);
	harness->context.events = &harness->events;
	harness->context.lost_events = &harness->lost_events;
	harness->context.meters = harness->meters;
	harness->context.registers = harness->registers;
	harness->context.tables = (const struct p4k_table *const *)harness->tables;
	harness->context.counters = harness->counters;
	harness->context.drops = zeros(program->n_drops, sizeof(uint64_t));
	harness->context.now_ns = 1000000000;
	return harness;
}

struct harness *harness_open(const char *path)
{
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct p4k_program *program = object ? dlsym(object, "p4k_program") : NULL;
	struct harness *harness;

	if (program == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return NULL;
	}
	harness = harness_new(program);
	harness->object = object;
	return harness;
}

void harness_free(struct harness *harness)
{
	for (unsigned int i = 0; i < harness->program->n_tables; i++)
		p4k_table_destroy(harness->tables[i]);
	for (unsigned int i = 0; i < harness->program->n_counters; i++)
		free(harness->counters[i]);
	for (unsigned int i = 0; i < harness->program->n_registers; i++)
		free(harness->registers[i]);
	for (unsigned int i = 0; i < harness->program->n_meters; i++)
		free(harness->meters[i]);
	free(harness->meters);
	free(harness->events.bytes);
	free(harness->registers);
	free(harness->tables);
	free(harness->counters);
	free(harness->context.drops);
	if (harness->object)
		dlclose(harness->object);
	free(harness);
}

int harness_insert(struct harness *harness, unsigned int table, const uint8_t *record)
{
	return p4k_table_insert(harness->tables[table], record);
}

int harness_set_default(struct harness *harness, unsigned int table, uint16_t action, const uint8_t *data)
{
	return p4k_table_set_default(harness->tables[table], action, data);
}

uint64_t harness_drops(const struct harness *harness, unsigned int index)
{
	return harness->context.drops[index];
}

uint64_t harness_packets(const struct harness *harness, unsigned int counter, uint32_t index)
{
	return harness->counters[counter][index].packets;
}

uint64_t harness_bytes(const struct harness *harness, unsigned int counter, uint32_t index)
{
	return harness->counters[counter][index].bytes;
}

uint32_t harness_slot(const struct harness *harness, unsigned int table, const uint8_t *record)
{
	const struct p4k_entry *entry = p4k_table_find(harness->tables[table], record);

	return entry ? entry->slot : p4k_default(harness->tables[table])->slot;
}

void harness_meter(struct harness *harness, unsigned int meter, uint32_t index, uint64_t cir, uint64_t cburst,
		   uint64_t pir, uint64_t pburst)
{
	p4k_meter_write(&harness->meters[meter][index], &(struct p4k_meter_config){true, cir, cburst, pir, pburst});
}

void harness_time(struct harness *harness, uint64_t now_ns)
{
	harness->context.now_ns = now_ns;
}

uint64_t harness_lost(const struct harness *harness)
{
	return harness->lost_events;
}

int64_t harness_digest(struct harness *harness, uint8_t *data)
{
	struct p4k_event event;

	if (!p4k_ring_peek(&harness->events, &event))
		return -1;
	CHECK(event.kind == P4K_EVENT_DIGEST && event.index < harness->program->n_digests);
	CHECK(event.length == harness->program->digests[event.index].data_bytes);
	p4k_ring_take(&harness->events, &event, data);
	return event.index;
}

unsigned int harness_run(struct harness *harness, unsigned int port, const uint8_t *data, uint32_t length,
			 uint32_t headroom, uint32_t tailroom, uint8_t *out, uint32_t room, uint32_t *out_length)
{
	const size_t size = (size_t)headroom + length + tailroom;
	uint8_t *buffer = malloc(size ? size : 1);
	struct p4k_packet packet = {
		.data = buffer + headroom,
		.length = length,
		.headroom = headroom,
		.tailroom = tailroom,
		.ingress_port = (uint16_t)port,
		.egress_port = P4K_PORT_DROP,
	};

	CHECK(buffer != NULL);
	memset(buffer, 0xa5, size);
	if (length)
		memcpy(packet.data, data, length);
	harness->program->process(&harness->context, &packet, 1);
	CHECK(packet.data >= buffer && packet.headroom == (size_t)(packet.data - buffer));
	CHECK(packet.data + packet.length + packet.tailroom == buffer + size);
	if (out_length)
		*out_length = packet.length;
	if (out)
		memcpy(out, packet.data, packet.length < room ? packet.length : room);
	free(buffer);
	return packet.egress_port;
}
