/* SPDX-License-Identifier: Apache-2.0 */
/* A device's way to and from its controllers: packet_out comes in here; what leaves goes to control as events. */
#include <inttypes.h>

#include "device.h"
#include "inbox.h"

struct cpu_port {
	struct port port;
	struct inbox in;
};

static int cpu_open(struct port *port, const json_t *request, struct failure *why)
{
	(void)request;
	return port_claim(port, why, "cpu %s", port->name) != 0 ?
		       -1 :
		       inbox_open(&((struct cpu_port *)port)->in, port, why);
}

static void cpu_close(struct port *port)
{
	inbox_close(&((struct cpu_port *)port)->in, port);
}

static unsigned int cpu_rx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
			   unsigned int n)
{
	return inbox_rx(&((struct cpu_port *)port)->in, tally, packets, n);
}

static bool cpu_link(struct port *port)
{
	(void)port;
	return true;
}

int port_packet_out(struct device *device, const uint8_t *blob, size_t length, struct failure *why)
{
	struct port *port = cpu_port_of(device);

	if (!port)
		return fail(why, FAIL_NOT_FOUND, "device %" PRIu64 " has no cpu port", device->id);
	if (inbox_check(blob, length, why) != 0)
		return -1;
	return inbox_put(&((struct cpu_port *)port)->in, port, blob, length, why);
}

const struct port_kind cpu_kind = {
	.name = "cpu",
	.size = sizeof(struct cpu_port),
	.open = cpu_open,
	.close = cpu_close,
	.rx = cpu_rx,
	.disarm = inbox_disarm,
	.link = cpu_link,
};
