/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports on devices. How packets leave by a P4 port is in its image's `exits`; where packets come in, a hook's program
 * says whose they are. A port's `wire` is both.
 */
#ifndef P4K_BPF_DAEMON_WIRE_H
#define P4K_BPF_DAEMON_WIRE_H

#include "port.h"

/*
 * The port is not wired, or to another place: then packets go here instead in one step, and what leaves there by the port still
 * does, until that P4 port is wired anew or its device goes. On failure nothing has changed.
 */
int wire_on(struct port *port, struct device *device, uint16_t p4_port, struct failure *why);
/* The port is wired. */
void wire_off(struct port *port);

#endif
