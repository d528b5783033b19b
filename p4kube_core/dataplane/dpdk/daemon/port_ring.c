/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_ring.h>

#include "eal.h"
#include "rcu.h"
#include "settings.h"
#include "worker.h"

#define RING_LENGTH 1024
#define COLLECT_MAX (60u << 20) /* must fit into one answer */
#define INJECT_PATIENCE_S 10

struct ring_port {
	struct port port;
	struct rte_ring *in;   /* control enqueues, worker dequeues */
	pthread_mutex_t mutex; /* of all below; workers add, control takes */
	uint8_t *out;
	size_t length, room;
	uint64_t count;
};

static int ring_open(struct port *port, const json_t *request, struct failure *why)
{
	struct ring_port *self = (struct ring_port *)port;
	static unsigned int serial;
	char name[RTE_RING_NAMESIZE];

	(void)request;
	if (port_claim(port, why, "ring %s", port->name) != 0)
		return -1;
	snprintf(name, sizeof(name), "inject-%u", serial++);
	self->in = rte_ring_create(name, RING_LENGTH, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	port->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!self->in || port->fd < 0) {
		rte_ring_free(self->in);
		if (port->fd >= 0)
			close(port->fd);
		return fail(why, FAIL_FULL, "no memory for ring '%s'", port->name);
	}
	pthread_mutex_init(&self->mutex, NULL);
	return 0;
}

static void ring_close(struct port *port)
{
	struct ring_port *self = (struct ring_port *)port;
	void *mbuf;

	while (rte_ring_dequeue(self->in, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(self->in);
	close(port->fd);
	pthread_mutex_destroy(&self->mutex);
	free(self->out);
}

static unsigned int ring_rx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
			    unsigned int n)
{
	struct ring_port *self = (struct ring_port *)port;

	n = rte_ring_dequeue_burst(self->in, (void **)packets, n, NULL);
	port_count_rx(tally, packets, n);
	return n;
}

/* With the mutex held. */
static bool reserve(struct ring_port *self, size_t more)
{
	size_t room = self->room ? self->room : 4096;
	uint8_t *out;

	if (self->length + more > COLLECT_MAX)
		return false;
	while (room < self->length + more)
		room *= 2;
	if (room == self->room)
		return true;
	out = realloc(self->out, room);
	if (!out)
		return false;
	self->out = out;
	self->room = room;
	return true;
}

static void ring_tx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
		    unsigned int n)
{
	struct ring_port *self = (struct ring_port *)port;

	pthread_mutex_lock(&self->mutex);
	for (unsigned int i = 0; i < n; i++) {
		uint16_t length = packets[i]->data_len;

		if (!reserve(self, 2u + length)) {
			tally->drops[DROP_TX_FULL]++;
			continue;
		}
		self->out[self->length++] = (uint8_t)(length >> 8);
		self->out[self->length++] = (uint8_t)length;
		memcpy(self->out + self->length, rte_pktmbuf_mtod(packets[i], void *), length);
		self->length += length;
		self->count++;
		tally->tx_packets++;
		tally->tx_bytes += length;
	}
	pthread_mutex_unlock(&self->mutex);
	rte_pktmbuf_free_bulk(packets, n);
}

static void ring_disarm(struct port *port)
{
	uint64_t ignored;

	if (read(port->fd, &ignored, sizeof(ignored)) < 0)
		return; /* nothing had been injected */
}

static bool ring_link(struct port *port)
{
	(void)port;
	return true;
}

/* All or nothing: how the blob falls into packets. */
static int check(const uint8_t *blob, size_t length, struct failure *why)
{
	size_t at = 0, packet;

	for (unsigned int i = 0; at < length; i++, at += packet) {
		if (length - at < 2)
			return fail(why, FAIL_INVALID, "packet %u: want its length; the blob ends", i);
		packet = (size_t)blob[at] << 8 | blob[at + 1];
		at += 2;
		if (packet > length - at)
			return fail(why, FAIL_INVALID, "packet %u: want %zu bytes; found %zu", i,
				    packet, length - at);
		if (packet > settings.frame)
			return fail(why, FAIL_INVALID, "packet %u: want at most %u bytes; got %zu", i,
				    settings.frame, packet);
	}
	return 0;
}

static void wake(struct port *port)
{
	uint64_t one = 1;

	if (write(port->fd, &one, sizeof(one)) < 0)
		return; /* full: it is awake */
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Packet after packet into the ring, waiting for the worker where it is full. */
static int feed(struct ring_port *self, const uint8_t *blob, size_t length, struct failure *why)
{
	double patience = now_s() + INJECT_PATIENCE_S;
	size_t at = 0, stuck_at = 0; /* where there was no room last */

	while (at < length) {
		uint16_t bytes = (uint16_t)(blob[at] << 8 | blob[at + 1]);
		struct rte_mbuf *mbuf = NULL;

		if (!rte_ring_full(self->in))
			mbuf = rte_pktmbuf_alloc(packet_pool);
		if (!mbuf) {
			if (at > stuck_at)
				patience = now_s() + INJECT_PATIENCE_S;
			else if (now_s() > patience)
				return fail(why, FAIL_IO, "the workers take no packets");
			stuck_at = at;
			wake(&self->port);
			usleep(20);
			continue;
		}
		mbuf->data_off = PACKET_HEADROOM;
		memcpy(rte_pktmbuf_append(mbuf, bytes), blob + at + 2, bytes);
		rte_ring_enqueue(self->in, mbuf);
		at += 2u + bytes;
	}
	patience = now_s() + INJECT_PATIENCE_S;
	wake(&self->port);
	while (!rte_ring_empty(self->in)) {
		if (now_s() > patience)
			return fail(why, FAIL_IO, "the workers take no packets");
		usleep(20);
	}
	return 0;
}

int port_inject(struct port *port, const uint8_t *blob, size_t length, struct failure *why)
{
	if (port->kind != &ring_kind)
		return fail(why, FAIL_INVALID, "port '%s': want kind ring; it is %s", port->name,
			    port->kind->name);
	if (check(blob, length, why) != 0 || feed((struct ring_port *)port, blob, length, why) != 0)
		return -1;
	/* The last are out of the ring; the round that took them ends with sending. */
	rcu_wait();
	return 0;
}

int port_collect(struct port *port, uint8_t **blob, size_t *length, uint64_t *count,
		 struct failure *why)
{
	struct ring_port *self = (struct ring_port *)port;

	if (port->kind != &ring_kind)
		return fail(why, FAIL_INVALID, "port '%s': want kind ring; it is %s", port->name,
			    port->kind->name);
	pthread_mutex_lock(&self->mutex);
	*blob = self->out;
	*length = self->length;
	*count = self->count;
	self->out = NULL;
	self->length = self->room = 0;
	self->count = 0;
	pthread_mutex_unlock(&self->mutex);
	return 0;
}

const struct port_kind ring_kind = {
	.name = "ring",
	.size = sizeof(struct ring_port),
	.open = ring_open,
	.close = ring_close,
	.rx = ring_rx,
	.tx = ring_tx,
	.disarm = ring_disarm,
	.link = ring_link,
};
