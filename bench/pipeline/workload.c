/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_debug.h>
#include <rte_ether.h>
#include <rte_ip.h>

#define NUMBER_BYTES sizeof(uint32_t) /* a packet ends in its own number */

struct outcome {
	uint16_t port;
	uint16_t length;
	uint8_t bytes[PACKET_BYTES];
};

struct route routes[N_ROUTES];
struct hop hops[N_HOPS];

static uint8_t packets[MAX_DIFFERENT][PACKET_BYTES];
static struct outcome right[MAX_DIFFERENT], seen[MAX_DIFFERENT];
static uint32_t different;
static bool right_known, recording;
static struct rte_mempool *pool;
static uint32_t given, wanted, returned;
static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static uint32_t
random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

static uint32_t
host_bits(uint8_t prefix_bits)
{
	return prefix_bits == 32 ? 0 : UINT32_MAX >> prefix_bits;
}

static bool
known_route(const struct route *route)
{
	for (const struct route *r = routes; r < route; r++)
		if (r->prefix == route->prefix && r->bits == route->bits)
			return true;
	return false;
}

/*
 * Lengths as in a small network's table: some wide ones, many /24, host routes; some inside others.
 */
static void
make_routes(void)
{
	static const uint8_t lengths[] = {8,  12, 16, 16, 20, 22, 24, 24,
					  24, 24, 24, 26, 28, 30, 32, 32};

	for (unsigned int i = 0; i < N_ROUTES; i++) {
		struct route *route = &routes[i];

		do {
			route->bits = lengths[random32() % RTE_DIM(lengths)];
			route->prefix = random32() % 2 == 0 && i > 0
					    ? routes[random32() % i].prefix ^ random32() >> 14
					    : random32() % 0xe0000000;
			route->prefix &= ~host_bits(route->bits);
		} while (known_route(route));
		route->next_hop = (uint16_t)(random32() % N_HOPS);
	}
}

static void
make_hops(void)
{
	for (unsigned int i = 0; i < N_HOPS; i++) {
		hops[i] = (struct hop){.dst_addr = {2, 0, 0, 0, 1, (uint8_t)i},
				       .src_addr = {2, 0, 0, 0, 0, (uint8_t)(i % N_PORTS)},
				       .port = (uint16_t)(i % N_PORTS)};
	}
}

/* One in 64 of each is not for us: no route likely, at the end of its life, not IPv4. */
static void
make_packet(uint32_t number)
{
	uint8_t *packet = packets[number];
	struct rte_ether_hdr *ethernet = (struct rte_ether_hdr *)packet;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ethernet + 1);
	const struct route *route = &routes[random32() % N_ROUTES];
	uint32_t address = route->prefix | (random32() & host_bits(route->bits));

	for (unsigned int i = 0; i < PACKET_BYTES; i++)
		packet[i] = (uint8_t)random32();
	ethernet->ether_type =
	    rte_cpu_to_be_16(number % 64 == 1 ? RTE_ETHER_TYPE_ARP : RTE_ETHER_TYPE_IPV4);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = rte_cpu_to_be_16(PACKET_BYTES - sizeof(*ethernet));
	ip->time_to_live = number % 64 == 2 ? 1 : (uint8_t)(2 + random32() % 250);
	ip->dst_addr = rte_cpu_to_be_32(number % 64 == 3 ? random32() : address);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	memcpy(packet + PACKET_BYTES - NUMBER_BYTES, &number, NUMBER_BYTES);
}

void
workload_make(struct rte_mempool *mempool, uint32_t n)
{
	pool = mempool;
	different = n;
	make_routes();
	make_hops();
	for (uint32_t i = 0; i < different; i++)
		make_packet(i);
}

void
workload_start(uint32_t n, bool record)
{
	given = 0;
	wanted = n;
	returned = 0;
	recording = record;
	if (record)
		memset(seen, 0, sizeof(seen));
}

unsigned int
source_burst(struct rte_mbuf **mbufs)
{
	if (given == wanted || rte_pktmbuf_alloc_bulk(pool, mbufs, BURST) != 0)
		return 0;
	for (unsigned int i = 0; i < BURST; i++) {
		memcpy(rte_pktmbuf_mtod(mbufs[i], void *), packets[(given + i) % different],
		       PACKET_BYTES);
		mbufs[i]->data_len = PACKET_BYTES;
		mbufs[i]->pkt_len = PACKET_BYTES;
	}
	given += BURST;
	return BURST;
}

static void
record_packet(const struct rte_mbuf *mbuf)
{
	const uint8_t *data = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	struct outcome *outcome;
	uint32_t number;

	RTE_VERIFY(mbuf->data_len >= NUMBER_BYTES && mbuf->data_len <= PACKET_BYTES);
	memcpy(&number, data + mbuf->data_len - NUMBER_BYTES, NUMBER_BYTES);
	RTE_VERIFY(number < different);
	outcome = &seen[number];
	outcome->port = mbuf->port;
	/* What a dropped packet looks like is nobody's business: SWX takes its headers off. */
	if (mbuf->port == DROPPED)
		return;
	outcome->length = mbuf->data_len;
	memcpy(outcome->bytes, data, mbuf->data_len);
}

void
sink_burst(struct rte_mbuf **mbufs, unsigned int n)
{
	if (unlikely(recording))
		for (unsigned int i = 0; i < n; i++)
			record_packet(mbufs[i]);
	rte_pktmbuf_free_bulk(mbufs, n);
	returned += n;
}

uint32_t
sink_count(void)
{
	return returned;
}

int
workload_compare(void)
{
	if (!right_known) {
		memcpy(right, seen, sizeof(right));
		right_known = true;
	}
	for (uint32_t i = 0; i < different; i++)
		if (memcmp(&right[i], &seen[i], sizeof(seen[i])) != 0)
			return (int)i;
	return -1;
}

double
workload_forwarded(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < different; i++)
		n += right[i].port != DROPPED;
	return (double)n / different;
}
