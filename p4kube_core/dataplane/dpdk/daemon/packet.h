/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between DPDK's packets and a program's. A program sees exactly the bytes of the packet: under AddressSanitizer
 * what lies after them is poisoned while it runs, so that reading past the end is found.
 */
#ifndef P4K_DAEMON_PACKET_H
#define P4K_DAEMON_PACKET_H

#include <rte_mbuf.h>

#include "../runtime/p4k.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

/* False where the packet is in pieces that do not fit into one buffer. */
static inline bool packet_from_mbuf(struct p4k_packet *packet, struct rte_mbuf *mbuf,
				    uint16_t ingress_port)
{
	if (unlikely(mbuf->nb_segs > 1) && rte_pktmbuf_linearize(mbuf) != 0)
		return false;
	packet->data = rte_pktmbuf_mtod(mbuf, uint8_t *);
	packet->length = mbuf->data_len;
	packet->headroom = mbuf->data_off;
	packet->tailroom = rte_pktmbuf_tailroom(mbuf);
	packet->ingress_port = ingress_port;
	packet->egress_port = P4K_PORT_DROP;
#ifdef __SANITIZE_ADDRESS__
	__asan_poison_memory_region(packet->data + packet->length, packet->tailroom);
	packet->tailroom = 0;
#endif
	return true;
}

/* After the program: the packet's place and length go back into the mbuf. */
static inline void packet_to_mbuf(const struct p4k_packet *packet, struct rte_mbuf *mbuf)
{
#ifdef __SANITIZE_ADDRESS__
	__asan_unpoison_memory_region(mbuf->buf_addr, mbuf->buf_len);
	RTE_VERIFY(packet->data >= (uint8_t *)mbuf->buf_addr &&
		   packet->data + packet->length <= (uint8_t *)mbuf->buf_addr + mbuf->buf_len);
#endif
	mbuf->data_off = (uint16_t)(packet->data - (uint8_t *)mbuf->buf_addr);
	mbuf->data_len = (uint16_t)packet->length;
	mbuf->pkt_len = packet->length;
}

#endif
