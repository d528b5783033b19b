/* SPDX-License-Identifier: Apache-2.0 */
/* From the workers to the control thread: a ring a worker, and one descriptor that wakes control. */
#ifndef P4K_DAEMON_EVENT_RING_H
#define P4K_DAEMON_EVENT_RING_H

#include <rte_mbuf.h>

#include "../runtime/p4k_ring.h"
#include "device.h"

/* By worker; that worker: producer, control: consumer. */
struct p4k_ring *event_ring(unsigned int worker);

/* A worker: its ring has something new, or something found no room in it. */
void event_rings_tell(void);

/* A worker: a packet that left the device by its cpu port. False: it is lost, and counted. */
bool event_ring_packet(struct device_run *run, uint16_t p4_port, const struct rte_mbuf *mbuf);

/* Control: hand on what has come. */
void event_rings_drain(void);

#endif
