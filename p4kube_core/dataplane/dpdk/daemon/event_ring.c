/* SPDX-License-Identifier: Apache-2.0 */
#include "event_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control.h"
#include "event.h"
#include "settings.h"

#define RING_BYTES (1u << 20)

static struct p4k_ring rings[WORKERS_MAX];
static int wake = -1; /* workers: wo, control sleeps on it */
static struct watch on_wake;

struct p4k_ring *event_ring(unsigned int worker)
{
	return &rings[worker];
}

void event_rings_tell(void)
{
	uint64_t one = 1;

	if (write(wake, &one, sizeof(one)) < 0)
		return; /* full: control is awake */
}

bool event_ring_packet(struct device_run *run, uint16_t p4_port, const struct rte_mbuf *mbuf)
{
	const struct p4k_event event = {run->context.device, P4K_EVENT_PACKET_IN, p4_port,
					mbuf->data_len};
	bool put = p4k_ring_put(run->context.events, &event, rte_pktmbuf_mtod(mbuf, uint8_t *));

	run->lost_events += !put;
	return put;
}

static const struct device *device_numbered(uint32_t number)
{
	const struct device *device;

	LIST_FOREACH(device, &devices, next)
		if (device->number == number)
			break;
	return device;
}

static void hand_on(const struct device *device, const struct p4k_event *event, const uint8_t *data)
{
	if (event->kind == P4K_EVENT_PACKET_IN && event->length <= UINT16_MAX)
		event_packet_in(device->id, event->index, data, (uint16_t)event->length);
	else if (event->kind == P4K_EVENT_DIGEST && event->index < device->program->n_digests &&
		 event->length == device->program->digests[event->index].data_bytes)
		event_digest(device->id, event->index, data, event->length);
}

/* Up to what has been put by now, so that it ends. */
static void drain(struct p4k_ring *ring)
{
	static uint8_t data[RING_BYTES];
	uint64_t until = __atomic_load_n(&ring->put, __ATOMIC_ACQUIRE);
	const struct device *device = NULL;
	bool wanted = event_wanted();
	struct p4k_event event;

	while (ring->taken != until && p4k_ring_peek(ring, &event)) {
		p4k_ring_take(ring, &event, wanted ? data : NULL);
		if (!wanted)
			continue;
		if (!device || device->number != event.device)
			device = device_numbered(event.device);
		if (device) /* or else it has gone */
			hand_on(device, &event, data);
	}
}

static void tell_lost(const struct device *device)
{
	uint64_t lost = 0;

	for (unsigned int w = 0; w < settings.workers; w++) {
		struct device_run *run = &device->runs[w];
		uint64_t now = __atomic_load_n(&run->lost_events, __ATOMIC_RELAXED);

		lost += now - run->lost_told;
		run->lost_told = now;
	}
	if (lost > 0 && event_wanted())
		event_lost(device->id, lost);
}

void event_rings_drain(void)
{
	struct device *device;

	for (unsigned int w = 0; w < settings.workers; w++)
		drain(&rings[w]);
	LIST_FOREACH(device, &devices, next)
		tell_lost(device);
	event_end();
}

static void woken(struct watch *watch)
{
	uint64_t ignored;

	(void)watch;
	if (read(wake, &ignored, sizeof(ignored)) < 0)
		return;
	event_rings_drain();
}

static void stop(void)
{
	for (unsigned int w = 0; w < settings.workers; w++)
		free(rings[w].bytes);
	control_unwatch(wake);
	close(wake);
}

static int start(void)
{
	wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	on_wake.ready = woken;
	if (wake < 0 || control_watch(wake, &on_wake) != 0) {
		say("cannot make a descriptor for events: %s", strerror(errno));
		return -1;
	}
	for (unsigned int w = 0; w < settings.workers; w++) {
		rings[w] = (struct p4k_ring){.bytes = malloc(RING_BYTES), .size = RING_BYTES};
		if (!rings[w].bytes) {
			say("no memory for events");
			stop();
			return -1;
		}
	}
	return 0;
}

const struct module events_module = {.name = "events", .start = start, .stop = stop};
