/* SPDX-License-Identifier: Apache-2.0 */
/* What every kind of port is made of. One file a kind, port_KIND.c. */
#ifndef P4K_DAEMON_PORT_H
#define P4K_DAEMON_PORT_H

#include <stdbool.h>
#include <sys/queue.h>

#include <jansson.h>
#include <rte_mbuf.h>

#include "failure.h"

#define PORT_NAME_MAX 64

/* Why a port loses a packet; their words are in port.c. */
enum port_drop {
	DROP_NO_DEVICE,	 /* received while no device is wired to the port */
	DROP_NO_MBUF,	 /* received while every packet buffer was taken */
	DROP_OVERSIZED,	 /* longer than a buffer, or than the interface takes */
	DROP_MALFORMED,	 /* the interface's own words on checksum or segments make no sense */
	DROP_NO_LINK,	 /* to be sent while nobody is there to take it */
	DROP_RX_FULL,	 /* received faster than the workers take it; counted by the other side */
	DROP_TX_FULL,	 /* to be sent faster than the other side takes it */
	DROP_TX_ERROR,	 /* refused by the interface for any other reason */
	DROP_NO_PEER,	 /* left by a patch whose peer is not there or not wired */
	DROP_TOO_MANY_HOPS, /* went through so many patches that it may be a loop */
	DROPS,
};

/* One worker's counts of one port. That worker: wo, control: ro. */
struct __rte_cache_aligned port_tally {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t drops[DROPS];
};

struct port;

/*
 * One kind. open and close: control thread. rx: one worker only, the port's own. tx: any worker, so a kind whose wire
 * does not take that locks. arm and disarm: the port's own worker.
 */
struct port_kind {
	const char *name;
	size_t size; /* of the kind's struct, whose first member is the struct port */
	/* Fill in from a port_add request; returns -1 with all undone. */
	int (*open)(struct port *port, const json_t *request, struct failure *why);
	/* No worker has the port any more. */
	void (*close)(struct port *port);
	/* At most n packets, without waiting. NULL for kind patch, where nothing waits to be received. */
	unsigned int (*rx)(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
			   unsigned int n);
	/* Takes all n: sends them, or drops and counts. NULL for kinds cpu and patch (forward.c). */
	void (*tx)(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
		   unsigned int n);
	/* Make fd readable when there is something to receive; NULL where it always is. Returns false where
	 * the port must be polled instead. A packet that came before is found by one more rx. */
	bool (*arm)(struct port *port);
	void (*disarm)(struct port *port);
	bool (*link)(struct port *port); /* control: whether someone is on the other side */
	uint64_t (*missed)(struct port *port); /* control: packets for DROP_RX_FULL so far; or NULL */
};

struct port {
	char name[PORT_NAME_MAX]; /* fixed */
	const struct port_kind *kind; /* fixed */
	int fd; /* to sleep on, or -1; fixed once open */
	unsigned int worker; /* who receives from it; fixed */
	struct port_tally *tally; /* by worker */
	char key[192]; /* kind and place: two ports may not have the same; fixed */
	LIST_ENTRY(port) next; /* control only, as the three below */
	struct device *device; /* wired to, or NULL */
	uint16_t p4_port;
	unsigned int lane; /* place in the wiring that was published last */
};

LIST_HEAD(port_list, port);
extern struct port_list ports; /* control only */

extern const struct port_kind packet_kind, tap_kind, vhost_kind, ring_kind, ethdev_kind, cpu_kind,
	patch_kind;

const char *port_drop_name(enum port_drop reason);

/* Drop n packets for one reason. */
static inline void port_drop(struct port_tally *tally, enum port_drop reason,
			     struct rte_mbuf **packets, unsigned int n)
{
	if (n == 0)
		return;
	tally->drops[reason] += n;
	rte_pktmbuf_free_bulk(packets, n);
}

static inline void port_count_rx(struct port_tally *tally, struct rte_mbuf **packets,
				 unsigned int n)
{
	tally->rx_packets += n;
	for (unsigned int i = 0; i < n; i++)
		tally->rx_bytes += packets[i]->pkt_len;
}

/* Control thread. */
struct port *port_find(const char *name);
struct port *cpu_port_of(const struct device *device); /* or NULL */
int port_add(const json_t *request, struct failure *why);
/* Unwires it first. -1 with FAIL_FULL: it stays. */
int port_remove(struct port *port, struct failure *why);
/* What port_list answers for one port. */
json_t *port_describe(struct port *port);

/* -1 with FAIL_FULL: nothing has changed. */

/* Kind patch: the other end, where that names this one too; or NULL. */
struct port *patch_peer(const struct port *port);

/* Kind ring: packets of the blob, all or none, until each has been through; what came out since the last time. */
int port_inject(struct port *port, const uint8_t *blob, size_t length, struct failure *why);
int port_collect(struct port *port, uint8_t **blob, size_t *length, uint64_t *count,
		 struct failure *why);

/* Kind cpu: packets of the blob, all or none, into the device. */
int port_packet_out(struct device *device, const uint8_t *blob, size_t length, struct failure *why);

/* For kinds: set the place that no other port may have; FAIL_BUSY if one has. */
int port_claim(struct port *port, struct failure *why, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
