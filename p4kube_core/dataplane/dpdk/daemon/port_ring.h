/* SPDX-License-Identifier: Apache-2.0 */
/* Ports for tests: packets come from the control socket and go back there. */
#ifndef P4K_DAEMON_PORT_RING_H
#define P4K_DAEMON_PORT_RING_H

#include "port.h"

/*
 * Packets, each u16 length + bytes. Returns when every one has been through the workers and what came of it has been
 * given to its port.
 */
int ring_inject(struct port *port, const uint8_t *blob, size_t length, struct failure *why);

/* What has been sent to the port, in the same form, and how many; the caller frees. */
int ring_collect(struct port *port, uint8_t **blob, size_t *length, uint64_t *count,
		 struct failure *why);

#endif
