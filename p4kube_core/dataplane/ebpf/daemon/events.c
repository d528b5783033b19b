/* SPDX-License-Identifier: Apache-2.0 */
#include "events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <bpf/libbpf.h>

#include "../../dpdk/runtime/p4k_event.h"
#include "control.h"
#include "device.h"
#include "event.h"
#include "port.h"

#define AT_ONCE 1024 /* events, before others have their turn */

struct source {
	struct watch watch; /* its first member */
	struct image *image;
	struct ring_buffer *ring;
	unsigned int taken;
	uint64_t lost;		      /* of all devices, as far as they were told */
	uint64_t told[P4K_BPF_SLOTS]; /* of each */
	LIST_ENTRY(source) next;
};

static LIST_HEAD(, source) sources = LIST_HEAD_INITIALIZER(sources);

static void count_packet(struct device *device, uint32_t bytes)
{
	if (!device->cpu)
		return;
	device->cpu->tx_packets++;
	device->cpu->tx_bytes += bytes;
}

static void tell(struct device *device, const struct p4k_event *event, const uint8_t *data)
{
	switch (event->kind) {
	case P4K_EVENT_DIGEST:
		event_digest(device->id, event->index, data, event->length);
		break;
	case P4K_EVENT_PACKET_IN:
		count_packet(device, event->length);
		event_packet_in(device->id, event->index, data, (uint16_t)event->length);
		break;
	}
}

/* An event of a device that is no more is nobody's. */
static int take(void *owner, void *bytes, size_t length)
{
	struct source *source = owner;
	const struct p4k_event *event = bytes;
	struct device *device = NULL;

	if (length >= sizeof(*event) && event->device < P4K_BPF_SLOTS &&
	    event->length <= length - sizeof(*event))
		device = source->image->devices[event->device];
	if (device)
		tell(device, event, (const uint8_t *)(event + 1));
	return ++source->taken < AT_ONCE ? 0 : -EAGAIN; /* of this one it is taken, too */
}

static void tell_lost(struct source *source)
{
	int map = image_map(source->image, "lost_events");
	uint64_t all = per_cpu_sum(map, P4K_BPF_SLOTS);

	if (all == source->lost)
		return;
	source->lost = all;
	for (uint32_t slot = 0; slot < P4K_BPF_SLOTS; slot++) {
		const struct device *device = source->image->devices[slot];
		uint64_t lost = per_cpu_sum(map, slot);

		if (device && lost > source->told[slot])
			event_lost(device->id, lost - source->told[slot]);
		source->told[slot] = lost;
	}
}

static void drain(struct source *source)
{
	source->taken = 0;
	ring_buffer__consume(source->ring);
	tell_lost(source);
	event_end();
}

static void ready(struct watch *watch)
{
	drain((struct source *)watch);
}

void events_drain(void)
{
	struct source *source;

	LIST_FOREACH(source, &sources, next)
		drain(source);
}

/* What was lost before is nobody's affair any more. */
static void begin_lost(struct source *source)
{
	int map = image_map(source->image, "lost_events");

	source->lost = per_cpu_sum(map, P4K_BPF_SLOTS);
	for (uint32_t slot = 0; slot < P4K_BPF_SLOTS; slot++)
		source->told[slot] = per_cpu_sum(map, slot);
}

int events_begin(struct image *image, struct failure *why)
{
	int map = image_map(image, "events");
	struct source *source;

	if (map < 0)
		return 0;
	source = calloc(1, sizeof(*source));
	if (!source)
		return fail(why, FAIL_FULL, "no memory for events");
	source->image = image;
	source->watch.ready = ready;
	source->ring = ring_buffer__new(map, take, source, NULL);
	if (!source->ring || control_watch(ring_buffer__epoll_fd(source->ring), &source->watch) != 0) {
		fail(why, FAIL_FULL, "the ring of events cannot be read: %s", strerror(errno));
		ring_buffer__free(source->ring);
		free(source);
		return -1;
	}
	begin_lost(source);
	LIST_INSERT_HEAD(&sources, source, next);
	return 0;
}

void events_end(struct image *image)
{
	struct source *source;

	LIST_FOREACH(source, &sources, next)
		if (source->image == image)
			break;
	if (!source)
		return;
	LIST_REMOVE(source, next);
	control_unwatch(ring_buffer__epoll_fd(source->ring));
	ring_buffer__free(source->ring);
	free(source);
}
