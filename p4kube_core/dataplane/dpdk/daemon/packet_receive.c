/* SPDX-License-Identifier: Apache-2.0 */
/* From a packet socket: what the interface left out is made good before a program sees the packet. */
#include <netinet/in.h>
#include <string.h>

#include <linux/if_ether.h>

#include "eal.h"
#include "port_packet.h"
#include "settings.h"

#define VLAN_BYTES 4

/* Point message i at the packet it is received into. */
static void prepare(struct packet_port *self, unsigned int i)
{
	struct rte_mbuf *mbuf = self->fresh[i];

	mbuf->data_off = PACKET_HEADROOM;
	self->parts[i][0] = (struct iovec){&self->headers[i], sizeof(self->headers[i])};
	self->parts[i][1] = (struct iovec){rte_pktmbuf_mtod(mbuf, void *), settings.frame};
	self->parts[i][2] = (struct iovec){self->rest + (size_t)i * PACKET_LONGEST, PACKET_LONGEST};
	self->messages[i].msg_hdr = (struct msghdr){
		.msg_iov = self->parts[i],
		.msg_iovlen = 3,
		.msg_control = &self->auxiliary[i],
		.msg_controllen = sizeof(self->auxiliary[i]),
	};
	self->prepared |= 1u << i;
}

/* No buffer is to be had: what has come is lost. */
static void receive_nothing(struct packet_port *self, struct port_tally *tally)
{
	struct mmsghdr nowhere[PACKET_BURST] = {0};
	int n = recvmmsg(self->port.fd, nowhere, PACKET_BURST, MSG_DONTWAIT, NULL);

	if (n > 0)
		tally->drops[DROP_NO_MBUF] += (unsigned int)n;
}

static void receive(struct packet_port *self, struct port_tally *tally)
{
	unsigned int ready = 0;
	int n;

	self->got = self->next = 0;
	for (; ready < PACKET_BURST; ready++) {
		if (!self->fresh[ready])
			self->fresh[ready] = rte_pktmbuf_alloc(packet_pool);
		if (!self->fresh[ready])
			break;
		if (!(self->prepared & 1u << ready))
			prepare(self, ready);
	}
	if (ready == 0) {
		receive_nothing(self, tally);
		return;
	}
	n = recvmmsg(self->port.fd, self->messages, ready, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return;
	self->got = (unsigned int)n;
	self->prepared &= ~(uint32_t)((1ull << n) - 1);
}

/* The tag that the kernel took off goes back. */
static void restore_tag(struct packet_port *self, unsigned int i, struct rte_mbuf *mbuf)
{
	struct msghdr *message = &self->messages[i].msg_hdr;
	struct cmsghdr *control;
	struct tpacket_auxdata auxiliary;
	uint8_t *data;

	for (control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
		uint16_t tag[2];

		if (control->cmsg_level != SOL_PACKET || control->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&auxiliary, CMSG_DATA(control), sizeof(auxiliary));
		if (!(auxiliary.tp_status & TP_STATUS_VLAN_VALID) || mbuf->data_len < 2 * ETH_ALEN)
			return;
		tag[0] = htons(auxiliary.tp_status & TP_STATUS_VLAN_TPID_VALID ?
				       auxiliary.tp_vlan_tpid :
				       ETH_P_8021Q);
		tag[1] = htons(auxiliary.tp_vlan_tci);
		data = (uint8_t *)rte_pktmbuf_prepend(mbuf, VLAN_BYTES);
		if (!data)
			return; /* cannot be: PACKET_HEADROOM has room for it */
		memmove(data, data + VLAN_BYTES, 2 * ETH_ALEN);
		memcpy(data + 2 * ETH_ALEN, tag, sizeof(tag));
		return;
	}
}

/* Message i is a packet to be cut: begin. */
static bool cut(struct packet_port *self, unsigned int i, size_t length, struct port_tally *tally)
{
	self->segments = (struct segments){
		.first = rte_pktmbuf_mtod(self->fresh[i], uint8_t *),
		.second = self->rest + (size_t)i * PACKET_LONGEST,
		.first_length = RTE_MIN(length, (size_t)settings.frame),
		.length = length,
	};
	if (!segments_begin(&self->segments, &self->headers[i])) {
		tally->drops[DROP_MALFORMED]++;
		return false;
	}
	if (segments_longest(&self->segments) > settings.frame) {
		tally->drops[DROP_OVERSIZED]++;
		return false;
	}
	return true;
}

/* The next segment of the message being cut, or NULL after the last. */
static struct rte_mbuf *next_segment(struct packet_port *self, struct port_tally *tally)
{
	struct rte_mbuf *mbuf;
	size_t length;

	while ((mbuf = rte_pktmbuf_alloc(packet_pool))) {
		mbuf->data_off = PACKET_HEADROOM;
		length = segments_next(&self->segments, rte_pktmbuf_mtod(mbuf, uint8_t *));
		if (length == 0) {
			rte_pktmbuf_free(mbuf);
			return NULL;
		}
		mbuf->data_len = (uint16_t)length;
		mbuf->pkt_len = (uint32_t)length;
		restore_tag(self, self->next, mbuf);
		return mbuf;
	}
	tally->drops[DROP_NO_MBUF]++; /* the rest of the message */
	return NULL;
}

/* Message i as it is, or NULL where it is lost or to be cut. */
static struct rte_mbuf *take(struct packet_port *self, unsigned int i, struct port_tally *tally)
{
	const struct virtio_net_hdr *header = &self->headers[i];
	struct rte_mbuf *mbuf = self->fresh[i];
	size_t length = self->messages[i].msg_len;

	if (length < sizeof(*header)) {
		tally->drops[DROP_MALFORMED]++;
		return NULL;
	}
	length -= sizeof(*header);
	if (self->messages[i].msg_hdr.msg_flags & MSG_TRUNC) {
		tally->drops[DROP_OVERSIZED]++;
		return NULL;
	}
	if (header->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		self->cutting = cut(self, i, length, tally);
		return NULL;
	}
	if (length > settings.frame) {
		tally->drops[DROP_OVERSIZED]++;
		return NULL;
	}
	if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    !offload_checksum(rte_pktmbuf_mtod(mbuf, uint8_t *), length, header->csum_start,
			      header->csum_offset)) {
		tally->drops[DROP_MALFORMED]++;
		return NULL;
	}
	self->fresh[i] = NULL;
	mbuf->data_len = (uint16_t)length;
	mbuf->pkt_len = (uint32_t)length;
	restore_tag(self, i, mbuf);
	return mbuf;
}

unsigned int packet_rx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
		       unsigned int n)
{
	struct packet_port *self = (struct packet_port *)port;
	unsigned int given = 0;

	if (self->next == self->got && !self->cutting)
		receive(self, tally);
	while (given < n && self->next < self->got) {
		struct rte_mbuf *mbuf;

		if (self->cutting) {
			mbuf = next_segment(self, tally);
			self->cutting = mbuf != NULL;
		} else {
			mbuf = take(self, self->next, tally);
		}
		if (mbuf)
			packets[given++] = mbuf;
		if (!self->cutting)
			self->next++;
	}
	port_count_rx(tally, packets, given);
	return given;
}
