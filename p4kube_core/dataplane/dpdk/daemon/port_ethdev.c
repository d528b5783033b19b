/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any device of DPDK's own drivers: pcap files, AF_XDP, memif, PCI. Debian's build has room for 32. A driver without
 * receive interrupts is polled: an idle worker then sleeps 100 us at a time at most, which costs some percent of a core.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_spinlock.h>

#include "eal.h"
#include "field.h"
#include "port.h"
#include "settings.h"

#define DESCRIPTORS 512
#define TX_TRIES 16
#define DEVARGS_MAX 160

struct ethdev_port {
	struct port port;
	uint16_t id;		   /* DPDK's port number; fixed */
	struct rte_device *device; /* fixed */
	rte_spinlock_t transmit;   /* workers share one transmit queue */
	bool armed;		   /* the port's own worker */
};

static int find(struct ethdev_port *self, const char *devargs)
{
	struct rte_dev_iterator iterator;
	uint16_t id;

	RTE_ETH_FOREACH_MATCHING_DEV(id, devargs, &iterator) {
		rte_eth_iterator_cleanup(&iterator);
		self->id = id;
		return 0;
	}
	return -1;
}

/* With receive interrupts where the driver takes that. */
static int configure(uint16_t id)
{
	struct rte_eth_conf with = {.intr_conf.rxq = 1}, without = {0};
	int ret = rte_eth_dev_configure(id, 1, 1, &with);

	return ret == 0 ? 0 : rte_eth_dev_configure(id, 1, 1, &without);
}

static int set_up(struct ethdev_port *self)
{
	uint16_t rx = DESCRIPTORS, tx = DESCRIPTORS;
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(self->id, &info);

	if (ret != 0)
		return ret;
	self->device = (struct rte_device *)(uintptr_t)info.device;
	ret = configure(self->id);
	if (ret == 0)
		ret = rte_eth_dev_adjust_nb_rx_tx_desc(self->id, &rx, &tx);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(self->id, 0, rx, SOCKET_ID_ANY, NULL, packet_pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(self->id, 0, tx, SOCKET_ID_ANY, NULL);
	if (ret == 0)
		ret = rte_eth_dev_start(self->id);
	if (ret == 0)
		rte_eth_promiscuous_enable(self->id); /* some have no such mode and need none */
	return ret;
}

/* A descriptor to sleep on, or -1. */
static int interrupt_of(uint16_t id)
{
	int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(id, 0);

	if (fd < 0 || rte_eth_dev_rx_intr_enable(id, 0) != 0)
		return -1;
	rte_eth_dev_rx_intr_disable(id, 0);
	return fd;
}

static void ethdev_close(struct port *port)
{
	struct ethdev_port *self = (struct ethdev_port *)port;

	rte_eth_dev_stop(self->id);
	rte_eth_dev_close(self->id);
	if (self->device)
		rte_dev_remove(self->device);
}

static int ethdev_open(struct port *port, const json_t *request, struct failure *why)
{
	struct ethdev_port *self = (struct ethdev_port *)port;
	const char *devargs;
	uint16_t ignored;
	char name[DEVARGS_MAX + 1];
	int ret;

	if (field_string(request, "devargs", DEVARGS_MAX, &devargs, why) != 0)
		return -1;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(devargs, ","), devargs);
	if (port_claim(port, why, "ethdev %s", name) != 0)
		return -1;
	if (rte_eth_dev_get_port_by_name(name, &ignored) == 0)
		return fail(why, FAIL_BUSY, "devargs: there is a device '%s' already", name);
	ret = rte_dev_probe(devargs);
	if (ret != 0)
		return fail(why, FAIL_IO, "devargs '%s': no such device, or its driver refuses it: %s",
			    devargs, strerror(-ret));
	if (find(self, devargs) != 0)
		return fail(why, FAIL_UNSUPPORTED, "devargs '%s': the device has no port", devargs);
	rte_spinlock_init(&self->transmit);
	ret = set_up(self);
	if (ret != 0) {
		ethdev_close(port);
		return fail(why, FAIL_IO, "devargs '%s': cannot be started: %s", devargs,
			    strerror(-ret));
	}
	port->fd = interrupt_of(self->id);
	return 0;
}

static unsigned int ethdev_rx(struct port *port, struct port_tally *tally,
			      struct rte_mbuf **packets, unsigned int n)
{
	n = rte_eth_rx_burst(((struct ethdev_port *)port)->id, 0, packets, (uint16_t)n);
	port_count_rx(tally, packets, n);
	return n;
}

static void ethdev_tx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
		      unsigned int n)
{
	struct ethdev_port *self = (struct ethdev_port *)port;
	unsigned int sent = 0;
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < n; i++)
		bytes += packets[i]->pkt_len;
	rte_spinlock_lock(&self->transmit);
	for (unsigned int tries = 0; tries < TX_TRIES && sent < n; tries++)
		sent += rte_eth_tx_burst(self->id, 0, packets + sent, (uint16_t)(n - sent));
	rte_spinlock_unlock(&self->transmit);
	for (unsigned int i = sent; i < n; i++)
		bytes -= packets[i]->pkt_len;
	tally->tx_packets += sent;
	tally->tx_bytes += bytes;
	port_drop(tally, DROP_TX_FULL, packets + sent, n - sent);
}

static bool ethdev_arm(struct port *port)
{
	struct ethdev_port *self = (struct ethdev_port *)port;

	self->armed = rte_eth_dev_rx_intr_enable(self->id, 0) == 0;
	return self->armed;
}

static void ethdev_disarm(struct port *port)
{
	struct ethdev_port *self = (struct ethdev_port *)port;
	struct pollfd ready = {.fd = port->fd, .events = POLLIN};
	uint64_t count;

	if (!self->armed)
		return;
	self->armed = false;
	rte_eth_dev_rx_intr_disable(self->id, 0);
	/* Some drivers read it themselves, and it may block. */
	if (poll(&ready, 1, 0) == 1 && read(port->fd, &count, sizeof(count)) < 0)
		count = 0;
}

static bool ethdev_link(struct port *port)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(((struct ethdev_port *)port)->id, &link) == 0 &&
	       link.link_status;
}

static uint64_t ethdev_missed(struct port *port)
{
	struct rte_eth_stats stats;

	return rte_eth_stats_get(((struct ethdev_port *)port)->id, &stats) == 0 ?
		       stats.imissed + stats.rx_nombuf :
		       0;
}

const struct port_kind ethdev_kind = {
	.name = "ethdev",
	.size = sizeof(struct ethdev_port),
	.open = ethdev_open,
	.close = ethdev_close,
	.rx = ethdev_rx,
	.tx = ethdev_tx,
	.arm = ethdev_arm,
	.disarm = ethdev_disarm,
	.link = ethdev_link,
	.missed = ethdev_missed,
};
