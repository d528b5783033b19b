/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "hook.h"
#include "image.h"

/* How packets leave by a port. */
static struct p4k_bpf_exit exit_of(const struct port *port)
{
	const struct port *peer;

	switch (port->kind) {
	case PORT_RING:
		return (struct p4k_bpf_exit){.kind = P4K_BPF_EXIT_COLLECT, .to = port->number};
	case PORT_PATCH:
		peer = port_find(port->peer);
		if (!peer || peer->kind != PORT_PATCH || !peer->device)
			return (struct p4k_bpf_exit){.kind = P4K_BPF_EXIT_NO_PEER};
		return (struct p4k_bpf_exit){
			.kind = P4K_BPF_EXIT_CHAIN,
			.to = peer->device->image->number,
			.place = P4K_BPF_PLACE(peer->device->slot, peer->p4_port),
		};
	case PORT_TC:
	case PORT_PACKET:
		break;
	}
	return (struct p4k_bpf_exit){
		.kind = P4K_BPF_EXIT_WIRE,
		.to = (uint32_t)port->ifindex,
		.place = port->egress,
		.peer = !port->egress && interface_reaches_namespace(port->ifindex),
	};
}

static int set_exit(const struct port *port, const struct device *device, uint16_t p4_port,
		    struct failure *why)
{
	struct p4k_bpf_exit way = exit_of(port);

	return image_set_exit(device->image, device->slot, p4_port, &way, why);
}

/* Those that lead to this port learn where it is now. */
static void tell_peers(const struct port *port)
{
	struct failure why = {0};
	const struct port *other;

	if (port->kind != PORT_PATCH)
		return;
	LIST_FOREACH(other, &ports, next)
		if (other->kind == PORT_PATCH && other->device && strcmp(other->peer, port->name) == 0 &&
		    set_exit(other, other->device, other->p4_port, &why) != 0)
			say("port '%s': %s", other->name, why.message);
}

static bool has_hook(const struct port *port)
{
	return port->kind == PORT_TC || port->kind == PORT_PACKET;
}

/* In one step in place of the program that was there. */
static int attach(struct port *port, const struct device *device, uint16_t p4_port,
		  struct failure *why)
{
	const struct hook_target target = {
		.image = device->image->number, .place = P4K_BPF_PLACE(device->slot, p4_port)};
	bool made;
	int program, ret;

	if (!has_hook(port))
		return 0;
	program = hook_load(port->ifindex, port->egress, target, why);
	if (program < 0)
		return -1;
	ret = hook_attach(port->ifindex, port->egress, program, &made, why);
	close(program);
	port->qdisc_made = port->qdisc_made || (ret == 0 && made);
	return ret;
}

int wire_on(struct port *port, struct device *device, uint16_t p4_port, struct failure *why)
{
	if (p4_port >= P4K_BPF_PORTS)
		return fail(why, FAIL_INVALID, "port: want less than %d; got %u", P4K_BPF_PORTS, p4_port);
	if (set_exit(port, device, p4_port, why) != 0)
		return -1;
	if (attach(port, device, p4_port, why) != 0) {
		image_set_exit(device->image, device->slot, p4_port, NULL, why);
		return -1;
	}
	port->device = device;
	port->p4_port = p4_port;
	tell_peers(port);
	return 0;
}

/* The qdisc goes with the last port on it, if it came with one. */
static void leave_qdisc(struct port *port)
{
	struct port *other;

	if (!port->qdisc_made)
		return;
	port->qdisc_made = false;
	LIST_FOREACH(other, &ports, next) {
		if (other != port && has_hook(other) && other->ifindex == port->ifindex && other->device) {
			other->qdisc_made = true;
			return;
		}
	}
	hook_remove_qdisc(port->ifindex);
}

void wire_off(struct port *port)
{
	struct device *device = port->device;

	if (has_hook(port)) {
		hook_detach(port->ifindex, port->egress);
		leave_qdisc(port);
	}
	port->device = NULL;
	tell_peers(port);
	image_set_exit(device->image, device->slot, port->p4_port, NULL, &(struct failure){0});
}

int ports_move(struct device *from, struct device *to, struct failure *why)
{
	struct port *port;

	/* What may fail comes first. */
	LIST_FOREACH(port, &ports, next)
		if (port->device == from && set_exit(port, to, port->p4_port, why) != 0)
			return -1;
	LIST_FOREACH(port, &ports, next) {
		if (port->device != from)
			continue;
		/* An interface that is gone is told by port_list. */
		if (attach(port, to, port->p4_port, why) != 0)
			say("port '%s': %s", port->name, why->message);
		port->device = to;
		tell_peers(port);
	}
	return 0;
}
