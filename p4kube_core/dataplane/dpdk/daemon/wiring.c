/* SPDX-License-Identifier: Apache-2.0 */
#include "wiring.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "device.h"
#include "port.h"
#include "rcu.h"
#include "worker.h"

_Atomic(struct wiring *) wiring;

static void release(struct wiring *old)
{
	if (!old)
		return;
	for (unsigned int i = 0; i < old->n_exits; i++)
		free(old->exits[i]);
	free(old->exits);
	free(old);
}

static struct exits *exits_make(const struct device *device)
{
	struct exits *exits;
	struct port *port;
	uint32_t n = 0;

	LIST_FOREACH(port, &ports, next)
		if (port->device == device && port->p4_port >= n)
			n = port->p4_port + 1u;
	exits = malloc(sizeof(*exits) + n * sizeof(exits->lanes[0]));
	if (!exits)
		return NULL;
	exits->n = n;
	for (uint32_t i = 0; i < n; i++)
		exits->lanes[i] = NO_LANE;
	LIST_FOREACH(port, &ports, next)
		if (port->device == device)
			exits->lanes[port->p4_port] = (uint16_t)port->lane;
	return exits;
}

/* The exits of each device that has a port, on every lane of that device. */
static int add_exits(struct wiring *new)
{
	for (unsigned int i = 0; i < new->n; i++) {
		struct device *device = new->lanes[i].device;
		struct exits *exits;

		if (!device || new->lanes[i].exits)
			continue;
		exits = exits_make(device);
		if (!exits)
			return -1;
		new->exits[new->n_exits++] = exits;
		for (unsigned int j = i; j < new->n; j++)
			if (new->lanes[j].device == device)
				new->lanes[j].exits = exits;
	}
	return 0;
}

static enum lane_kind kind_of(const struct port *port)
{
	return port->kind == &cpu_kind ? LANE_CPU : port->kind == &patch_kind ? LANE_PATCH : LANE_WIRE;
}

/* Where each patch leads: into the device of its peer. */
static void add_peers(struct wiring *new)
{
	for (unsigned int i = 0; i < new->n; i++) {
		const struct port *peer = NULL;

		if (new->lanes[i].kind == LANE_PATCH)
			peer = patch_peer(new->lanes[i].port);
		new->lanes[i].peer = peer && peer->device ? (uint16_t)peer->lane : NO_LANE;
	}
}

static struct wiring *wiring_make(void)
{
	struct wiring *new, *old = atomic_load(&wiring);
	struct port *port;
	unsigned int n = 0;

	LIST_FOREACH(port, &ports, next)
		n++;
	if (n > LANES_MAX)
		return NULL;
	new = calloc(1, sizeof(*new) + n * sizeof(new->lanes[0]));
	if (!new)
		return NULL;
	new->version = old ? old->version + 1 : 1;
	new->exits = calloc(n + 1, sizeof(*new->exits));
	if (!new->exits) {
		release(new);
		return NULL;
	}
	LIST_FOREACH(port, &ports, next) {
		port->lane = new->n;
		new->lanes[new->n++] = (struct lane){
			.port = port,
			.device = port->device,
			.p4_port = port->p4_port,
			.kind = kind_of(port),
		};
	}
	add_peers(new);
	if (add_exits(new) != 0) {
		release(new);
		return NULL;
	}
	return new;
}

int wiring_publish(struct failure *why)
{
	struct wiring *new = wiring_make(), *old;

	if (!new)
		return fail(why, FAIL_FULL, "no room for another port (%u at most) or no memory",
			    LANES_MAX);
	old = atomic_exchange(&wiring, new);
	workers_wake();
	rcu_wait();
	release(old);
	return 0;
}

void wiring_free(void)
{
	release(atomic_exchange(&wiring, NULL));
}
