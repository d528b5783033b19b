/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "field.h"
#include "settings.h"
#include "wire_request.h"
#include "wiring.h"

struct port_list ports = LIST_HEAD_INITIALIZER(ports);
static unsigned int next_worker;

static const struct port_kind *const kinds[] = {
	&packet_kind, &tap_kind, &vhost_kind, &ring_kind, &ethdev_kind, &cpu_kind, &patch_kind,
};

const char *port_drop_name(enum port_drop reason)
{
	static const char *const names[DROPS] = {
		[DROP_NO_DEVICE] = "no_device",	  [DROP_NO_MBUF] = "no_mbuf",
		[DROP_OVERSIZED] = "oversized",	  [DROP_MALFORMED] = "malformed_offload",
		[DROP_NO_LINK] = "no_link",
		[DROP_RX_FULL] = "rx_full",	  [DROP_TX_FULL] = "tx_full",	  [DROP_TX_ERROR] = "tx_error",
		[DROP_NO_PEER] = "no_peer",	  [DROP_TOO_MANY_HOPS] = "too_many_hops",
	};

	return names[reason];
}

struct port *port_find(const char *name)
{
	struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (strcmp(port->name, name) == 0)
			return port;
	return NULL;
}

struct port *cpu_port_of(const struct device *device)
{
	struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->device == device && port->kind == &cpu_kind)
			return port;
	return NULL;
}

int port_claim(struct port *port, struct failure *why, const char *format, ...)
{
	struct port *other;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(port->key, sizeof(port->key), format, arguments);
	va_end(arguments);
	LIST_FOREACH(other, &ports, next)
		if (strcmp(other->key, port->key) == 0)
			return fail(why, FAIL_BUSY, "%s is in use by port '%s'", port->key,
				    other->name);
	return 0;
}

static const struct port_kind *kind_find(const char *name, struct failure *why)
{
	for (size_t i = 0; i < RTE_DIM(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	fail(why, FAIL_INVALID, "kind: want packet, tap, vhost, ring, ethdev, cpu or patch; got '%s'", name);
	return NULL;
}

static void port_free(struct port *port)
{
	free(port->tally);
	free(port);
}

/* A port that is not open yet. */
static struct port *port_make(const char *name, const struct port_kind *kind)
{
	struct port *port = calloc(1, kind->size);
	size_t bytes = settings.workers * sizeof(*port->tally);

	if (!port)
		return NULL;
	port->tally = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
	if (!port->tally) {
		free(port);
		return NULL;
	}
	memset(port->tally, 0, bytes);
	snprintf(port->name, sizeof(port->name), "%s", name);
	port->kind = kind;
	port->fd = -1;
	port->worker = next_worker++ % settings.workers;
	return port;
}

int port_add(const json_t *request, struct failure *why)
{
	const struct port_kind *kind;
	const char *name, *kind_name;
	struct port *port;

	if (field_string(request, "name", PORT_NAME_MAX - 1, &name, why) != 0 ||
	    field_string(request, "kind", 16, &kind_name, why) != 0)
		return -1;
	kind = kind_find(kind_name, why);
	if (!kind)
		return -1;
	if (port_find(name))
		return fail(why, FAIL_EXISTS, "there is a port '%s' already", name);
	port = port_make(name, kind);
	if (!port)
		return fail(why, FAIL_FULL, "no memory for port '%s'", name);
	if (kind->open(port, request, why) != 0) {
		port_free(port);
		return -1;
	}
	LIST_INSERT_HEAD(&ports, port, next);
	if (wiring_publish(why) != 0) {
		LIST_REMOVE(port, next);
		kind->close(port);
		port_free(port);
		return -1;
	}
	return 0;
}

int port_remove(struct port *port, struct failure *why)
{
	LIST_REMOVE(port, next);
	if (wiring_publish(why) != 0) {
		LIST_INSERT_HEAD(&ports, port, next);
		return -1;
	}
	port->kind->close(port);
	port_free(port);
	return 0;
}

/* All are where they are to be: a device has one cpu port at most. */
static int check_cpu_port(const struct wire *wire, struct failure *why)
{
	const struct port *other;

	if (wire->port->kind != &cpu_kind)
		return 0;
	LIST_FOREACH(other, &ports, next)
		if (other != wire->port && other->kind == &cpu_kind && other->device == wire->device)
			return fail(why, FAIL_BUSY, "device %" PRIu64 " has a cpu port: '%s'",
				    wire->device->id, other->name);
	return 0;
}

static int publish(const struct wire *wires, unsigned int n, struct failure *why)
{
	for (unsigned int i = 0; i < n; i++)
		if (check_cpu_port(&wires[i], why) != 0)
			return -1;
	return wiring_publish(why);
}

int ports_wire(const struct wire *wires, unsigned int n, struct failure *why)
{
	struct wire before[WIRES_MAX];

	for (unsigned int i = 0; i < n; i++) {
		struct port *port = wires[i].port;

		before[i] = (struct wire){port, port->device, port->p4_port};
		port->device = wires[i].device;
		port->p4_port = wires[i].p4_port;
	}
	if (publish(wires, n, why) == 0)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		before[i].port->device = before[i].device;
		before[i].port->p4_port = before[i].p4_port;
	}
	return -1;
}

int ports_unwire(struct port *const *wired, unsigned int n, struct failure *why)
{
	struct device *before[WIRES_MAX];

	for (unsigned int i = 0; i < n; i++) {
		before[i] = wired[i]->device;
		wired[i]->device = NULL;
	}
	if (wiring_publish(why) == 0)
		return 0;
	for (unsigned int i = n; i > 0; i--)
		wired[i - 1]->device = before[i - 1];
	return -1;
}

static json_t *describe_drops(const struct port_tally *sum)
{
	json_t *drops = json_object();

	for (unsigned int i = 0; i < DROPS; i++)
		json_object_set_new(drops, port_drop_name(i), json_integer((json_int_t)sum->drops[i]));
	return drops;
}

json_t *port_describe(struct port *port)
{
	struct port_tally sum = {0};

	for (unsigned int w = 0; w < settings.workers; w++) {
		const struct port_tally *tally = &port->tally[w];

		sum.rx_packets += tally->rx_packets;
		sum.rx_bytes += tally->rx_bytes;
		sum.tx_packets += tally->tx_packets;
		sum.tx_bytes += tally->tx_bytes;
		for (unsigned int i = 0; i < DROPS; i++)
			sum.drops[i] += tally->drops[i];
	}
	if (port->kind->missed)
		sum.drops[DROP_RX_FULL] = port->kind->missed(port);
	return json_pack("{s:s, s:s, s:o, s:o, s:b, s:I, s:I, s:I, s:I, s:o}", "name", port->name,
			 "kind", port->kind->name, "device",
			 port->device ? json_integer((json_int_t)port->device->id) : json_null(),
			 "port", port->device ? json_integer(port->p4_port) : json_null(), "link",
			 port->kind->link(port), "rx_packets", (json_int_t)sum.rx_packets,
			 "rx_bytes", (json_int_t)sum.rx_bytes, "tx_packets",
			 (json_int_t)sum.tx_packets, "tx_bytes", (json_int_t)sum.tx_bytes, "drops",
			 describe_drops(&sum));
}

static int start(void)
{
	return 0;
}

/* Workers have stopped. */
static void stop(void)
{
	struct port *port;

	while ((port = LIST_FIRST(&ports))) {
		LIST_REMOVE(port, next);
		port->kind->close(port);
		port_free(port);
	}
}

const struct module ports_module = {.name = "ports", .start = start, .stop = stop};
