/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "device.h"

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
