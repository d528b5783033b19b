/* SPDX-License-Identifier: Apache-2.0 */
/* A wire between two devices: what leaves by one end is in the other device at once (forward.c). */
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "port.h"

struct patch_port {
	struct port port;
	char peer[PORT_NAME_MAX]; /* fixed; need not be there */
};

struct port *patch_peer(const struct port *port)
{
	struct port *peer = port_find(((const struct patch_port *)port)->peer);

	return peer && peer->kind == &patch_kind && peer != port &&
			       strcmp(((struct patch_port *)peer)->peer, port->name) == 0 ?
		       peer :
		       NULL;
}

static int patch_open(struct port *port, const json_t *request, struct failure *why)
{
	const char *peer;

	if (field_string(request, "peer", PORT_NAME_MAX - 1, &peer, why) != 0 ||
	    port_claim(port, why, "patch %s", port->name) != 0)
		return -1;
	if (strcmp(peer, port->name) == 0)
		return fail(why, FAIL_INVALID, "peer: want another port");
	snprintf(((struct patch_port *)port)->peer, PORT_NAME_MAX, "%s", peer);
	return 0;
}

static void patch_close(struct port *port)
{
	(void)port;
}

static bool patch_link(struct port *port)
{
	const struct port *peer = patch_peer(port);

	return peer && peer->device;
}

const struct port_kind patch_kind = {
	.name = "patch",
	.size = sizeof(struct patch_port),
	.open = patch_open,
	.close = patch_close,
	.link = patch_link,
};
