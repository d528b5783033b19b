/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "field.h"
#include "hook.h"
#include "interface.h"
#include "kept.h"
#include "settings.h"
#include "wire.h"

struct port_list ports = LIST_HEAD_INITIALIZER(ports);
static int any_socket = -1; /* to ask about interfaces */

static const char *const kinds[] = {
	[PORT_RING] = "ring", [PORT_TC] = "tc", [PORT_PACKET] = "packet", [PORT_PATCH] = "patch",
	[PORT_CPU] = "cpu"};
static uint32_t last_number;

struct port *port_find(const char *name)
{
	struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (strcmp(port->name, name) == 0)
			return port;
	return NULL;
}

static int read_hook(struct port *port, const json_t *request, struct failure *why)
{
	const char *hook;

	if (field_string(request, "hook", 16, &hook, why) != 0)
		return -1;
	if (strcmp(hook, "ingress") != 0 && strcmp(hook, "egress") != 0)
		return fail(why, FAIL_INVALID, "hook: want ingress or egress; got '%s'", hook);
	port->egress = hook[0] == 'e';
	return 0;
}

static int read_interface(struct port *port, const json_t *request, struct failure *why)
{
	const struct port *other;
	const char *interface;

	if (interface_read(request, &interface, why) != 0)
		return -1;
	snprintf(port->interface, sizeof(port->interface), "%s", interface);
	port->ifindex = (int)if_nametoindex(interface);
	if (port->ifindex == 0)
		return fail(why, FAIL_NOT_FOUND, "interface '%s': there is none", interface);
	if (port->kind == PORT_TC && read_hook(port, request, why) != 0)
		return -1;
	LIST_FOREACH(other, &ports, next)
		if (other->ifindex == port->ifindex && other->egress == port->egress)
			return fail(why, FAIL_BUSY, "%s of interface '%s' is in use by port '%s'",
				    port->egress ? "egress" : "ingress", interface, other->name);
	return 0;
}

static int read_options(struct port *port, const json_t *request, struct failure *why)
{
	const char *peer;

	switch (port->kind) {
	case PORT_RING:
	case PORT_CPU:
		break;
	case PORT_TC:
	case PORT_PACKET:
		return read_interface(port, request, why);
	case PORT_PATCH:
		if (field_string(request, "peer", PORT_NAME_MAX - 1, &peer, why) != 0)
			return -1;
		snprintf(port->peer, sizeof(port->peer), "%s", peer);
		break;
	}
	return 0;
}

static struct port *port_make(const json_t *request, struct failure *why)
{
	struct port *port = calloc(1, sizeof(*port));
	const char *name, *kind;

	if (!port) {
		fail(why, FAIL_FULL, "no memory for a port");
		return NULL;
	}
	port->number = ++last_number;
	if (field_string(request, "name", PORT_NAME_MAX - 1, &name, why) != 0 ||
	    field_string(request, "kind", 16, &kind, why) != 0) {
		free(port);
		return NULL;
	}
	snprintf(port->name, sizeof(port->name), "%s", name);
	while (port->kind < ARRAY_DIM(kinds) && strcmp(kinds[port->kind], kind) != 0)
		port->kind++;
	if (port->kind == ARRAY_DIM(kinds))
		fail(why, FAIL_INVALID, "kind: want tc, packet, patch, cpu or ring; got '%s'", kind);
	else if (port_find(name))
		fail(why, FAIL_EXISTS, "there is a port '%s' already", name);
	else if (read_options(port, request, why) == 0)
		return port;
	free(port);
	return NULL;
}

static void port_free(struct port *port)
{
	LIST_REMOVE(port, next);
	free(port->out);
	free(port);
}

int port_add(const json_t *request, struct failure *why)
{
	struct port *port = port_make(request, why);

	if (!port)
		return -1;
	LIST_INSERT_HEAD(&ports, port, next);
	if (kept_port(port, why) == 0)
		return 0;
	port_free(port);
	return -1;
}

int port_remove(struct port *port, struct failure *why)
{
	(void)why;
	if (port->device)
		wire_off(port);
	else if (port->orphan)
		wire_close(port);
	kept_remove_port(port);
	port_free(port);
	kept_sweep();
	return 0;
}

int ports_unwire(struct port *const *wired, unsigned int n, struct failure *why)
{
	int ret = 0;

	for (unsigned int i = 0; i < n; i++)
		wire_close(wired[i]);
	for (unsigned int i = 0; i < n; i++) {
		if (wired[i]->device)
			wire_off(wired[i]);
		if (kept_port(wired[i], why) != 0)
			ret = -1;
	}
	return ret;
}

