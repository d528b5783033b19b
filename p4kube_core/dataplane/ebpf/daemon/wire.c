/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "hook.h"
#include "image_exit.h"
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
	LIST_FOREACH(other, &ports, next) {
		if (other->kind != PORT_PATCH || !other->device || strcmp(other->peer, port->name) != 0 ||
		    set_exit(other, other->device, other->p4_port, &why) == 0)
			continue;
		/* Where it was may become another device's. */
		say("port '%s' is no way out: %s", other->name, why.message);
		image_set_exit(other->device->image, other->device->slot, other->p4_port, NULL, &why);
	}
}

static bool has_hook(const struct port *port)
{
	return port->kind == PORT_TC || port->kind == PORT_PACKET;
}

/* In one step in place of the program that was there. */
static int attach_to(struct port *port, struct hook_target target, struct failure *why)
{
	int program = hook_load(port->ifindex, port->egress, target, why), ret;
	bool made;

	if (program < 0)
		return -1;
	ret = hook_attach(port->ifindex, port->egress, program, &made, why);
	close(program);
	port->qdisc_made = port->qdisc_made || (ret == 0 && made);
	return ret;
}

static int attach(struct port *port, const struct device *device, uint16_t p4_port,
		  struct failure *why)
{
	return has_hook(port) ? attach_to(port, (struct hook_target){device->image->number,
								     P4K_BPF_PLACE(device->slot, p4_port)}, why) : 0;
}

/* Have its hook drop all, by a program that there is not. */
static void shut(struct port *port)
{
	struct failure why = {0};

	if (attach_to(port, (struct hook_target){.image = 2 * P4K_BPF_PROGRAMS}, &why) != 0)
		say("port '%s' is not shut: %s", port->name, why.message);
}

/* What changed of it beside its wire. */
static void keep_again(const struct port *port)
{
	struct failure why = {0};

	if (kept_port(port, &why) != 0)
		say("port '%s': %s", port->name, why.message);
}

/* The qdisc goes with the last port on it, if it came with one. */
static void leave_qdisc(struct port *port)
{
	struct port *other;

	if (!port->qdisc_made)
		return;
	port->qdisc_made = false;
	LIST_FOREACH(other, &ports, next) {
		if (other != port && has_hook(other) && other->ifindex == port->ifindex &&
		    (other->device || other->orphan)) {
			other->qdisc_made = true;
			keep_again(other);
			return;
		}
	}
	hook_leave_qdisc(port->ifindex);
}

static void leave_hook(struct port *port)
{
	if (!has_hook(port))
		return;
	hook_detach(port->ifindex, port->egress);
	port->orphan = false;
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
	if (port->kind == PORT_CPU && port->device && port->device->cpu == port)
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
	/* Kept first: a process that comes now attaches what is not yet, rather than take off what is. */
	for (unsigned int i = 0; i < n; i++)
		if (kept_port(wires[i].port, why) != 0)
			return -1;
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

	/* First all of them: where one was to be, another may have been. */
	for (unsigned int i = 0; i < n; i++)
		image_set_exit(wires[i].device->image, wires[i].device->slot, wires[i].p4_port, NULL, &why);
	for (unsigned int i = 0; i < n; i++) {
		struct port *port = wires[i].port;

		if (port->orphan)
			shut(port);
		else if (!before[i].device)
			leave_hook(port);
		place(port, before[i].device, before[i].p4_port);
		if (before[i].device && go_to(&before[i], 1, &why) != 0)
			say("port '%s' is not as it was: %s", port->name, why.message);
		keep_again(port);
	}
}

/*
 * A port that goes from one device to another remains a way out of the one that it leaves, until that P4 port is wired anew or
 * that device goes: packets may be on their way there.
 */
int ports_wire(const struct wire *wires, unsigned int n, struct failure *why)
{
	struct wire before[WIRES_MAX];

	if (check(wires, n, why) != 0)
		return -1;
	for (unsigned int i = 0; i < n; i++)
		before[i] = (struct wire){wires[i].port, wires[i].port->device, wires[i].port->p4_port};
	if (go_to(wires, n, why) != 0) {
		go_back(wires, before, n);
		return -1;
	}
	for (unsigned int i = 0; i < n; i++) {
		bool anew = wires[i].port->orphan || wires[i].port->qdisc_made;

		wires[i].port->orphan = false;
		if (anew)
			keep_again(wires[i].port);
	}
	kept_sweep();
	return 0;
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

int wire_again(struct port *port, struct failure *why)
{
	if (set_exit(port, port->device, port->p4_port, why) != 0)
		return -1;
	return attach(port, port->device, port->p4_port, why);
}

static bool is_gone(const struct port *port)
{
	char name[IF_NAMESIZE];

	return has_hook(port) && !if_indextoname((unsigned int)port->ifindex, name);
}

/* Of this device; it may be there already. */
static int give(struct port *port, struct device *to, struct failure *why)
{
	if (attach(port, to, port->p4_port, why) != 0 && !is_gone(port))
		return -1;
	place(port, to, port->p4_port);
	tell_peers(port);
	return 0;
}

/* Those that have come, and all ways out. */
static void move_back(struct device *from, struct device *to)
{
	struct failure why = {0};
	struct port *port;

	LIST_FOREACH(port, &ports, next) {
		if (port->device == to && give(port, from, &why) != 0) {
			say("port '%s' cannot go back, and drops what comes in: %s", port->name, why.message);
			shut(port);
			place(port, from, port->p4_port);
		}
		if (port->device == from)
			image_set_exit(to->image, to->slot, port->p4_port, NULL, &why);
	}
}

int ports_move(struct device *from, struct device *to, struct failure *why)
{
	struct port *port;
	int ret = 0;

	/* Ways out first, so that what comes in leads on at once. */
	LIST_FOREACH(port, &ports, next)
		if (ret == 0 && port->device == from)
			ret = set_exit(port, to, port->p4_port, why);
	LIST_FOREACH(port, &ports, next)
		if (ret == 0 && port->device == from)
			ret = give(port, to, why);
	if (ret != 0)
		move_back(from, to);
	return ret;
}
