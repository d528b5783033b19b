/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "device.h"
#include "field.h"
#include "message.h"
#include "port.h"
#include "wire_request.h"

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

static int read_wire(const json_t *from, struct wire *wire, struct failure *why)
{
	uint64_t p4_port;

	wire->device = wanted_device(&(struct request){.json = from}, "device", why);
	if (!wire->device || field_number(from, "port", 0, P4_PORT_MAX, &p4_port, why) != 0)
		return -1;
	wire->port = wanted_port(&(struct request){.json = from}, "name", why);
	wire->p4_port = (uint16_t)p4_port;
	return wire->port ? 0 : -1;
}

/* What stays where it is needs no wiring. */
static bool is_done(const struct wire *wire)
{
	return wire->port->device == wire->device && wire->port->p4_port == wire->p4_port;
}

static bool leaves(const struct port *port, const struct wire *wires, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (wires[i].port == port)
			return true;
	return false;
}

/* The last one against those before it. */
static int check_twice(const struct wire *wires, unsigned int n, struct failure *why)
{
	const struct wire *wire = &wires[n - 1];

	for (unsigned int i = 0; i + 1 < n; i++)
		if (wires[i].port == wire->port ||
		    (wires[i].device == wire->device && wires[i].p4_port == wire->p4_port))
			return fail(why, FAIL_INVALID, "port %u of device %" PRIu64 ", or '%s', is wanted twice",
				    wire->p4_port, wire->device->id, wire->port->name);
	return 0;
}

static int check_places(const struct wire *wires, unsigned int n, struct failure *why)
{
	const struct port *other;

	LIST_FOREACH(other, &ports, next)
		for (unsigned int i = 0; i < n; i++)
			if (other->device == wires[i].device && other->p4_port == wires[i].p4_port &&
			    !leaves(other, wires, n))
				return fail(why, FAIL_BUSY, "port %u of device %" PRIu64 " is wired to '%s'",
					    other->p4_port, other->device->id, other->name);
	return 0;
}

/* One, or those of the list `wires`. */
int op_wire(const struct request *request, struct answer *answer, struct failure *why)
{
	const json_t *list = json_object_get(request->json, "wires"), *at;
	struct wire wires[WIRES_MAX + 1];
	unsigned int n = 0;
	size_t i;

	(void)answer;
	if (!list && read_wire(request->json, &wires[n], why) != 0)
		return -1;
	if (!list && !is_done(&wires[n]))
		n++;
	if (list && (!json_is_array(list) || json_array_size(list) > WIRES_MAX))
		return fail(why, FAIL_INVALID, "wires: want a list of at most %d", WIRES_MAX);
	json_array_foreach(list, i, at) {
		if (read_wire(at, &wires[n], why) != 0)
			return -1;
		if (is_done(&wires[n]))
			continue;
		if (check_twice(wires, ++n, why) != 0)
			return -1;
	}
	if (check_places(wires, n, why) != 0)
		return -1;
	return n > 0 ? ports_wire(wires, n, why) : 0;
}

/* By the P4 port, by the port's name, or both. */
static struct port *wired_port(const json_t *from, struct failure *why)
{
	const struct request part = {.json = from};
	struct device *device = wanted_device(&part, "device", why);
	const json_t *name = json_object_get(from, "name");
	const struct port *named = NULL;
	uint64_t p4_port;
	struct port *port;

	if (!device || field_number_or(from, "port", 0, P4_PORT_MAX, P4K_PORT_DROP, &p4_port, why) != 0)
		return NULL;
	if (p4_port == P4K_PORT_DROP && !name) {
		fail(why, FAIL_INVALID, "want port or name");
		return NULL;
	}
	if (name && !(named = wanted_port(&part, "name", why)))
		return NULL;
	LIST_FOREACH(port, &ports, next)
		if (port->device == device && (p4_port == P4K_PORT_DROP || port->p4_port == p4_port) &&
		    (!name || port == named))
			return port;
	fail(why, FAIL_NOT_FOUND, "no such port is wired to device %" PRIu64, device->id);
	return NULL;
}

/* One, or those of the list `wires`. */
int op_unwire(const struct request *request, struct answer *answer, struct failure *why)
{
	const json_t *list = json_object_get(request->json, "wires"), *at;
	struct port *wired[WIRES_MAX];
	unsigned int n = 0;
	size_t i;

	(void)answer;
	if (!list && !(wired[n++] = wired_port(request->json, why)))
		return -1;
	if (list && (!json_is_array(list) || json_array_size(list) > WIRES_MAX))
		return fail(why, FAIL_INVALID, "wires: want a list of at most %d", WIRES_MAX);
	json_array_foreach(list, i, at)
		if (!(wired[n++] = wired_port(at, why)))
			return -1;
	return ports_unwire(wired, n, why);
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
