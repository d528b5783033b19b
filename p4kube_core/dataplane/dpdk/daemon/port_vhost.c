/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a virtual machine, by librte_vhost itself: its ethdev driver would count among DPDK's 32 ports.
 * Offloads are not offered, so that a guest sends and gets ordinary packets. Without a guest the link is down.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_vhost.h>

#include "eal.h"
#include "field.h"
#include "port.h"
#include "rcu.h"
#include "settings.h"
#include "worker.h"

#define NO_GUEST (-1)
#define GUEST_RECEIVES 0 /* queues of a pair, seen from the guest */
#define GUEST_SENDS 1
#define PAIRS_MAX 8
#define TX_TRIES 8
#define BURST 32

struct vhost_port {
	struct port port;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* fixed */
	atomic_int guest;	    /* librte_vhost's number of it; its thread: wo, workers and control: ro */
	atomic_uint changes;	    /* of the guest's queues; librte_vhost's thread adds, the port's worker reads */
	unsigned int seen;	    /* changes that the descriptors watched are of; the port's worker only */
	bool armed;		    /* the port's worker only */
	unsigned int first;	    /* pair to begin with; the port's worker only */
	LIST_ENTRY(vhost_port) all; /* under `mutex` */
};

/* By path, for librte_vhost's thread, which may not walk `ports`. */
static LIST_HEAD(, vhost_port) all_ports = LIST_HEAD_INITIALIZER(all_ports);
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static const uint64_t offloads =
	1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_GUEST_TSO4 |
	1ull << VIRTIO_NET_F_GUEST_TSO6 | 1ull << VIRTIO_NET_F_GUEST_ECN |
	1ull << VIRTIO_NET_F_GUEST_UFO | 1ull << VIRTIO_NET_F_HOST_TSO4 |
	1ull << VIRTIO_NET_F_HOST_TSO6 | 1ull << VIRTIO_NET_F_HOST_ECN | 1ull << VIRTIO_NET_F_HOST_UFO;

/* The port stays while librte_vhost may call: it is taken off the list after that has let go of the path. */
static struct vhost_port *port_of(int guest)
{
	struct vhost_port *self = NULL;
	char path[PATH_MAX];

	if (rte_vhost_get_ifname(guest, path, sizeof(path)) != 0)
		return NULL;
	pthread_mutex_lock(&mutex);
	LIST_FOREACH(self, &all_ports, all)
		if (strcmp(self->path, path) == 0)
			break;
	pthread_mutex_unlock(&mutex);
	return self;
}

static int guest_comes(int guest)
{
	struct vhost_port *self = port_of(guest);

	if (!self)
		return -1;
	atomic_fetch_add(&self->changes, 1);
	atomic_store(&self->guest, guest);
	workers_wake();
	return 0;
}

/* Its memory is gone when this returns. Another guest may have come to the same socket before: that one stays. */
static void guest_goes(int guest)
{
	struct vhost_port *self = port_of(guest);

	if (!self)
		return;
	atomic_compare_exchange_strong(&self->guest, &(int){guest}, NO_GUEST);
	rcu_wait();
}

/* Called with the queues locked: ask librte_vhost nothing here. */
static int queue_changes(int guest, uint16_t queue, int enabled)
{
	struct vhost_port *self;

	(void)queue, (void)enabled;
	pthread_mutex_lock(&mutex);
	LIST_FOREACH(self, &all_ports, all)
		if (atomic_load(&self->guest) == guest)
			atomic_fetch_add(&self->changes, 1);
	pthread_mutex_unlock(&mutex);
	workers_wake();
	return 0;
}

static const struct rte_vhost_device_ops callbacks = {
	.new_device = guest_comes,
	.destroy_device = guest_goes,
	.vring_state_changed = queue_changes,
};

