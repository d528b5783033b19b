/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tc hooks of interfaces, with a tiny program on each, which says in cb[] whose packet it is and where it came in, and
 * goes on to the image's program; and what the kernel says of an interface.
 */
#ifndef P4K_BPF_DAEMON_HOOK_H
#define P4K_BPF_DAEMON_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

struct hook_target {
	uint32_t image; /* its number */
	uint32_t place; /* P4K_BPF_PLACE(slot, P4 port) */
};

/* The program for a hook; a descriptor or -1. */
int hook_load(int ifindex, bool egress, struct hook_target target, struct failure *why);
/*
 * Put a program on a hook, in one step in place of ours that may be there; where ours comes anew, nobody else's may run
 * before it. `*made`: the qdisc was not there before.
 */
int hook_attach(int ifindex, bool egress, int program, bool *made, struct failure *why);
/* Take ours off. An interface that is gone is fine. */
void hook_detach(int ifindex, bool egress);
/* Remove the clsact qdisc, unless a filter is left on it. */
void hook_leave_qdisc(int ifindex);

/* Whether it is a veth (or netkit) whose other end is in another namespace. */
bool interface_reaches_namespace(int ifindex);

#endif
