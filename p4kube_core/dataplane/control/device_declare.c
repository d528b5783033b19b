/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "device.h"

static json_t *array(const char *name, uint32_t size, int32_t table)
{
	return json_pack("{s:s, s:I, s:o}", "name", name, "size", (json_int_t)size, "table",
			 table < 0 ? json_null() : json_integer(table));
}

static json_t *declare_counters(const struct p4k_program *program)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < program->n_counters; i++)
		json_array_append_new(list, array(program->counters[i].name,
						  program->counters[i].size,
						  program->counters[i].table));
	return list;
}

static json_t *declare_meters(const struct p4k_program *program)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < program->n_meters; i++)
		json_array_append_new(list, array(program->meters[i].name, program->meters[i].size,
						  program->meters[i].table));
	return list;
}

static json_t *declare_registers(const struct p4k_program *program)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < program->n_registers; i++)
		json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "name",
						      program->registers[i].name, "size",
						      (json_int_t)program->registers[i].size, "width",
						      (json_int_t)program->registers[i].width_bits));
	return list;
}

static json_t *declare_digests(const struct p4k_program *program)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < program->n_digests; i++)
		json_array_append_new(list, json_pack("{s:s, s:I}", "name", program->digests[i].name,
						      "data_bytes",
						      (json_int_t)program->digests[i].data_bytes));
	return list;
}

void device_declare(const struct device *device, json_t *answer)
{
	static const char *const kinds[] = {
		[P4K_EXACT] = "exact", [P4K_LPM] = "lpm", [P4K_TERNARY] = "ternary"};
	const struct p4k_program *program = device->program;
	json_t *tables = json_array(), *drops = json_array();

	for (unsigned int i = 0; i < program->n_tables; i++) {
		const struct p4k_table_spec *spec = &program->tables[i];

		json_array_append_new(tables, json_pack("{s:s, s:s, s:I, s:i, s:i}", "name",
							spec->name, "kind", kinds[spec->kind],
							"size", (json_int_t)spec->size, "key_bytes",
							spec->key_bytes, "data_bytes",
							spec->data_bytes));
	}
	for (unsigned int i = 0; i < program->n_drops; i++)
		json_array_append_new(drops, json_string(program->drops[i]));
	json_object_set_new(answer, "tables", tables);
	json_object_set_new(answer, "counters", declare_counters(program));
	json_object_set_new(answer, "meters", declare_meters(program));
	json_object_set_new(answer, "registers", declare_registers(program));
	json_object_set_new(answer, "digests", declare_digests(program));
	json_object_set_new(answer, "drops", drops);
}
