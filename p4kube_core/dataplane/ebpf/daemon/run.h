/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that come from control: they go through a device's program by BPF_PROG_TEST_RUN, which says where they leave. */
#ifndef P4K_BPF_DAEMON_RUN_H
#define P4K_BPF_DAEMON_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "port.h"

/* Check a blob of packets, each u16 length and bytes. */
int run_check(const uint8_t *blob, size_t length, struct failure *why);
/*
 * Each of them in by a wired port. What leaves by a ring port is to be collected there; by a wire, it is sent if `wires`, else
 * it is gone; to the controllers, it is an event.
 */
int run_packets(struct port *port, const uint8_t *blob, size_t length, bool wires,
		struct failure *why);

#endif
