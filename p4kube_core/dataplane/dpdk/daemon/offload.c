/* SPDX-License-Identifier: Apache-2.0 */
/* Source: virtio 1.2, "Packet Transmission"; RFC 9293, "Header Format"; RFC 768; RFC 8200, "Upper-Layer Checksums". */
#include "offload.h"

#include <netinet/in.h>
#include <string.h>

#include <linux/virtio_net.h>
#include <rte_ip.h>

#include "bytes.h"

#define ETHERNET_BYTES 14
#define VLAN_BYTES 4
#define IPV4_BYTES 20 /* without options */
#define IPV6_BYTES 40
#define UDP_BYTES 8
#define TCP_BYTES 20
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

bool offload_checksum(uint8_t *data, size_t length, uint16_t start, uint16_t offset)
{
	size_t field = (size_t)start + offset;
	uint16_t sum;

	if (start >= length || field + 2 > length)
		return false;
	/* The field holds the pseudo header's sum, which is thus added. */
	sum = (uint16_t)~rte_raw_cksum(data + start, length - start);
	if (sum == 0)
		sum = 0xffff;
	memcpy(data + field, &sum, sizeof(sum));
	return true;
}

/* Finds the IP header behind Ethernet and VLAN tags. */
static bool find_ip(struct segments *segments)
{
	const uint8_t *data = segments->first;
	size_t at = ETHERNET_BYTES;
	uint16_t type;

	if (segments->first_length < at + IPV4_BYTES)
		return false;
	type = load16(data + at - 2);
	while (type == 0x8100 || type == 0x88a8) {
		at += VLAN_BYTES;
		if (segments->first_length < at + IPV4_BYTES)
			return false;
		type = load16(data + at - 2);
	}
	segments->l3 = at;
	segments->v6 = type == 0x86dd;
	if (segments->v6)
		return segments->first_length >= at + IPV6_BYTES && data[at] >> 4 == 6;
	return type == 0x0800 && data[at] >> 4 == 4;
}

/* Whether `l4` is where the transport header can be, and all of it is in the first part. */
static bool check_transport(struct segments *segments)
{
	const uint8_t *data = segments->first;
	size_t l4 = segments->l4, bytes = segments->tcp ? TCP_BYTES : UDP_BYTES;

	if (segments->v6 ? l4 < segments->l3 + IPV6_BYTES :
			   l4 != segments->l3 + (data[segments->l3] & 15u) * 4u)
		return false;
	if (l4 < segments->l3 + IPV4_BYTES || l4 + bytes > segments->first_length)
		return false;
	if (segments->tcp) {
		bytes = (data[l4 + 12] >> 4) * 4u;
		if (bytes < TCP_BYTES)
			return false;
	}
	segments->headers = l4 + bytes;
	return segments->headers <= segments->first_length && segments->headers < segments->length;
}

bool segments_begin(struct segments *segments, const struct virtio_net_hdr *header)
{
	uint8_t type = header->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || header->gso_size == 0 ||
	    !find_ip(segments))
		return false;
	segments->l4 = header->csum_start;
	segments->each = header->gso_size;
	segments->at = 0;
	segments->index = 0;
	segments->tcp = type != VIRTIO_NET_HDR_GSO_UDP_L4;
	if ((type == VIRTIO_NET_HDR_GSO_TCPV4 && segments->v6) ||
	    (type == VIRTIO_NET_HDR_GSO_TCPV6 && !segments->v6))
		return false;
	if (type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6 &&
	    type != VIRTIO_NET_HDR_GSO_UDP_L4)
		return false;
	return check_transport(segments);
}

size_t segments_longest(const struct segments *segments)
{
	return segments->headers + RTE_MIN(segments->each, segments->length - segments->headers);
}

/* Bytes from..from+n of the whole, out of its two parts. */
static void gather(const struct segments *segments, size_t from, size_t n, uint8_t *out)
{
	size_t in_first = from < segments->first_length ?
				  RTE_MIN(n, segments->first_length - from) :
				  0;

	memcpy(out, segments->first + from, in_first);
	if (n > in_first)
		memcpy(out + in_first, segments->second + (from + in_first - segments->first_length),
		       n - in_first);
}

static void fix_ip(const struct segments *segments, uint8_t *ip, size_t bytes)
{
	uint16_t sum;

	if (segments->v6) {
		store16(ip + 4, (uint16_t)(bytes - IPV6_BYTES));
		return;
	}
	store16(ip + 2, (uint16_t)bytes);
	store16(ip + 4, (uint16_t)(load16(ip + 4) + segments->index));
	store16(ip + 10, 0);
	sum = (uint16_t)~rte_raw_cksum(ip, (ip[0] & 15u) * 4u);
	memcpy(ip + 10, &sum, sizeof(sum));
}

/* Into the checksum field: the sum of addresses, protocol and length, not complemented. */
static void put_pseudo_sum(const struct segments *segments, const uint8_t *ip, size_t bytes,
			   uint8_t *field)
{
	const uint8_t *addresses = segments->v6 ? ip + 8 : ip + 12;
	uint32_t sum = rte_raw_cksum(addresses, segments->v6 ? 32 : 8);

	sum += htons(segments->tcp ? IPPROTO_TCP : IPPROTO_UDP);
	sum += htons((uint16_t)bytes);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	memcpy(field, &(uint16_t){(uint16_t)sum}, sizeof(uint16_t));
}

size_t segments_next(struct segments *segments, uint8_t *out)
{
	size_t left = segments->length - segments->headers - segments->at;
	size_t payload = RTE_MIN(left, segments->each);
	size_t total = segments->headers + payload;
	uint8_t *ip = out + segments->l3, *transport = out + segments->l4;
	size_t offset = segments->tcp ? 16 : 6;

	if (left == 0)
		return 0;
	memcpy(out, segments->first, segments->headers);
	gather(segments, segments->headers + segments->at, payload, out + segments->headers);
	fix_ip(segments, ip, total - segments->l3);
	if (segments->tcp) {
		store32(transport + 4, load32(transport + 4) + (uint32_t)segments->at);
		if (payload < left)
			transport[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
		if (segments->index > 0)
			transport[13] &= (uint8_t)~TCP_CWR;
	} else {
		store16(transport + 4, (uint16_t)(total - segments->l4));
	}
	put_pseudo_sum(segments, ip, total - segments->l4, transport + offset);
	offload_checksum(out, total, (uint16_t)segments->l4, (uint16_t)offset);
	segments->at += payload;
	segments->index++;
	return total;
}
