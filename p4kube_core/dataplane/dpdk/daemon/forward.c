/* SPDX-License-Identifier: Apache-2.0 */
#include "forward.h"

#include <stdlib.h>
#include <time.h>

#include "device.h"
#include "event_ring.h"
#include "packet.h"
#include "port.h"

#define HOPS_MAX 8 /* patches that a packet goes over */

/* What this thread is in, for the message after a crash. */
static _Thread_local const struct device *volatile running;

const char *forward_epitaph(unsigned long *length)
{
	const struct device *device = running;

	if (!device)
		return NULL;
	*length = device->epitaph_length;
	return device->epitaph;
}

bool forward_make_room(struct forwarder *forwarder, unsigned int lanes)
{
	struct egress *egress = realloc(forwarder->egress, (lanes + 1) * sizeof(*egress));
	unsigned int *filled;

	if (egress)
		forwarder->egress = egress;
	/* A round takes a burst a lane at most: a lane is filled up, and so named again, once a burst. */
	filled = realloc(forwarder->filled, (2 * lanes + 1) * sizeof(*filled));
	if (filled)
		forwarder->filled = filled;
	if (!egress || !filled)
		return false;
	for (unsigned int i = 0; i < lanes; i++)
		egress[i].n = 0;
	return true;
}

void forward_free(struct forwarder *forwarder)
{
	free(forwarder->egress);
	free(forwarder->filled);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct port_tally *tally_of(const struct forwarder *forwarder, const struct lane *lane)
{
	return &lane->port->tally[forwarder->worker];
}

static void count_tx(struct port_tally *tally, struct rte_mbuf **mbufs, unsigned int n)
{
	tally->tx_packets += n;
	for (unsigned int i = 0; i < n; i++)
		tally->tx_bytes += mbufs[i]->pkt_len;
}

static void send_to_control(struct forwarder *forwarder, const struct lane *lane,
			    struct rte_mbuf **mbufs, unsigned int n)
{
	struct device_run *run = &lane->device->runs[forwarder->worker];
	struct port_tally *tally = tally_of(forwarder, lane);

	for (unsigned int i = 0; i < n; i++) {
		if (event_ring_packet(run, lane->p4_port, mbufs[i])) {
			count_tx(tally, &mbufs[i], 1);
		} else {
			tally->drops[DROP_TX_FULL]++;
			forwarder->lost_events = true;
		}
	}
	rte_pktmbuf_free_bulk(mbufs, n);
}

static void send_lane(struct forwarder *forwarder, const struct lane *lane, struct egress *egress)
{
	if (likely(lane->kind == LANE_WIRE))
		lane->port->kind->tx(lane->port, tally_of(forwarder, lane), egress->packets,
				     egress->n);
	else
		send_to_control(forwarder, lane, egress->packets, egress->n);
	egress->n = 0;
}

static void leave(struct forwarder *forwarder, const struct wiring *wiring, unsigned int index,
		  struct rte_mbuf *mbuf)
{
	struct egress *egress = &forwarder->egress[index];

	if (egress->n == 0)
		forwarder->filled[forwarder->n_filled++] = index;
	egress->packets[egress->n++] = mbuf;
	if (egress->n == P4K_BURST)
		send_lane(forwarder, &wiring->lanes[index], egress);
}

static void run(struct forwarder *forwarder, const struct wiring *wiring, const struct lane *lane,
		struct rte_mbuf **mbufs, unsigned int n, unsigned int hops);

static void cross(struct forwarder *forwarder, const struct wiring *wiring,
		  const struct lane *patch, struct rte_mbuf **mbufs, unsigned int n,
		  unsigned int hops)
{
	struct port_tally *tally = tally_of(forwarder, patch);
	const struct lane *peer;

	if (patch->peer == NO_LANE) {
		port_drop(tally, DROP_NO_PEER, mbufs, n);
		return;
	}
	if (hops == HOPS_MAX) {
		port_drop(tally, DROP_TOO_MANY_HOPS, mbufs, n);
		return;
	}
	peer = &wiring->lanes[patch->peer];
	count_tx(tally, mbufs, n);
	port_count_rx(tally_of(forwarder, peer), mbufs, n);
	run(forwarder, wiring, peer, mbufs, n, hops + 1);
}

/* All packets that leave by patches, those of one patch together and in their order. */
static void cross_all(struct forwarder *forwarder, const struct wiring *wiring,
		      const uint16_t *lanes, struct rte_mbuf **mbufs, unsigned int n,
		      unsigned int hops)
{
	uint32_t left = (uint32_t)((UINT64_C(1) << n) - 1); /* bit i: packet i has not crossed */

	while (left != 0) {
		uint16_t index = lanes[__builtin_ctz(left)];
		struct rte_mbuf *together[P4K_BURST];
		unsigned int count = 0;

		for (unsigned int i = 0; i < n; i++) {
			if (!(left & 1u << i) || lanes[i] != index)
				continue;
			together[count++] = mbufs[i];
			left &= ~(1u << i);
		}
		cross(forwarder, wiring, &wiring->lanes[index], together, count, hops);
	}
}

static void process(struct forwarder *forwarder, const struct lane *lane,
		    struct p4k_packet *packets, unsigned int n)
{
	struct device_run *run = &lane->device->runs[forwarder->worker];
	uint64_t lost = run->lost_events;

	run->context.now_ns = now_ns();
	run->packets += n;
	running = lane->device;
	lane->device->program->process(&run->context, packets, n);
	running = NULL;
	if (unlikely(run->lost_events != lost))
		forwarder->lost_events = true;
}

/* Through the lane's device, then each where its egress_port says. */
static void run(struct forwarder *forwarder, const struct wiring *wiring, const struct lane *lane,
		struct rte_mbuf **mbufs, unsigned int n, unsigned int hops)
{
	struct p4k_packet packets[P4K_BURST];
	struct rte_mbuf *crossing[P4K_BURST];
	uint16_t patches[P4K_BURST];
	unsigned int kept = 0, n_crossing = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (likely(packet_from_mbuf(&packets[kept], mbufs[i], lane->p4_port)))
			mbufs[kept++] = mbufs[i];
		else
			port_drop(tally_of(forwarder, lane), DROP_OVERSIZED, &mbufs[i], 1);
	}
	process(forwarder, lane, packets, kept);
	for (unsigned int i = 0; i < kept; i++) {
		uint16_t exit = packets[i].egress_port, way = NO_LANE;

		packet_to_mbuf(&packets[i], mbufs[i]);
		if (exit < lane->exits->n)
			way = lane->exits->lanes[exit];
		if (way == NO_LANE) {
			lane->device->runs[forwarder->worker].no_port += exit != P4K_PORT_DROP;
			rte_pktmbuf_free(mbufs[i]);
		} else if (unlikely(wiring->lanes[way].kind == LANE_PATCH)) {
			crossing[n_crossing] = mbufs[i];
			patches[n_crossing++] = way;
		} else {
			leave(forwarder, wiring, way, mbufs[i]);
		}
	}
	cross_all(forwarder, wiring, patches, crossing, n_crossing, hops);
}

void forward_run(struct forwarder *forwarder, const struct wiring *wiring, const struct lane *lane,
		 struct rte_mbuf **mbufs, unsigned int n)
{
	run(forwarder, wiring, lane, mbufs, n, 0);
}

void forward_end(struct forwarder *forwarder, const struct wiring *wiring)
{
	const struct p4k_ring *events = event_ring(forwarder->worker);

	for (unsigned int i = 0; i < forwarder->n_filled; i++) {
		unsigned int index = forwarder->filled[i];

		if (forwarder->egress[index].n > 0)
			send_lane(forwarder, &wiring->lanes[index], &forwarder->egress[index]);
	}
	forwarder->n_filled = 0;
	if (unlikely(events->put != forwarder->told || forwarder->lost_events)) {
		forwarder->told = events->put;
		forwarder->lost_events = false;
		event_rings_tell();
	}
}
