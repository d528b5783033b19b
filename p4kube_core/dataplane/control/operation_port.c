/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "device.h"
#include "field.h"
#include "message.h"
#include "port.h"

#define P4_PORT_MAX (P4K_PORT_DROP - 1)

static struct port *wanted_port(const struct request *request, const char *field,
				struct failure *why)
{
	const char *name;
	struct port *port;

	if (field_string(request->json, field, PORT_NAME_MAX - 1, &name, why) != 0)
		return NULL;
	port = port_find(name);
	if (!port)
		fail(why, FAIL_NOT_FOUND, "there is no port '%s'", name);
	return port;
}

int op_port_add(const struct request *request, struct answer *answer, struct failure *why)
{
	(void)answer;
	return port_add(request->json, why);
}

int op_port_remove(const struct request *request, struct answer *answer, struct failure *why)
{
	struct port *port = wanted_port(request, "name", why);

	(void)answer;
	return port ? port_remove(port, why) : -1;
}

int op_port_list(const struct request *request, struct answer *answer, struct failure *why)
{
	json_t *list = json_array();
	struct port *port;

	(void)request, (void)why;
	LIST_FOREACH(port, &ports, next)
		json_array_append_new(list, port_describe(port));
	json_object_set_new(answer->json, "ports", list);
	return 0;
}

int op_wire(const struct request *request, struct answer *answer, struct failure *why)
{
	struct device *device = wanted_device(request, "device", why);
	struct port *port, *other;
	uint64_t p4_port;

	(void)answer;
	if (!device || field_number(request->json, "port", 0, P4_PORT_MAX, &p4_port, why) != 0)
		return -1;
	port = wanted_port(request, "name", why);
	if (!port)
		return -1;
	if (port->device == device && port->p4_port == p4_port)
		return 0;
	LIST_FOREACH(other, &ports, next)
		if (other->device == device && other->p4_port == p4_port)
			return fail(why, FAIL_BUSY, "port %" PRIu64 " of device %" PRIu64 " is wired to '%s'",
				    p4_port, device->id, other->name);
	return port_wire(port, device, (uint16_t)p4_port, why);
}

/* By the P4 port, by the port's name, or both. */
int op_unwire(const struct request *request, struct answer *answer, struct failure *why)
{
	struct device *device = wanted_device(request, "device", why);
	const json_t *name = json_object_get(request->json, "name");
	uint64_t p4_port;
	struct port *port;

	(void)answer;
	if (!device || field_number_or(request->json, "port", 0, P4_PORT_MAX, P4K_PORT_DROP,
				       &p4_port, why) != 0)
		return -1;
	if (p4_port == P4K_PORT_DROP && !name)
		return fail(why, FAIL_INVALID, "want port or name");
	if (name && !wanted_port(request, "name", why))
		return -1;
	LIST_FOREACH(port, &ports, next)
		if (port->device == device && (p4_port == P4K_PORT_DROP || port->p4_port == p4_port) &&
		    (!name || port == wanted_port(request, "name", why)))
			return port_wire(port, NULL, 0, why);
	return fail(why, FAIL_NOT_FOUND, "no such port is wired to device %" PRIu64, device->id);
}

int op_inject(const struct request *request, struct answer *answer, struct failure *why)
{
	struct port *port = wanted_port(request, "port", why);

	(void)answer;
	return port ? port_inject(port, request->blob, request->blob_length, why) : -1;
}

int op_packet_out(const struct request *request, struct answer *answer, struct failure *why)
{
	struct device *device = wanted_device(request, "device", why);

	(void)answer;
	return device ? port_packet_out(device, request->blob, request->blob_length, why) : -1;
}

int op_collect(const struct request *request, struct answer *answer, struct failure *why)
{
	struct port *port = wanted_port(request, "port", why);
	uint64_t count;

	if (!port || port_collect(port, &answer->blob, &answer->blob_length, &count, why) != 0)
		return -1;
	json_object_set_new(answer->json, "count", json_integer((json_int_t)count));
	return 0;
}
