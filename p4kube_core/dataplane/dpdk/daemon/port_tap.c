/* SPDX-License-Identifier: Apache-2.0 */
/* An interface of our own making: what the host sends to it is received here, and the other way. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "eal.h"
#include "interface.h"
#include "port.h"
#include "settings.h"

#define TX_TRIES 16

struct tap_port {
	struct port port;
	int socket; /* control only: to ask for the interface's state; fixed */
	int index;  /* of the interface; fixed */
};

static int create(struct tap_port *self, const char *name, struct failure *why)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL};
	const char *step = "made";

	if (if_nametoindex(name) != 0)
		return fail(why, FAIL_EXISTS, "there is an interface '%s' already", name);
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	if (ioctl(self->port.fd, TUNSETIFF, &request) == 0) {
		self->index = (int)if_nametoindex(name);
		request.ifr_flags = IFF_UP | IFF_RUNNING;
		if (ioctl(self->socket, SIOCSIFFLAGS, &request) == 0)
			return 0;
		step = "set up";
	}
	return fail(why, errno == EBUSY ? FAIL_EXISTS : FAIL_IO, "tap '%s' cannot be %s: %s", name,
		    step, strerror(errno));
}

/* The interface lives as long as the descriptor. */
static void tap_close(struct port *port)
{
	struct tap_port *self = (struct tap_port *)port;

	if (port->fd >= 0)
		close(port->fd);
	if (self->socket >= 0)
		close(self->socket);
}

static int tap_open(struct port *port, const json_t *request, struct failure *why)
{
	struct tap_port *self = (struct tap_port *)port;
	const char *name;
	uint64_t place;

	if (interface_read(request, &name, why) != 0)
		return -1;
	self->socket = interface_socket(NULL, AF_INET, SOCK_DGRAM, &place, why);
	if (self->socket < 0)
		return -1;
	if (port_claim(port, why, "interface %s of namespace %" PRIu64, name, place) != 0) {
		close(self->socket);
		return -1;
	}
	port->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (port->fd < 0)
		fail(why, FAIL_IO, "/dev/net/tun: %s", strerror(errno));
	else if (create(self, name, why) == 0)
		return 0;
	tap_close(port);
	return -1;
}

/* Somebody removed the interface: its descriptor would wake us for ever. A silent one takes its place. */
static void silence(struct port *port)
{
	int silent = epoll_create1(EPOLL_CLOEXEC); /* takes no write either */

	if (silent < 0)
		return;
	dup3(silent, port->fd, O_CLOEXEC);
	close(silent);
}

static unsigned int tap_rx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
			   unsigned int n)
{
	unsigned int given = 0;

	while (given < n) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(packet_pool);
		struct iovec parts[2];
		char one_more; /* tells a packet that is too long */
		ssize_t length;

		if (!mbuf) {
			tally->drops[DROP_NO_MBUF] += read(port->fd, &one_more, 1) == 1;
			break;
		}
		mbuf->data_off = PACKET_HEADROOM;
		parts[0] = (struct iovec){rte_pktmbuf_mtod(mbuf, void *), settings.frame};
		parts[1] = (struct iovec){&one_more, 1};
		length = readv(port->fd, parts, 2);
		if (length <= 0 || (size_t)length > settings.frame) {
			rte_pktmbuf_free(mbuf);
			if (length > 0) {
				tally->drops[DROP_OVERSIZED]++;
				continue;
			}
			if (length < 0 && errno == EBADFD)
				silence(port);
			break;
		}
		mbuf->data_len = (uint16_t)length;
		mbuf->pkt_len = (uint32_t)length;
		packets[given++] = mbuf;
	}
	port_count_rx(tally, packets, given);
	return given;
}

/* Why the packet cannot be sent; after a few tries where it might be later. */
static enum port_drop send_one(int fd, const struct rte_mbuf *mbuf)
{
	for (unsigned int tries = 0; tries < TX_TRIES; tries++) {
		if (write(fd, rte_pktmbuf_mtod(mbuf, void *), mbuf->data_len) >= 0)
			return DROPS;
		switch (errno) {
		case EINTR:
		case EAGAIN:
		case ENOBUFS:
			continue;
		case EIO: /* down */
		case EBADFD: /* gone */
		case EINVAL: /* gone and silenced */
			return DROP_NO_LINK;
		default:
			return DROP_TX_ERROR;
		}
	}
	return DROP_TX_FULL;
}

static void tap_tx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
		   unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		enum port_drop why = send_one(port->fd, packets[i]);

		if (why != DROPS) {
			tally->drops[why]++;
			continue;
		}
		tally->tx_packets++;
		tally->tx_bytes += packets[i]->data_len;
	}
	rte_pktmbuf_free_bulk(packets, n);
}

static bool tap_link(struct port *port)
{
	struct tap_port *self = (struct tap_port *)port;

	return interface_running(self->socket, self->index);
}

const struct port_kind tap_kind = {
	.name = "tap",
	.size = sizeof(struct tap_port),
	.open = tap_open,
	.close = tap_close,
	.rx = tap_rx,
	.tx = tap_tx,
	.link = tap_link,
};
