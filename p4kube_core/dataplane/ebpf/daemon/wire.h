/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's program at a port. Each wired port has a copy of the program, whose `exits` say how to leave by every other port
 * from there: the same port is reached in another way from its own interface than from any other.
 */
#ifndef P4K_BPF_DAEMON_WIRE_H
#define P4K_BPF_DAEMON_WIRE_H

#include "port.h"

/* The port is not wired. On failure nothing has changed. */
int wire_on(struct port *port, struct device *device, uint16_t p4_port, struct failure *why);
/* The port is wired. */
void wire_off(struct port *port);

#endif
