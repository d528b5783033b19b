/* SPDX-License-Identifier: Apache-2.0 */
/* Ports for tests: what is injected goes through the program, and what leaves by one is kept until it is collected. */
#include <stdlib.h>
#include <string.h>

#include "run.h"

#define COLLECT_MAX (60u << 20) /* must fit into one answer */

static bool append(struct port *port, const uint8_t *packet, uint16_t length)
{
	size_t wanted = port->out_length + 2 + length, room = port->out_room ? port->out_room : 4096;
	uint8_t *out;

	if (wanted > COLLECT_MAX)
		return false;
	while (room < wanted)
		room *= 2;
	if (room != port->out_room) {
		out = realloc(port->out, room);
		if (!out)
			return false;
		port->out = out;
		port->out_room = room;
	}
	port->out[port->out_length] = (uint8_t)(length >> 8);
	port->out[port->out_length + 1] = (uint8_t)length;
	memcpy(port->out + port->out_length + 2, packet, length);
	port->out_length = wanted;
	port->out_count++;
	port->tx_packets++;
	port->tx_bytes += length;
	return true;
}

void port_deliver(uint32_t number, const uint8_t *packet, uint16_t length)
{
	struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->number == number && port->kind == PORT_RING)
			append(port, packet, length);
}

static int check_ring(const struct port *port, struct failure *why)
{
	return port->kind == PORT_RING ? 0 : fail(why, FAIL_INVALID, "port '%s': want kind ring", port->name);
}

int port_inject(struct port *port, const uint8_t *blob, size_t length, struct failure *why)
{
	if (check_ring(port, why) != 0 || run_check(blob, length, why) != 0)
		return -1;
	return run_packets(port, blob, length, false, why);
}

int port_collect(struct port *port, uint8_t **blob, size_t *length, uint64_t *count,
		 struct failure *why)
{
	if (check_ring(port, why) != 0)
		return -1;
	*blob = port->out;
	*length = port->out_length;
	*count = port->out_count;
	port->out = NULL;
	port->out_length = port->out_room = 0;
	port->out_count = 0;
	return 0;
}
