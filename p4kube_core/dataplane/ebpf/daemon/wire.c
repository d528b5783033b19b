/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "../runtime/p4k_bpf.h"
#include "device.h"
#include "hook.h"

/* How a packet that came in at `from` leaves by `to`. */
static struct p4k_bpf_exit exit_of(const struct port *from, const struct port *to)
{
	struct p4k_bpf_exit way = {.kind = P4K_BPF_EXIT_DROP, .ifindex = (uint32_t)to->ifindex};
	bool same = from->kind != PORT_RING && from->ifindex == to->ifindex;

	if (to->kind == PORT_RING)
		way.kind = from->kind == PORT_RING ? P4K_BPF_EXIT_COLLECT : P4K_BPF_EXIT_DROP;
	else if (same && from->egress != to->egress)
		way.kind = P4K_BPF_EXIT_PASS; /* on its way already */
	else if (to->egress)
		way.kind = P4K_BPF_EXIT_DROP; /* into the host from elsewhere: there is no such exit */
	else if (!from->egress && interface_reaches_namespace(to->ifindex))
		way.kind = P4K_BPF_EXIT_REDIRECT_PEER;
	else
		way.kind = P4K_BPF_EXIT_REDIRECT;
	return way;
}

static int set_exit(const struct copy *copy, uint32_t p4_port, const struct p4k_bpf_exit *way)
{
	return bpf_map_update_elem(copy->exits, &p4_port, way, BPF_ANY) == 0 ? 0 : -errno;
}

/* The ways out of a copy that is not attached yet. */
static int fill_exits(const struct port *port, const struct device *wired, const struct copy *copy,
		      uint16_t p4_port, struct failure *why)
{
	struct p4k_bpf_exit way = exit_of(port, port);
	const struct port *other;
	int ret = set_exit(copy, p4_port, &way);

	LIST_FOREACH(other, &ports, next) {
		if (ret != 0)
			break;
		if (other == port || other->device != wired)
			continue;
		way = exit_of(port, other);
		ret = set_exit(copy, other->p4_port, &way);
	}
	return ret == 0 ? 0 : fail(why, FAIL_INVALID, "port %u: %s", p4_port, strerror(-ret));
}

static int load_copy(const struct port *port, const struct device *device,
		     const struct device *wired, uint16_t p4_port, struct copy *copy,
		     struct failure *why)
{
	if (copy_load(&device->object, p4_port, port->kind == PORT_RING, copy, why) != 0)
		return -1;
	if (fill_exits(port, wired, copy, p4_port, why) == 0)
		return 0;
	copy_unload(copy);
	return -1;
}

/* Puts the copy where packets come, in one step in place of the one that was there. */
static int attach(struct port *port, const struct copy *copy, struct failure *why)
{
	bool made;

	if (port->kind == PORT_RING)
		return 0;
	if (hook_attach(port->ifindex, port->egress, copy->program, &made, why) != 0)
		return -1;
	port->qdisc_made = port->qdisc_made || made;
	return 0;
}

/* Tell the others of the device how to leave by this port, or that nothing does. */
static void tell_others(const struct port *port, bool wired)
{
	static const struct p4k_bpf_exit none = {.kind = P4K_BPF_EXIT_DROP};
	const struct port *other;

	LIST_FOREACH(other, &ports, next) {
		if (other != port && other->device == port->device) {
			struct p4k_bpf_exit way = wired ? exit_of(other, port) : none;

			set_exit(&other->copy, port->p4_port, &way);
		}
	}
}

int wire_on(struct port *port, struct device *device, uint16_t p4_port, struct failure *why)
{
	struct copy copy;

	if (p4_port >= P4K_BPF_PORTS)
		return fail(why, FAIL_INVALID, "port: want less than %d; got %u", P4K_BPF_PORTS, p4_port);
	if (load_copy(port, device, device, p4_port, &copy, why) != 0)
		return -1;
	if (attach(port, &copy, why) != 0) {
		copy_unload(&copy);
		return -1;
	}
	port->copy = copy;
	port->device = device;
	port->p4_port = p4_port;
	tell_others(port, true);
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
		if (other != port && other->ifindex == port->ifindex && other->device) {
			other->qdisc_made = true;
			return;
		}
	}
	hook_remove_qdisc(port->ifindex);
}

void wire_off(struct port *port)
{
	tell_others(port, false);
	if (port->kind != PORT_RING) {
		hook_detach(port->ifindex, port->egress);
		leave_qdisc(port);
	}
	copy_unload(&port->copy);
	port->device = NULL;
}

int ports_move(struct device *from, struct device *to, struct failure *why)
{
	unsigned int n = 0, loaded = 0;
	struct copy *copies;
	struct port *port;
	int ret = 0;

	LIST_FOREACH(port, &ports, next)
		n += port->device == from;
	copies = calloc(n + 1, sizeof(*copies));
	if (!copies)
		return fail(why, FAIL_FULL, "no memory for the ports of '%s'", from->name);
	/* What may fail comes first. */
	LIST_FOREACH(port, &ports, next) {
		if (ret != 0 || port->device != from)
			continue;
		ret = load_copy(port, to, from, port->p4_port, &copies[loaded], why);
		loaded += ret == 0;
	}
	if (ret != 0) {
		while (loaded > 0)
			copy_unload(&copies[--loaded]);
		free(copies);
		return -1;
	}
	n = 0;
	LIST_FOREACH(port, &ports, next) {
		if (port->device != from)
			continue;
		/* An interface that is gone is told by port_list. */
		if (attach(port, &copies[n], why) != 0)
			say("port '%s': %s", port->name, why->message);
		copy_unload(&port->copy);
		port->copy = copies[n++];
		port->device = to;
	}
	free(copies);
	return 0;
}
