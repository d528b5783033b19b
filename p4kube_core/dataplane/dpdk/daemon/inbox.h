/* SPDX-License-Identifier: Apache-2.0 */
/* Packets on their way from the control thread to a port's worker, which receives them like any others. */
#ifndef P4K_DAEMON_INBOX_H
#define P4K_DAEMON_INBOX_H

#include <rte_ring.h>

#include "port.h"

struct inbox {
	struct rte_ring *ring; /* control enqueues, the port's worker dequeues */
};

/* Gives the port the descriptor that its worker sleeps on. */
int inbox_open(struct inbox *inbox, struct port *port, struct failure *why);
void inbox_close(struct inbox *inbox, struct port *port);

/* How the blob falls into packets, each a u16 length and its bytes. */
int inbox_check(const uint8_t *blob, size_t length, struct failure *why);
/* A checked blob: all, waiting for the worker to take them; or all or none, without waiting (FAIL_FULL). */
int inbox_feed(struct inbox *inbox, struct port *port, const uint8_t *blob, size_t length,
	       struct failure *why);
int inbox_put(struct inbox *inbox, struct port *port, const uint8_t *blob, size_t length,
	      struct failure *why);

/* The port's worker. */
unsigned int inbox_rx(struct inbox *inbox, struct port_tally *tally, struct rte_mbuf **packets,
		      unsigned int n);
void inbox_disarm(struct port *port);

#endif
