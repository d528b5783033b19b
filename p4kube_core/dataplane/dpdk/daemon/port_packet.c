/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interface of the host through a packet socket. The interface should have no address: the host's own network
 * stack sees what comes in on it too. DPDK's af_packet driver does not tell of checksums left out and of segments to
 * be cut, so bulk TCP between hosts with offloads does not pass it; this does.
 */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>

#include "interface.h"
#include "port_packet.h"

#define SOCKET_BYTES (8 << 20) /* queued in the kernel, each way */
#define TX_TRIES 16

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

	self->index = interface_index(fd, name);
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
	rte_pktmbuf_free_bulk(self->fresh, PACKET_BURST);
	free(self->rest);
}

static int packet_open(struct port *port, const json_t *request, struct failure *why)
{
	struct packet_port *self = (struct packet_port *)port;
	const char *name;
	uint64_t place;

	if (interface_read(request, &name, why) != 0)
		return -1;
	/* Protocol 0: nothing is received before the socket is bound. */
	port->fd = interface_socket(request, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, &place, why);
	if (port->fd < 0)
		return -1;
	self->rest = malloc((size_t)PACKET_BURST * PACKET_LONGEST);
	if (!self->rest)
		fail(why, FAIL_FULL, "no memory for port '%s'", port->name);
	else if (port_claim(port, why, "interface %s of namespace %" PRIu64, name, place) == 0 &&
		 check_interface(port->fd, name, why) == 0 && attach(self, name, why) == 0)
		return 0;
	packet_close(port);
	return -1;
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
	struct mmsghdr messages[PACKET_BURST] = {0};
	struct iovec parts[PACKET_BURST][2];
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
