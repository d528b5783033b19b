/* SPDX-License-Identifier: Apache-2.0 */
/* How a packet leaves a function: p4k_bpf_program.h includes this at its end. */
#ifndef P4K_BPF_EXIT_H
#define P4K_BPF_EXIT_H

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, P4K_BPF_SLOTS * 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, 4);
	__uint(value_size, 8);
} exits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, P4K_BPF_SLOTS * P4K_BPF_NEAR);
	__uint(key_size, 4);
	__uint(value_size, 8);
} near_exits SEC(".maps");

/* All programs of a node, which is one map. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2 * P4K_BPF_PROGRAMS);
	__uint(key_size, 4);
	__uint(value_size, 4);
} programs SEC(".maps");

/* To the next function, which starts as if the packet came from a hook; returns if there is none. */
P4K_INLINE uint32_t p4k_chain(struct __sk_buff *skb, const struct p4k_bpf_exit *way)
{
	const uint32_t hops = *(volatile uint32_t *)&skb->cb[P4K_BPF_CB_HOPS] + 1;

	if (hops > P4K_BPF_HOPS)
		return P4K_BPF_DROP_TOO_MANY_HOPS;
	*(volatile uint32_t *)&skb->cb[P4K_BPF_CB_HOPS] = hops;
	*(volatile uint32_t *)&skb->cb[P4K_BPF_CB_PLACE] = way->place;
	bpf_tail_call(skb, &programs, way->to + (p4k_load.test ? P4K_BPF_PROGRAMS : 0));
	return P4K_BPF_DROP_NO_PEER;
}

/*
 * The hook's program pushed the outermost VLAN tag into the packet's bytes, and the kernel is to have it beside
 * them again, if it is still there. It takes it from the bytes by the type that it knows of the packet;
 * where the program changed that, a third tag that comes and goes makes the kernel look at it.
 */
P4K_INLINE bool p4k_untag(struct __sk_buff *skb)
{
	const uint32_t known = *(volatile uint32_t *)&skb->protocol;
	uint16_t type;

	if (bpf_skb_load_bytes(skb, 12, &type, sizeof(type)))
		return false;
	if (type != known &&
	    (bpf_skb_vlan_push(skb, __builtin_bswap16(0x8100), 0) || bpf_skb_vlan_pop(skb)))
		return false;
	return !bpf_skb_vlan_pop(skb);
}

/*
 * A sender on this node keeps its half of a TCP packet for a retransmission, and as long as it is shared the receiver
 * queues each packet by itself, where it would join them (skb_try_coalesce). The node's routing has a copy made of the
 * headers, which ends that; what does not go through it wants the same. Moves nothing; without memory all stays.
 */
P4K_INLINE void p4k_unshare(struct __sk_buff *skb)
{
	if (skb->gso_segs > 1)
		bpf_skb_change_head(skb, 0, 0);
}

/* Out of an interface, or on where it is; 0: there is no such way from where the packet came in. */
P4K_INLINE int p4k_leave_by_wire(struct __sk_buff *skb, const struct p4k_bpf_exit *way, int *verdict)
{
	const uint32_t came = *(volatile uint32_t *)&skb->cb[P4K_BPF_CB_INTERFACE];
	const uint32_t from_egress = *(volatile uint32_t *)&skb->cb[P4K_BPF_CB_EGRESS];

	if (skb->vlan_present && !p4k_untag(skb))
		return 0;
	p4k_unshare(skb);
	if (came == way->to && from_egress != way->place) {
		*verdict = TC_ACT_UNSPEC; /* on its way already: to the filters behind ours */
		return 1;
	}
	if (p4k_load.test) {
		skb->mark = way->to;
		*(volatile uint32_t *)&skb->cb[P4K_BPF_CB_EGRESS] = way->place;
		*verdict = TC_ACT_REDIRECT;
		return 1;
	}
	if (way->place)
		return 0; /* into the host from elsewhere */
	if (way->peer && !from_egress) {
		/* It is for the pod, whatever the address of this end of the wire. */
		if (skb->pkt_type == 3 /* PACKET_OTHERHOST */)
			bpf_skb_change_type(skb, 0 /* PACKET_HOST */);
		*verdict = (int)bpf_redirect_peer(way->to, 0);
	} else {
		*verdict = (int)bpf_redirect(way->to, 0);
	}
	return 1;
}

P4K_INLINE struct p4k_bpf_exit p4k_exit(const struct p4k_work *w, uint32_t port)
{
	const uint32_t near = w->slot * P4K_BPF_NEAR + port, key = P4K_BPF_PLACE(w->slot, port);
	const volatile uint64_t *at;
	uint64_t word = 0;

	if (port < P4K_BPF_NEAR) {
		at = bpf_map_lookup_elem(&near_exits, &near);
		word = at ? *at : 0;
	}
	if (!word) {
		at = bpf_map_lookup_elem(&exits, &key);
		word = at ? *at : 0;
	}
	return p4k_bpf_exit_of(word);
}

P4K_INLINE int p4k_leave(struct __sk_buff *skb, const struct p4k_work *w, uint32_t port)
{
	const struct p4k_bpf_exit way = p4k_exit(w, port);
	uint32_t reason = P4K_BPF_DROP_NO_PORT;
	int verdict;

	switch (way.kind) {
	case P4K_BPF_EXIT_WIRE:
		if (p4k_leave_by_wire(skb, &way, &verdict))
			return verdict;
		break;
	case P4K_BPF_EXIT_CHAIN:
		reason = p4k_chain(skb, &way);
		break;
	case P4K_BPF_EXIT_NO_PEER:
		reason = P4K_BPF_DROP_NO_PEER;
		break;
#if P4K_EVENTS
	case P4K_BPF_EXIT_CPU:
		p4k_packet_in(skb, w, way.to);
		return TC_ACT_SHOT;
#endif
	case P4K_BPF_EXIT_COLLECT:
		if (p4k_load.test) {
			skb->mark = way.to;
			return TC_ACT_OK;
		}
	}
	p4k_count_drop(w, reason);
	return TC_ACT_SHOT;
}

#endif
