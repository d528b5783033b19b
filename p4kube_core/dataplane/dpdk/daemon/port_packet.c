/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interface of the host through a packet socket. The interface should have no address: the host's own network
 * stack sees what comes in on it too. DPDK's af_packet driver does not tell of checksums left out and of segments to
 * be cut, so bulk TCP between hosts with offloads does not pass it; this does.
 */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>

#include "eal.h"
#include "interface.h"
#include "offload.h"
#include "port.h"
#include "settings.h"

#define BURST 32
#define LONGEST 65600	       /* bytes of a packet that is still to be cut */
#define SOCKET_BYTES (8 << 20) /* queued in the kernel, each way */
#define TX_TRIES 16
#define VLAN_BYTES 4

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
	bool cutting;		/* message `next` is being cut */
	struct segments segments;
	struct rte_mbuf *fresh[BURST]; /* to receive into */
	uint8_t *rest;		       /* BURST x LONGEST: what does not fit into `fresh` */
	struct mmsghdr messages[BURST];
	struct iovec parts[BURST][3];
	struct virtio_net_hdr headers[BURST];
	union auxiliary auxiliary[BURST];
};

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int check_interface(int fd, const char *name, struct failure *why)
{
	struct ifreq request = {0};
	int flags = interface_flags(fd, name, why);

	if (flags < 0)
		return -1;
	if (!(flags & IFF_UP))
		return fail(why, FAIL_INVALID, "interface '%s' is down: ip link set %s up", name, name);
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &request) != 0 ||
	    request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return fail(why, FAIL_UNSUPPORTED, "interface '%s': want Ethernet", name);
	return 0;
}

static int attach(struct packet_port *self, const char *name, struct failure *why)
{
	int fd = self->port.fd;
	struct packet_mreq promiscuous = {.mr_type = PACKET_MR_PROMISC};
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	self->index = (int)if_nametoindex(name);
	promiscuous.mr_ifindex = address.sll_ifindex = self->index;
	/* The kernel's default is kept where more is refused. */
	set(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BYTES);
	set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BYTES);
	if (set(fd, SOL_PACKET, PACKET_VNET_HDR, 1) != 0 ||
	    set(fd, SOL_PACKET, PACKET_AUXDATA, 1) != 0 ||
	    set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) != 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return fail(why, FAIL_IO, "interface '%s': cannot be taken: %s", name,
			    strerror(errno));
	return 0;
}

static void packet_close(struct port *port)
{
	struct packet_port *self = (struct packet_port *)port;

	close(port->fd);
	rte_pktmbuf_free_bulk(self->fresh, BURST);
	free(self->rest);
}

static int packet_open(struct port *port, const json_t *request, struct failure *why)
{
	struct packet_port *self = (struct packet_port *)port;
	const char *name;

	if (interface_read(request, &name, why) != 0 ||
	    port_claim(port, why, "interface %s", name) != 0)
		return -1;
	/* Protocol 0: nothing is received before the socket is bound. */
	port->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	self->rest = malloc((size_t)BURST * LONGEST);
	if (port->fd < 0 || !self->rest) {
		fail(why, FAIL_IO, "interface '%s': cannot open a packet socket: %s", name,
		     strerror(errno));
		if (port->fd >= 0)
			close(port->fd);
		free(self->rest);
		return -1;
	}
	if (check_interface(port->fd, name, why) == 0 && attach(self, name, why) == 0)
		return 0;
	packet_close(port);
	return -1;
}

/* Point message i at the packet it is received into. */
static void prepare(struct packet_port *self, unsigned int i)
{
	struct rte_mbuf *mbuf = self->fresh[i];

	mbuf->data_off = PACKET_HEADROOM;
	self->parts[i][0] = (struct iovec){&self->headers[i], sizeof(self->headers[i])};
	self->parts[i][1] = (struct iovec){rte_pktmbuf_mtod(mbuf, void *), settings.frame};
	self->parts[i][2] = (struct iovec){self->rest + (size_t)i * LONGEST, LONGEST};
	self->messages[i].msg_hdr = (struct msghdr){
		.msg_iov = self->parts[i],
		.msg_iovlen = 3,
		.msg_control = &self->auxiliary[i],
		.msg_controllen = sizeof(self->auxiliary[i]),
	};
}

