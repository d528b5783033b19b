/* SPDX-License-Identifier: Apache-2.0 */
#include "inbox.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "eal.h"
#include "settings.h"

#define LENGTH 1024
#define PATIENCE_S 10

int inbox_open(struct inbox *inbox, struct port *port, struct failure *why)
{
	static unsigned int serial;
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "inbox-%u", serial++);
	inbox->ring = rte_ring_create(name, LENGTH, SOCKET_ID_ANY,
				      RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	port->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (inbox->ring && port->fd >= 0)
		return 0;
	rte_ring_free(inbox->ring);
	if (port->fd >= 0)
		close(port->fd);
	return fail(why, FAIL_FULL, "no memory for port '%s'", port->name);
}

void inbox_close(struct inbox *inbox, struct port *port)
{
	void *mbuf;

	while (rte_ring_dequeue(inbox->ring, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(inbox->ring);
	close(port->fd);
}

/* Length of the packet that begins at `blob`. */
static uint16_t length_of(const uint8_t *blob)
{
	return (uint16_t)(blob[0] << 8 | blob[1]);
}

int inbox_check(const uint8_t *blob, size_t length, struct failure *why)
{
	size_t at = 0, packet;

	for (unsigned int i = 0; at < length; i++, at += packet) {
		if (length - at < 2)
			return fail(why, FAIL_INVALID, "packet %u: want its length; the blob ends", i);
		packet = length_of(blob + at);
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

static void wake(const struct port *port)
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

/* NULL where every buffer is taken. */
static struct rte_mbuf *mbuf_of(const uint8_t *blob)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(packet_pool);

	if (mbuf) {
		mbuf->data_off = PACKET_HEADROOM;
		memcpy(rte_pktmbuf_append(mbuf, length_of(blob)), blob + 2, length_of(blob));
	}
	return mbuf;
}

int inbox_feed(struct inbox *inbox, struct port *port, const uint8_t *blob, size_t length,
	       struct failure *why)
{
	double patience = now_s() + PATIENCE_S;
	size_t at = 0, stuck_at = 0; /* where there was no room last */

	while (at < length) {
		struct rte_mbuf *mbuf = rte_ring_full(inbox->ring) ? NULL : mbuf_of(blob + at);

		if (!mbuf) {
			if (at > stuck_at)
				patience = now_s() + PATIENCE_S;
			else if (now_s() > patience)
				return fail(why, FAIL_IO, "the workers take no packets");
			stuck_at = at;
			wake(port);
			usleep(20);
			continue;
		}
		rte_ring_enqueue(inbox->ring, mbuf);
		at += 2u + length_of(blob + at);
	}
	patience = now_s() + PATIENCE_S;
	wake(port);
	while (!rte_ring_empty(inbox->ring)) {
		if (now_s() > patience)
			return fail(why, FAIL_IO, "the workers take no packets");
		usleep(20);
	}
	return 0;
}

int inbox_put(struct inbox *inbox, struct port *port, const uint8_t *blob, size_t length,
	      struct failure *why)
{
	struct rte_mbuf *mbufs[LENGTH];
	unsigned int n = 0, room = rte_ring_free_count(inbox->ring);

	for (size_t at = 0; at < length; at += 2u + length_of(blob + at)) {
		struct rte_mbuf *mbuf = n < room ? mbuf_of(blob + at) : NULL;

		if (!mbuf) {
			rte_pktmbuf_free_bulk(mbufs, n);
			return fail(why, FAIL_FULL,
				    "port '%s' has no room for so many packets: it takes %u", port->name,
				    n);
		}
		mbufs[n++] = mbuf;
	}
	rte_ring_enqueue_bulk(inbox->ring, (void **)mbufs, n, NULL);
	wake(port);
	return 0;
}

unsigned int inbox_rx(struct inbox *inbox, struct port_tally *tally, struct rte_mbuf **packets,
		      unsigned int n)
{
	n = rte_ring_dequeue_burst(inbox->ring, (void **)packets, n, NULL);
	port_count_rx(tally, packets, n);
	return n;
}

void inbox_disarm(struct port *port)
{
	uint64_t ignored;

	if (read(port->fd, &ignored, sizeof(ignored)) < 0)
		return; /* nothing had been put in */
}
