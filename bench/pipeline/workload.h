/* SPDX-License-Identifier: Apache-2.0 */
/* The routes, next hops and packets that all candidates get, and what became of the packets. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define BURST 32
#define N_ROUTES 256
#define N_HOPS 64
#define N_PORTS 4
#define MAX_DIFFERENT 32768
#define PACKET_BYTES 64
#define DROPPED UINT16_MAX /* in mbuf->port at the sink */

struct route {
	uint32_t prefix; /* host order */
	uint8_t bits;
	uint16_t next_hop;
};

struct hop {
	uint8_t dst_addr[6];
	uint8_t src_addr[6];
	uint16_t port;
};

extern struct route routes[N_ROUTES];
extern struct hop hops[N_HOPS];

/*
 * Builds routes, hops and n different packets, the same in every run; they repeat. pool is where
 * mbufs come from.
 */
void workload_make(struct rte_mempool *pool, uint32_t n);

/*
 * A run hands out this many packets (a multiple of BURST). `recording` keeps what comes back, by
 * packet.
 */
void workload_start(uint32_t packets, bool recording);

/* The next burst, or 0 packets at the end of the run. */
unsigned int source_burst(struct rte_mbuf **mbufs);

/* Takes the packets back; mbuf->port says where each is to go. */
void sink_burst(struct rte_mbuf **mbufs, unsigned int n);

/* Packets that came back in this run. */
uint32_t sink_count(void);

/*
 * After a recording run of all different packets: keeps it as the right one if it is the first;
 * else the first packet that differs, or -1.
 */
int workload_compare(void);

/* Of the run kept as the right one: the share of packets forwarded. */
double workload_forwarded(void);

#endif