void ports_leave(struct device *device)
{
	struct failure why = {0};
	struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->device == device && ports_unwire(&port, 1, &why) != 0)
			say("port '%s': %s", port->name, why.message);
}

uint64_t ports_packets(const struct device *device)
{
	const struct port *port;
	uint64_t packets = 0;

	LIST_FOREACH(port, &ports, next)
		if (port->device == device)
			packets += port->rx_packets;
	return packets;
}

json_t *port_keep(const struct port *port)
{
	json_t *kept = json_pack("{s:s, s:s, s:I}", "name", port->name, "kind", kinds[port->kind], "number",
				 (json_int_t)port->number);

	if (port->kind == PORT_PATCH)
		json_object_set_new(kept, "peer", json_string(port->peer));
	if (port->ifindex)
		json_object_update_new(kept, json_pack("{s:s, s:i, s:s, s:b}", "interface",
						       port->interface, "ifindex", port->ifindex,
						       "hook", port->egress ? "egress" : "ingress",
						       "qdisc_made", port->qdisc_made));
	if (port->orphan)
		json_object_set_new(kept, "orphan", json_true());
	if (port->device)
		json_object_update_new(kept, json_pack("{s:I, s:i}", "device",
						       (json_int_t)port->device->id, "port",
						       port->p4_port));
	return kept;
}

int port_find_again(const json_t *kept, struct failure *why)
{
	uint64_t ifindex, device_id, p4_port, number;
	struct port *port;
	bool made, orphan;

	if (field_number_or(kept, "ifindex", 0, INT32_MAX, 0, &ifindex, why) != 0 ||
	    field_number_or(kept, "device", 0, INT64_MAX, 0, &device_id, why) != 0 ||
	    field_number_or(kept, "port", 0, P4K_BPF_PORTS - 1, 0, &p4_port, why) != 0 ||
	    field_number(kept, "number", 1, UINT32_MAX, &number, why) != 0 ||
	    field_bool_or(kept, "qdisc_made", false, &made, why) != 0 ||
	    field_bool_or(kept, "orphan", false, &orphan, why) != 0)
		return -1;
	port = port_make(kept, why);
	if (!port)
		return -1;
	if (port->ifindex != (int)ifindex) {
		fail(why, FAIL_NOT_FOUND, "interface '%s': it is another one now", port->interface);
		free(port);
		return -1;
	}
	port->number = (uint32_t)number;
	last_number = port->number > last_number ? port->number : last_number;
	LIST_INSERT_HEAD(&ports, port, next);
	port->device = device_id ? device_find(device_id) : NULL;
	port->p4_port = (uint16_t)p4_port;
	port->qdisc_made = made;
	port->orphan = port->ifindex && (orphan || (device_id && !port->device));
	/* Should the former process have ended while it was unwiring. */
	if (!device_id && !orphan && port->ifindex)
		hook_detach(port->ifindex, port->egress);
	return 0;
}

void ports_wire_again(void)
{
	struct failure why = {0};
	struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->device && wire_again(port, &why) != 0)
			say("port '%s' remains as it was: %s", port->name, why.message);
}

/* One of the kernel's counts of an interface. */
static uint64_t statistic(const struct port *port, const char *name)
{
	unsigned long long value = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", port->interface, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%llu", &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

static json_t *count_of(const struct port *port, const char *name, uint64_t ours)
{
	return json_integer((json_int_t)(port->ifindex ? statistic(port, name) : ours));
}

json_t *port_describe(struct port *port)
{
	bool link = !port->ifindex || interface_running(any_socket, port->ifindex);

	return json_pack("{s:s, s:s, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:{s:I}}", "name", port->name,
			 "kind", kinds[port->kind], "device",
			 port->device ? json_integer((json_int_t)port->device->id) : json_null(),
			 "port", port->device ? json_integer(port->p4_port) : json_null(), "link", link,
			 "rx_packets", count_of(port, "rx_packets", port->rx_packets), "rx_bytes",
			 count_of(port, "rx_bytes", port->rx_bytes), "tx_packets",
			 count_of(port, "tx_packets", port->tx_packets), "tx_bytes",
			 count_of(port, "tx_bytes", port->tx_bytes), "drops", "no_device",
			 (json_int_t)port->no_device);
}

static int start(void)
{
	any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any_socket < 0)
		say("cannot make a socket");
	return any_socket < 0 ? -1 : 0;
}

static void stop(void)
{
	struct port *port;

	while ((port = LIST_FIRST(&ports))) {
		if (port->device)
			wire_off(port);
		else if (port->orphan)
			wire_close(port);
		port_free(port);
	}
	close(any_socket);
}

const struct module ports_module = {.name = "ports", .start = start, .stop = stop};
