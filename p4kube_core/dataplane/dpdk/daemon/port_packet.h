/* SPDX-License-Identifier: Apache-2.0 */
/* A packet socket's own state, shared by what opens and sends (port_packet.c) and what receives (packet_receive.c). */
#ifndef P4K_DAEMON_PORT_PACKET_H
#define P4K_DAEMON_PORT_PACKET_H

#include <sys/socket.h>

#include <linux/if_packet.h>
#include <linux/virtio_net.h>

#include "offload.h"
#include "port.h"

#define PACKET_BURST 32
#define PACKET_LONGEST 65600 /* bytes of a packet that is still to be cut */

union auxiliary {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

/* All but the first three are of the port's own worker. */
struct packet_port {
	struct port port;
	int index;	 /* of the interface; fixed */
	uint64_t missed; /* control only: what the kernel had no room for */
	unsigned int got, next; /* messages received; the first of them that is not given on */
	uint32_t prepared;	/* bit i: message i is ready to be received into */
	bool cutting;		/* message `next` is being cut */
	struct segments segments;
	struct rte_mbuf *fresh[PACKET_BURST]; /* to receive into */
	uint8_t *rest;		       /* PACKET_BURST x PACKET_LONGEST: what does not fit into `fresh` */
	struct mmsghdr messages[PACKET_BURST];
	struct iovec parts[PACKET_BURST][3];
	struct virtio_net_hdr headers[PACKET_BURST];
	union auxiliary auxiliary[PACKET_BURST];
};

unsigned int packet_rx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
		       unsigned int n);

#endif