/* As server: a socket that nobody has any more is left from a process that was killed. */
static int remove_stale(const char *path, struct failure *why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;
	bool stale;
	int fd;

	if (lstat(path, &status) != 0)
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return fail(why, FAIL_EXISTS, "socket %s: there is another file", path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(why, FAIL_IO, "socket %s: %s", path, strerror(errno));
	/* Any other error is a server's: it accepts nobody at the moment, or its socket is of another type. */
	stale = connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno == ECONNREFUSED;
	close(fd);
	if (!stale)
		return fail(why, FAIL_BUSY, "socket %s: another process serves it", path);
	unlink(path);
	return 0;
}

static int serve(struct vhost_port *self, bool server, struct failure *why)
{
	uint64_t flags = server ? 0 : RTE_VHOST_USER_CLIENT;
	int error;

	if (rte_vhost_driver_register(self->path, flags) != 0)
		return fail(why, FAIL_IO, "socket %s: cannot be registered", self->path);
	if (rte_vhost_driver_disable_features(self->path, offloads) == 0 &&
	    rte_vhost_driver_callback_register(self->path, &callbacks) == 0 &&
	    rte_vhost_driver_start(self->path) == 0)
		return 0;
	error = errno; /* of bind(): the next removes a file that may not be there */
	rte_vhost_driver_unregister(self->path);
	return fail(why, FAIL_IO, "socket %s: cannot be %s: %s", self->path,
		    server ? "served" : "connected to", strerror(error));
}

static void list(struct vhost_port *self)
{
	pthread_mutex_lock(&mutex);
	LIST_INSERT_HEAD(&all_ports, self, all);
	pthread_mutex_unlock(&mutex);
}

static void unlist(struct vhost_port *self)
{
	pthread_mutex_lock(&mutex);
	LIST_REMOVE(self, all);
	pthread_mutex_unlock(&mutex);
}

static int vhost_open(struct port *port, const json_t *request, struct failure *why)
{
	struct vhost_port *self = (struct vhost_port *)port;
	const char *path;
	bool server;

	if (field_string(request, "socket", sizeof(self->path) - 1, &path, why) != 0 ||
	    field_bool_or(request, "server", true, &server, why) != 0 ||
	    port_claim(port, why, "socket %s", path) != 0)
		return -1;
	if (path[0] != '/')
		return fail(why, FAIL_INVALID, "socket: want an absolute path; got '%s'", path);
	if (server && remove_stale(path, why) != 0)
		return -1;
	snprintf(self->path, sizeof(self->path), "%s", path);
	atomic_store(&self->guest, NO_GUEST);
	port->fd = epoll_create1(EPOLL_CLOEXEC);
	if (port->fd < 0)
		return fail(why, FAIL_IO, "socket %s: %s", path, strerror(errno));
	list(self);
	if (serve(self, server, why) == 0)
		return 0;
	unlist(self);
	close(port->fd);
	return -1;
}

static void vhost_close(struct port *port)
{
	struct vhost_port *self = (struct vhost_port *)port;

	rte_vhost_driver_unregister(self->path);
	unlist(self);
	close(port->fd);
}

static unsigned int pairs_of(int guest)
{
	return RTE_MIN(rte_vhost_get_vring_num(guest) / 2u, (unsigned int)PAIRS_MAX);
}

static unsigned int vhost_rx(struct port *port, struct port_tally *tally,
			     struct rte_mbuf **packets, unsigned int n)
{
	struct vhost_port *self = (struct vhost_port *)port;
	int guest = atomic_load_explicit(&self->guest, memory_order_acquire);
	unsigned int given = 0, pairs;

	if (guest == NO_GUEST)
		return 0;
	pairs = pairs_of(guest);
	for (unsigned int i = 0; i < pairs && given < n; i++) {
		unsigned int pair = (self->first + i) % pairs;

		given += rte_vhost_dequeue_burst(guest, (uint16_t)(2 * pair + GUEST_SENDS),
						 packet_pool, packets + given,
						 (uint16_t)(n - given));
	}
	self->first++;
	port_count_rx(tally, packets, given);
	return given;
}

static void vhost_tx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
		     unsigned int n)
{
	struct vhost_port *self = (struct vhost_port *)port;
	int guest = atomic_load_explicit(&self->guest, memory_order_acquire);
	unsigned int sent = 0;

	if (guest == NO_GUEST) {
		port_drop(tally, DROP_NO_LINK, packets, n);
		return;
	}
	for (unsigned int tries = 0; tries < TX_TRIES && sent < n; tries++)
		sent += rte_vhost_enqueue_burst(guest, GUEST_RECEIVES, packets + sent,
						(uint16_t)(n - sent));
	for (unsigned int i = 0; i < sent; i++)
		tally->tx_bytes += packets[i]->pkt_len;
	tally->tx_packets += sent;
	rte_pktmbuf_free_bulk(packets, sent);
	port_drop(tally, DROP_TX_FULL, packets + sent, n - sent);
}

/* Have the guest's kicks make port->fd readable. Edge-triggered: they need not be read. */
static void watch_kicks(struct vhost_port *self, int guest)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	struct rte_vhost_vring queue;

	for (unsigned int pair = 0; pair < pairs_of(guest); pair++)
		if (rte_vhost_get_vhost_vring(guest, (uint16_t)(2 * pair + GUEST_SENDS), &queue) ==
			    0 &&
		    queue.kickfd >= 0)
			epoll_ctl(self->port.fd, EPOLL_CTL_ADD, queue.kickfd, &event);
}

static void ask_for_kicks(int guest, int enable)
{
	for (unsigned int pair = 0; pair < pairs_of(guest); pair++)
		rte_vhost_enable_guest_notification(guest, (uint16_t)(2 * pair + GUEST_SENDS),
						    enable);
}

static bool vhost_arm(struct port *port)
{
	struct vhost_port *self = (struct vhost_port *)port;
	int guest = atomic_load_explicit(&self->guest, memory_order_acquire);
	unsigned int changes = atomic_load(&self->changes);

	if (guest == NO_GUEST)
		return true; /* guest_comes() wakes */
	if (changes != self->seen) {
		watch_kicks(self, guest);
		self->seen = changes;
	}
	ask_for_kicks(guest, 1);
	self->armed = true;
	return true;
}

static void vhost_disarm(struct port *port)
{
	struct vhost_port *self = (struct vhost_port *)port;
	int guest = atomic_load_explicit(&self->guest, memory_order_acquire);
	struct epoll_event events[PAIRS_MAX];

	if (!self->armed)
		return;
	self->armed = false;
	epoll_wait(port->fd, events, PAIRS_MAX, 0);
	if (guest != NO_GUEST)
		ask_for_kicks(guest, 0);
}

static bool vhost_link(struct port *port)
{
	return atomic_load(&((struct vhost_port *)port)->guest) != NO_GUEST;
}

const struct port_kind vhost_kind = {
	.name = "vhost",
	.size = sizeof(struct vhost_port),
	.open = vhost_open,
	.close = vhost_close,
	.rx = vhost_rx,
	.tx = vhost_tx,
	.arm = vhost_arm,
	.disarm = vhost_disarm,
	.link = vhost_link,
};
