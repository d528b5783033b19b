/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "hook.h"
#include "image.h"
#include "kept.h"
#include "wire_request.h"

/* How packets leave by a port. */
static struct p4k_bpf_exit exit_of(const struct port *port, uint16_t p4_port)
{
	const struct port *peer;

	switch (port->kind) {
	case PORT_RING:
		return (struct p4k_bpf_exit){.kind = P4K_BPF_EXIT_COLLECT, .to = port->number};
	case PORT_PATCH:
		peer = port_find(port->peer);
		if (!peer || peer->kind != PORT_PATCH || !peer->device || strcmp(peer->peer, port->name) != 0)
			return (struct p4k_bpf_exit){.kind = P4K_BPF_EXIT_NO_PEER};
		return (struct p4k_bpf_exit){
			.kind = P4K_BPF_EXIT_CHAIN,
			.to = peer->device->image->number,
			.place = P4K_BPF_PLACE(peer->device->slot, peer->p4_port),
		};
	case PORT_CPU:
		return (struct p4k_bpf_exit){.kind = P4K_BPF_EXIT_CPU, .to = p4_port};
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
	struct p4k_bpf_exit way = exit_of(port, p4_port);

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

static void leave_hook(struct port *port)
{
	if (!has_hook(port))
		return;
	hook_detach(port->ifindex, port->egress);
	leave_qdisc(port);
}

/* Of the last of n. */
static int check_cpu(const struct wire *wires, unsigned int n, struct failure *why)
{
	const struct wire *wire = &wires[n - 1];
	const struct device *device = wire->device;
	bool two = device->cpu && device->cpu != wire->port;

	if (wire->port->kind != PORT_CPU)
		return 0;
	for (unsigned int i = 0; i + 1 < n; i++)
		two = two || (wires[i].port->kind == PORT_CPU && wires[i].device == device);
	if (two)
		return fail(why, FAIL_BUSY, "device %" PRIu64 " has one cpu port, not two", device->id);
	if (image_map(device->image, "packet_in") < 0)
		return fail(why, FAIL_UNSUPPORTED,
			    "program '%s' has neither headers for controllers nor digests: want one of them for a cpu port",
			    device->program->name);
	return 0;
}

static int check(const struct wire *wires, unsigned int n, struct failure *why)
{
	for (unsigned int i = 0; i < n; i++) {
		if (wires[i].p4_port >= P4K_BPF_PORTS)
			return fail(why, FAIL_INVALID, "port: want less than %d; got %u", P4K_BPF_PORTS,
				    wires[i].p4_port);
		if (wires[i].device->like)
			return fail(why, FAIL_BUSY, "device %" PRIu64 " is staged", wires[i].device->id);
		if (check_cpu(wires, i + 1, why) != 0)
			return -1;
	}
	return 0;
}

/* Where nothing leaves yet comes first: what leads there leads on at once. */
static int set_exits(const struct wire *wires, unsigned int n, struct failure *why)
{
	for (unsigned int pass = 0; pass < 2; pass++)
		for (unsigned int i = 0; i < n; i++) {
			const struct device *device = wires[i].device;

			if (image_has_exit(device->image, device->slot, wires[i].p4_port) == (pass == 1) &&
			    set_exit(wires[i].port, device, wires[i].p4_port, why) != 0)
				return -1;
		}
	return 0;
}

/* Where it is, but for what the kernel knows of it. */
static void place(struct port *port, struct device *device, uint16_t p4_port)
{
	if (port->kind == PORT_CPU && port->device)
		port->device->cpu = NULL;
	if (port->kind == PORT_CPU && device)
		device->cpu = port;
	port->device = device;
	port->p4_port = p4_port;
}

static int go_to(const struct wire *wires, unsigned int n, struct failure *why)
{
	for (unsigned int i = 0; i < n; i++)
		place(wires[i].port, wires[i].device, wires[i].p4_port);
	if (set_exits(wires, n, why) != 0)
		return -1;
	for (unsigned int i = 0; i < n; i++)
		tell_peers(wires[i].port);
	for (unsigned int i = 0; i < n; i++)
		if (wires[i].device && attach(wires[i].port, wires[i].device, wires[i].p4_port, why) != 0)
			return -1;
	return 0;
}

/* As it was, as far as that can be. */
static void go_back(const struct wire *wires, const struct wire *before, unsigned int n)
{
	struct failure why = {0};

	for (unsigned int i = 0; i < n; i++) {
		image_set_exit(wires[i].device->image, wires[i].device->slot, wires[i].p4_port, NULL, &why);
		if (before[i].device)
			go_to(&before[i], 1, &why);
		else if (wires[i].port->device)
			leave_hook(wires[i].port);
		place(wires[i].port, before[i].device, before[i].p4_port);
	}
}

/*
 * A port that goes from one device to another remains a way out of the one that it leaves, until that P4 port is wired anew or
 * that device goes: packets may be on their way there.
 */
int ports_wire(const struct wire *wires, unsigned int n, struct failure *why)
{
	struct wire before[WIRES_MAX];
	int ret = 0;

	if (check(wires, n, why) != 0)
		return -1;
	for (unsigned int i = 0; i < n; i++)
		before[i] = (struct wire){wires[i].port, wires[i].port->device, wires[i].port->p4_port};
	if (go_to(wires, n, why) != 0) {
		go_back(wires, before, n);
		return -1;
	}
	for (unsigned int i = 0; i < n; i++)
		if (kept_port(wires[i].port, why) != 0)
			ret = -1;
	return ret;
}

void wire_close(struct port *port)
{
	leave_hook(port);
}

void wire_off(struct port *port)
{
	struct device *device = port->device;

	leave_hook(port);
	place(port, NULL, port->p4_port);
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
		place(port, to, port->p4_port);
		tell_peers(port);
	}
	return 0;
}
