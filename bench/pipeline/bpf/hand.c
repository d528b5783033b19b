/* SPDX-License-Identifier: Apache-2.0 */
/* The function as an expert writes it for the kernel: direct access to the packet, a trie, a hash. */
#include <stdint.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define N_PORTS 4

struct route {
	uint32_t bits;
	uint32_t address; /* big-endian */
};

struct hop {
	uint8_t addresses[2 * ETH_ALEN]; /* destination, source */
	uint32_t port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct route);
	__type(value, uint32_t);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, uint32_t);
	__type(value, struct hop);
} hops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, N_PORTS);
	__type(key, uint32_t);
	__type(value, uint32_t);
} interfaces SEC(".maps");

/* What running any program costs. */
SEC("tc") int nothing(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_OK;
}

SEC("tc") int forward(struct __sk_buff *skb)
{
	void *const data = (void *)(long)skb->data, *const end = (void *)(long)skb->data_end;
	struct route key = {.bits = 32};
	struct ethhdr *ethernet = data;
	struct iphdr *ip = data + sizeof(*ethernet);
	uint32_t *next_hop, *interface, sum;
	struct hop *hop;

	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP) ||
	    *(uint8_t *)ip != 0x45 || ip->ttl <= 1)
		return TC_ACT_SHOT;
	key.address = ip->daddr;
	next_hop = bpf_map_lookup_elem(&routes, &key);
	if (!next_hop)
		return TC_ACT_SHOT;
	hop = bpf_map_lookup_elem(&hops, next_hop);
	if (!hop)
		return TC_ACT_SHOT;
	__builtin_memcpy(ethernet, hop->addresses, sizeof(hop->addresses));
	/* RFC 1624, equation 3, for a time to live that goes down by one. */
	sum = (uint16_t)~ip->check + (uint16_t)~bpf_htons(0x0100);
	ip->check = (uint16_t)~((sum & 0xffff) + (sum >> 16));
	ip->ttl--;
	interface = bpf_map_lookup_elem(&interfaces, &hop->port);
	return interface ? (int)bpf_redirect(*interface, 0) : TC_ACT_SHOT;
}

char hand_license[] SEC("license") = "GPL";
