/* SPDX-License-Identifier: Apache-2.0 */
/* TCP's and UDP's checksums where a program changed a packet: p4k_bpf_program.h includes this where they are wanted. */
#ifndef P4K_BPF_TRANSPORT_H
#define P4K_BPF_TRANSPORT_H

/* Where a packet's addresses and its TCP or UDP header are; checksum 0: it has none that we know. */
struct p4k_transport {
	uint32_t addresses, address_bytes;
	uint32_t header, checksum, end; /* end of the header, or of what is at hand */
	bool udp;
};

P4K_INLINE struct p4k_transport p4k_find_transport(const uint8_t *at, uint32_t bytes)
{
	struct p4k_transport t = {0};
	uint32_t network = 14, protocol;
	uint16_t type;

	if (bytes < 34)
		return t;
	type = p4k_load16(at + 12);
	if (type == 0x8100 || type == 0x88a8) {
		type = p4k_load16(at + 16);
		network = 18;
	}
	if (type == 0x0800) {
		const uint8_t *ip = at + network;

		if (bytes < network + 20 || p4k_load16(ip + 6) & 0x3fff)
			return t;
		protocol = ip[9];
		t.addresses = network + 12;
		t.address_bytes = 8;
		t.header = network + 4 * (ip[0] & 15);
	} else if (type == 0x86dd) {
		protocol = at[network + 6];
		t.addresses = network + 8;
		t.address_bytes = 32;
		t.header = network + 40;
	} else {
		return t;
	}
	t.udp = protocol == 17;
	t.end = t.header + (t.udp ? 8 : 20);
	if ((protocol == 6 || protocol == 17) && t.end <= bytes)
		t.checksum = t.header + (t.udp ? 6 : 16);
	return t;
}

/* Sum of 16-bit words from an even number of bytes at a place in a buffer of P4K_OLD bytes. */
P4K_INLINE uint64_t p4k_sum_at(const uint8_t *buffer, uint32_t place, uint32_t bytes)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < bytes; i += 2) {
		uint32_t at = place + i;

		p4k_hide(at);
		sum += p4k_load16(buffer + (at & (P4K_OLD / 2 - 1)));
	}
	return sum;
}

/* The difference that makes one sum another, as bpf_l4_csum_replace wants it. */
P4K_INLINE uint32_t p4k_difference(uint64_t old, uint64_t new)
{
	return p4k_swap(p4k_fold((uint64_t)(uint16_t)~p4k_fold(old) + p4k_fold(new)));
}

/*
 * The packet may be one whose checksum is yet to be made: then its field holds the sum of the pseudo
 * header alone, and what the program made of it is of no use. So where the program's checksum is the old
 * one adjusted for what changed, or the old one is such a sum, the field is left as it was here and
 * the kernel is told the differences, which it applies as each packet needs.
 *
 * `fresh` is changed to hold the old checksum then; true: p4k_tell() is to be called.
 */
struct p4k_differences {
	uint32_t place; /* of the checksum; 0: nothing to tell */
	uint32_t pseudo, rest;
	uint32_t flags;
};

P4K_INLINE void p4k_differ(const uint8_t *was, uint32_t was_bytes, uint8_t *fresh, uint32_t bytes,
			   struct p4k_differences *d)
{
	struct p4k_transport o = p4k_find_transport(was, was_bytes);
	struct p4k_transport n = p4k_find_transport(fresh, bytes);
	uint64_t pseudo_was, pseudo, rest_was, rest;
	uint32_t sum_was, sum, wanted, partial;
	const uint8_t *old_at, *new_at;

	d->place = 0;
	if (!o.checksum || !n.checksum || o.udp != n.udp || o.address_bytes != n.address_bytes)
		return;
	old_at = was + (o.checksum & (P4K_OLD / 2 - 1));
	new_at = fresh + (n.checksum & (P4K_OLD / 2 - 1));
	sum_was = p4k_load16(old_at);
	sum = p4k_load16(new_at);
	if (sum_was == sum || (o.udp && (sum_was == 0 || sum == 0)))
		return;
	if (o.address_bytes == 8) {
		pseudo_was = p4k_sum_at(was, o.addresses, 8);
		pseudo = p4k_sum_at(fresh, n.addresses, 8);
	} else {
		pseudo_was = p4k_sum_at(was, o.addresses, 32);
		pseudo = p4k_sum_at(fresh, n.addresses, 32);
	}
	if (o.udp) {
		rest_was = p4k_sum_at(was, o.header, 6);
		rest = p4k_sum_at(fresh, n.header, 6);
	} else {
		rest_was = p4k_sum_at(was, o.header, 20) - sum_was;
		rest = p4k_sum_at(fresh, n.header, 20) - sum;
	}
	/* The adjusted checksum (RFC 1624); zero is written either way. */
	wanted = (uint16_t)~p4k_fold((uint64_t)(uint16_t)~sum_was + (uint16_t)~p4k_fold(pseudo_was) +
				     p4k_fold(pseudo) + (uint16_t)~p4k_fold(rest_was) + p4k_fold(rest));
	/* The pseudo header's own sum: addresses, protocol and length. */
	if (o.address_bytes == 8)
		partial = p4k_load16(was + ((o.addresses - 10) & (P4K_OLD / 2 - 1))) -
			  (o.header - (o.addresses - 12));
	else
		partial = p4k_load16(was + ((o.addresses - 4) & (P4K_OLD / 2 - 1)));
	partial = p4k_fold(pseudo_was + (o.udp ? 17 : 6) + (uint16_t)partial);
	if (wanted % 0xffff != sum % 0xffff && partial != sum_was)
		return;
	p4k_store16((uint8_t *)new_at, (uint16_t)sum_was);
	d->place = n.checksum;
	d->pseudo = p4k_difference(pseudo_was, pseudo);
	d->rest = p4k_difference(rest_was, rest);
	d->flags = o.udp ? BPF_F_MARK_MANGLED_0 : 0;
}

P4K_INLINE void p4k_tell(struct __sk_buff *skb, const struct p4k_differences *d)
{
	if (!d->place)
		return;
	bpf_l4_csum_replace(skb, d->place, 0, d->pseudo, BPF_F_PSEUDO_HDR | d->flags);
	bpf_l4_csum_replace(skb, d->place, 0, d->rest, d->flags);
}

#endif
