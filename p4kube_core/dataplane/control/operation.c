/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "device.h"
#include "field.h"
#include "message.h"
#include "module.h"

static int op_hello(const struct request *request, struct answer *answer, struct failure *why)
{
	(void)request, (void)why;
	json_object_set_new(answer->json, "version", json_string(P4KUBE_VERSION));
	json_object_set_new(answer->json, "abi", json_integer(P4K_ABI));
	json_object_set_new(answer->json, "pid", json_integer(getpid()));
	describe_process(answer->json);
	return 0;
}

static int op_shutdown(const struct request *request, struct answer *answer, struct failure *why)
{
	(void)request, (void)answer, (void)why;
	control_end();
	return 0;
}

static const struct {
	const char *name;
	operation perform;
} operations[] = {
	{"hello", op_hello},
	{"port_add", op_port_add},
	{"port_remove", op_port_remove},
	{"port_list", op_port_list},
	{"device_add", op_device_add},
	{"device_replace", op_device_replace},
	{"device_remove", op_device_remove},
	{"device_list", op_device_list},
	{"wire", op_wire},
	{"unwire", op_unwire},
	{"entries_write", op_entries_write},
	{"entries_read", op_entries_read},
	{"default_write", op_default_write},
	{"default_read", op_default_read},
	{"counter_read", op_counter_read},
	{"counter_write", op_counter_write},
	{"direct_counter_write", op_direct_counter_write},
	{"meter_read", op_meter_read},
	{"meter_write", op_meter_write},
	{"direct_meter_write", op_direct_meter_write},
	{"register_read", op_register_read},
	{"register_write", op_register_write},
	{"inject", op_inject},
	{"collect", op_collect},
	{"packet_out", op_packet_out},
	{"subscribe", op_subscribe},
	{"shutdown", op_shutdown},
};

operation operation_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_DIM(operations); i++)
		if (strcmp(operations[i].name, name) == 0)
			return operations[i].perform;
	return NULL;
}

struct device *wanted_device(const struct request *request, const char *field, struct failure *why)
{
	struct device *device;
	uint64_t id;

	if (field_number(request->json, field, 1, INT64_MAX, &id, why) != 0)
		return NULL;
	device = device_find(id);
	if (!device)
		fail(why, FAIL_NOT_FOUND, "there is no device %" PRIu64, id);
	return device;
}
