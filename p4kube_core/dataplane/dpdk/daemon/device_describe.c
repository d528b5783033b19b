/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "device.h"
#include "settings.h"

void device_declare(const struct device *device, json_t *answer)
{
	static const char *const kinds[] = {
		[P4K_EXACT] = "exact", [P4K_LPM] = "lpm", [P4K_TERNARY] = "ternary"};
	const struct p4k_program *program = device->program;
	json_t *tables = json_array(), *counters = json_array(), *drops = json_array();

	for (unsigned int i = 0; i < program->n_tables; i++) {
		const struct p4k_table_spec *spec = &program->tables[i];

		json_array_append_new(tables, json_pack("{s:s, s:s, s:I, s:i, s:i}", "name",
							spec->name, "kind", kinds[spec->kind],
							"size", (json_int_t)spec->size, "key_bytes",
							spec->key_bytes, "data_bytes",
							spec->data_bytes));
	}
	for (unsigned int i = 0; i < program->n_counters; i++) {
		const struct p4k_counter_spec *spec = &program->counters[i];

		json_array_append_new(
			counters, json_pack("{s:s, s:I, s:o}", "name", spec->name, "size",
					    (json_int_t)spec->size, "table",
					    spec->table < 0 ? json_null() : json_integer(spec->table)));
	}
	for (unsigned int i = 0; i < program->n_drops; i++)
		json_array_append_new(drops, json_string(program->drops[i]));
	json_object_set_new(answer, "tables", tables);
	json_object_set_new(answer, "counters", counters);
	json_object_set_new(answer, "drops", drops);
}

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
