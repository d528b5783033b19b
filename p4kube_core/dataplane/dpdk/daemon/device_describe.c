/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "device.h"
#include "settings.h"

/* Adds, since a program may use the name of a reason of ours. */
static void count_drop(json_t *drops, const char *reason, uint64_t n)
{
	json_int_t before = json_integer_value(json_object_get(drops, reason));

	json_object_set_new(drops, reason, json_integer(before + (json_int_t)n));
}

json_t *device_describe(const struct device *device)
{
	const struct p4k_program *program = device->program;
	json_t *tables = json_array(), *drops = json_object();
	uint64_t packets = 0;

	for (unsigned int i = 0; i < program->n_tables; i++)
		json_array_append_new(tables,
				      json_pack("{s:s, s:I, s:I}", "name", program->tables[i].name,
						"entries",
						(json_int_t)p4k_table_count(device->tables[i]),
						"size", (json_int_t)program->tables[i].size));
	for (unsigned int w = 0; w < settings.workers; w++) {
		const struct device_run *run = &device->runs[w];

		packets += run->packets;
		for (unsigned int i = 0; i < program->n_drops; i++)
			count_drop(drops, program->drops[i], run->context.drops[i]);
		count_drop(drops, "no_port", run->no_port);
	}
	return json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:I}", "id", (json_int_t)device->id, "name",
			 device->name, "program", program->name, "digest", program->digest, "tables",
			 tables, "drops", drops, "packets", (json_int_t)packets);
}
