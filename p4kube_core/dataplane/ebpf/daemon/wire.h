/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports on devices. How packets leave by a P4 port is in its image's `exits`; where packets come in, a hook's program
 * says whose they are. A port's `wire` is both.
 */
#ifndef P4K_BPF_DAEMON_WIRE_H
#define P4K_BPF_DAEMON_WIRE_H

#include "port.h"

/* The port is wired: packets come in by it no more, but it still is a way out. */
void wire_close(struct port *port);
/* The port is wired. */
void wire_off(struct port *port);
/* The port is wired, by a process before this one: attach it in one step in place of what that one attached. */
int wire_again(struct port *port, struct failure *why);

#endif
