/* SPDX-License-Identifier: Apache-2.0 */
/* Ports that a request wants wired. */
#ifndef P4K_CONTROL_WIRE_REQUEST_H
#define P4K_CONTROL_WIRE_REQUEST_H

#include "device.h"
#include "port.h"

#define WIRES_MAX 64 /* of one request */

struct wire {
	struct port *port;
	struct device *device;
	uint16_t p4_port;
};

/*
 * What each data plane brings: all of them or none. A port may be wired to another place, which it leaves at once; no other
 * port is, or remains, where one is to be.
 */
int ports_wire(const struct wire *wires, unsigned int n, struct failure *why);

/*
 * All of them, which are wired. Nothing comes in by any of them before what came in by another finds no way out. The same one
 * may be there twice.
 */
int ports_unwire(struct port *const *wired, unsigned int n, struct failure *why);

#endif