/* No buffer is to be had: what has come is lost. */
static void receive_nothing(struct packet_port *self, struct port_tally *tally)
{
	int n;

	memset(self->messages, 0, sizeof(self->messages));
	n = recvmmsg(self->port.fd, self->messages, BURST, MSG_DONTWAIT, NULL);
	if (n > 0)
		tally->drops[DROP_NO_MBUF] += (unsigned int)n;
}

static void receive(struct packet_port *self, struct port_tally *tally)
{
	unsigned int ready = 0;
	int n;

	while (ready < BURST) {
		if (!self->fresh[ready])
			self->fresh[ready] = rte_pktmbuf_alloc(packet_pool);
		if (!self->fresh[ready])
			break;
		prepare(self, ready++);
	}
	self->got = self->next = 0;
	if (ready == 0) {
		receive_nothing(self, tally);
		return;
	}
	n = recvmmsg(self->port.fd, self->messages, ready, MSG_DONTWAIT, NULL);
	if (n > 0)
		self->got = (unsigned int)n;
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
		.second = self->rest + (size_t)i * LONGEST,
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

static unsigned int packet_rx(struct port *port, struct port_tally *tally,
			      struct rte_mbuf **packets, unsigned int n)
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

/* The first of the packets cannot be sent: how many are lost of `left`, and why. 0: try again. */
static unsigned int give_up(int error, unsigned int tries, unsigned int left, enum port_drop *why)
{
	switch (error) {
	case EINTR:
		return 0;
	case EAGAIN:
	case ENOBUFS:
		*why = DROP_TX_FULL;
		return tries < TX_TRIES ? 0 : left;
	case EMSGSIZE:
		*why = DROP_OVERSIZED;
		return 1;
	case ENETDOWN:
	case ENXIO:
	case ENODEV:
		*why = DROP_NO_LINK;
		return left;
	default:
		*why = DROP_TX_ERROR;
		return 1;
	}
}

static void packet_tx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
		      unsigned int n)
{
	static const struct virtio_net_hdr nothing_left_out;
	struct mmsghdr messages[BURST] = {0};
	struct iovec parts[BURST][2];
	unsigned int done = 0, tries = 0;
	enum port_drop why = DROP_TX_ERROR;

	for (unsigned int i = 0; i < n; i++) {
		parts[i][0] = (struct iovec){(void *)(uintptr_t)&nothing_left_out,
					     sizeof(nothing_left_out)};
		parts[i][1] = (struct iovec){rte_pktmbuf_mtod(packets[i], void *),
					     packets[i]->data_len};
		messages[i].msg_hdr.msg_iov = parts[i];
		messages[i].msg_hdr.msg_iovlen = 2;
	}
	while (done < n) {
		int sent = sendmmsg(port->fd, messages + done, n - done, MSG_DONTWAIT);
		unsigned int lost;

		if (sent > 0) {
			for (int i = 0; i < sent; i++)
				tally->tx_bytes += packets[done + (unsigned int)i]->data_len;
			tally->tx_packets += (unsigned int)sent;
			done += (unsigned int)sent;
			continue;
		}
		lost = give_up(errno, tries++, n - done, &why);
		tally->drops[why] += lost;
		done += lost;
	}
	rte_pktmbuf_free_bulk(packets, n);
}

static bool packet_link(struct port *port)
{
	struct sockaddr_ll address = {0};
	socklen_t length = sizeof(address);

	/* Once the interface is gone the socket is bound to none, whatever gets its name later. */
	return getsockname(port->fd, (struct sockaddr *)&address, &length) == 0 &&
	       interface_running(port->fd, address.sll_ifindex);
}

static uint64_t packet_missed(struct port *port)
{
	struct packet_port *self = (struct packet_port *)port;
	struct tpacket_stats stats;
	socklen_t length = sizeof(stats);

	/* Reading sets the kernel's count back. */
	if (getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0)
		self->missed += stats.tp_drops;
	return self->missed;
}

const struct port_kind packet_kind = {
	.name = "packet",
	.size = sizeof(struct packet_port),
	.open = packet_open,
	.close = packet_close,
	.rx = packet_rx,
	.tx = packet_tx,
	.link = packet_link,
	.missed = packet_missed,
};
