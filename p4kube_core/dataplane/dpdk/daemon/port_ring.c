/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "inbox.h"
#include "rcu.h"

#define COLLECT_MAX (60u << 20) /* must fit into one answer */

/* For tests: what goes out is kept until it is collected. */
struct ring_port {
	struct port port;
	struct inbox in;
	pthread_mutex_t mutex; /* of all below; workers add, control takes */
	uint8_t *out;
	size_t length, room;
	uint64_t count;
};

static int ring_open(struct port *port, const json_t *request, struct failure *why)
{
	struct ring_port *self = (struct ring_port *)port;

	(void)request;
	if (port_claim(port, why, "ring %s", port->name) != 0 ||
	    inbox_open(&self->in, port, why) != 0)
		return -1;
	pthread_mutex_init(&self->mutex, NULL);
	return 0;
}

static void ring_close(struct port *port)
{
	struct ring_port *self = (struct ring_port *)port;

	inbox_close(&self->in, port);
	pthread_mutex_destroy(&self->mutex);
	free(self->out);
}

static unsigned int ring_rx(struct port *port, struct port_tally *tally, struct rte_mbuf **packets,
			    unsigned int n)
{
	return inbox_rx(&((struct ring_port *)port)->in, tally, packets, n);
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

static bool ring_link(struct port *port)
{
	(void)port;
	return true;
}

int port_inject(struct port *port, const uint8_t *blob, size_t length, struct failure *why)
{
	if (port->kind != &ring_kind)
		return fail(why, FAIL_INVALID, "port '%s': want kind ring; it is %s", port->name,
			    port->kind->name);
	if (inbox_check(blob, length, why) != 0 ||
	    inbox_feed(&((struct ring_port *)port)->in, port, blob, length, why) != 0)
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
	.disarm = inbox_disarm,
	.link = ring_link,
};
