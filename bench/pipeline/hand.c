/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function as an expert writes it with DPDK's own tables: rte_fib for routes, rte_hash for next
 * hops, burst by burst.
 */
#include "candidate.h"
#include "workload.h"

#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_fib.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_rib.h>

#define NO_ROUTE 0xffff

static struct rte_fib *fib;
static struct rte_hash *hash;

static bool
add_routes(void)
{
	struct rte_fib_conf config = {
		.type = RTE_FIB_DIR24_8,
		.default_nh = NO_ROUTE,
		.max_routes = 1024,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = 1024},
	};

	fib = rte_fib_create("routes", SOCKET_ID_ANY, &config);
	if (fib == NULL)
		return false;
	/* The AVX-512 look-up where there is one. */
	(void)rte_fib_select_lookup(fib, RTE_FIB_LOOKUP_DEFAULT);
	for (unsigned int i = 0; i < N_ROUTES; i++)
		if (rte_fib_add(fib, routes[i].prefix, routes[i].bits, routes[i].next_hop) != 0)
			return false;
	return true;
}

static bool
add_hops(void)
{
	struct rte_hash_parameters parameters = {
		.name = "next_hops",
		.entries = 256,
		.key_len = sizeof(uint32_t),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
	};

	hash = rte_hash_create(&parameters);
	if (hash == NULL)
		return false;
	for (uint32_t i = 0; i < N_HOPS; i++)
		if (rte_hash_add_key_data(hash, &i, &hops[i]) != 0)
			return false;
	return true;
}

bool
hand_setup(const char *argument)
{
	(void)argument;
	return add_routes() && add_hops();
}

static inline bool
is_ours(const struct rte_ether_hdr *ethernet, const struct rte_ipv4_hdr *ip)
{
	return ethernet->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
	       ip->version_ihl == RTE_IPV4_VHL_DEF && ip->time_to_live > 1;
}

/* RFC 1624, equation 3, for a time to live that goes down by one. */
static inline void
age(struct rte_ipv4_hdr *ip)
{
	uint32_t sum = (uint16_t)~ip->hdr_checksum + (uint16_t)~RTE_BE16(0x0100);

	sum = (sum & 0xffff) + (sum >> 16);
	ip->hdr_checksum = (uint16_t)~sum;
	ip->time_to_live--;
}

static void
forward(struct rte_mbuf **mbufs, unsigned int n)
{
	struct rte_ether_hdr *ethernet[BURST];
	struct rte_ipv4_hdr *ip[BURST];
	uint32_t address[BURST], next_hop[BURST];
	uint64_t route[BURST], hit = 0;
	const void *key[BURST];
	void *hop[BURST];

	for (unsigned int i = 0; i < n; i++) {
		ethernet[i] = rte_pktmbuf_mtod(mbufs[i], struct rte_ether_hdr *);
		ip[i] = (struct rte_ipv4_hdr *)(ethernet[i] + 1);
		address[i] = rte_be_to_cpu_32(ip[i]->dst_addr);
	}
	rte_fib_lookup_bulk(fib, address, route, (int)n);
	for (unsigned int i = 0; i < n; i++) {
		next_hop[i] = (uint32_t)route[i];
		key[i] = &next_hop[i];
	}
	rte_hash_lookup_bulk_data(hash, key, n, &hit, hop);
	for (unsigned int i = 0; i < n; i++) {
		const struct hop *to = hop[i];

		if (unlikely((hit >> i & 1) == 0 ||
			     mbufs[i]->data_len < sizeof(*ethernet[i]) + sizeof(*ip[i]) ||
			     !is_ours(ethernet[i], ip[i]))) {
			mbufs[i]->port = DROPPED;
			continue;
		}
		memcpy(&ethernet[i]->dst_addr, to->dst_addr, RTE_ETHER_ADDR_LEN);
		memcpy(&ethernet[i]->src_addr, to->src_addr, RTE_ETHER_ADDR_LEN);
		age(ip[i]);
		mbufs[i]->port = to->port;
	}
}

void
hand_run(void)
{
	struct rte_mbuf *mbufs[BURST];
	unsigned int n;

	while ((n = source_burst(mbufs)) != 0) {
		forward(mbufs, n);
		sink_burst(mbufs, n);
	}
}
