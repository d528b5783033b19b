/* SPDX-License-Identifier: Apache-2.0 */
#include "event.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "bytes.h"
#include "connection.h"
#include "message.h"

#define QUEUE_BYTES_MAX (4u << 20) /* of one subscriber */
#define GATHERED_BYTES_MAX (64u << 10)

struct message {
	STAILQ_ENTRY(message) next;
	size_t length;
	uint8_t *bytes;
};

/* Events of one device that a subscriber had no room for and has not been told of. */
struct lost {
	LIST_ENTRY(lost) next;
	uint64_t device, count;
};

struct subscriber {
	LIST_ENTRY(subscriber) next;
	STAILQ_HEAD(, message) queue;
	size_t queued; /* bytes in it */
	LIST_HEAD(, lost) lost;
};

static LIST_HEAD(, subscriber) subscribers = LIST_HEAD_INITIALIZER(subscribers);

enum kind { DIGEST, PACKET_IN };

/* Events in a row of the same kind, device and index. */
static struct {
	enum kind kind;
	uint64_t device, count;
	unsigned int index;
	size_t length;
	uint8_t bytes[GATHERED_BYTES_MAX];
} gathered;

bool event_wanted(void)
{
	return !LIST_EMPTY(&subscribers);
}

static void note_lost(struct subscriber *subscriber, uint64_t device, uint64_t count)
{
	struct lost *lost;

	LIST_FOREACH(lost, &subscriber->lost, next)
		if (lost->device == device)
			break;
	if (!lost) {
		lost = calloc(1, sizeof(*lost));
		if (!lost)
			return;
		lost->device = device;
		LIST_INSERT_HEAD(&subscriber->lost, lost, next);
	}
	lost->count += count;
}

static uint8_t *pack_lost(uint64_t device, uint64_t count, size_t *length)
{
	json_t *json = json_pack("{s:s, s:I, s:I}", "event", "lost", "device", (json_int_t)device,
				 "count", (json_int_t)count);
	uint8_t *bytes = message_pack(json, NULL, 0, length);

	json_decref(json);
	return bytes;
}

/* Takes `bytes` over. False: there is no room for it. */
static bool enqueue(struct subscriber *subscriber, uint8_t *bytes, size_t length)
{
	struct message *message = NULL;

	if (bytes && length <= QUEUE_BYTES_MAX - subscriber->queued)
		message = malloc(sizeof(*message));
	if (!message) {
		free(bytes);
		return false;
	}
	message->bytes = bytes;
	message->length = length;
	subscriber->queued += length;
	STAILQ_INSERT_TAIL(&subscriber->queue, message, next);
	return true;
}

/* What was lost comes in the queue where it was lost, as soon as there is room. */
static bool tell_lost(struct subscriber *subscriber)
{
	struct lost *lost;

	while ((lost = LIST_FIRST(&subscriber->lost))) {
		size_t length;
		uint8_t *bytes = pack_lost(lost->device, lost->count, &length);

		if (!enqueue(subscriber, bytes, length))
			return false;
		LIST_REMOVE(lost, next);
		free(lost);
	}
	return true;
}

static void push(struct subscriber *subscriber, const uint8_t *bytes, size_t length,
		 uint64_t device, uint64_t count)
{
	uint8_t *copy = NULL;

	if (bytes && tell_lost(subscriber))
		copy = malloc(length);
	if (copy)
		memcpy(copy, bytes, length);
	if (!enqueue(subscriber, copy, length))
		note_lost(subscriber, device, count);
}

void event_end(void)
{
	struct subscriber *subscriber;
	uint8_t *bytes;
	size_t length;
	json_t *json;

	if (gathered.count == 0)
		return;
	if (gathered.kind == DIGEST)
		json = json_pack("{s:s, s:I, s:i, s:I}", "event", "digest", "device",
				 (json_int_t)gathered.device, "digest", (int)gathered.index, "count",
				 (json_int_t)gathered.count);
	else
		json = json_pack("{s:s, s:I, s:i}", "event", "packet_in", "device",
				 (json_int_t)gathered.device, "port", (int)gathered.index);
	bytes = message_pack(json, gathered.bytes, gathered.length, &length);
	json_decref(json);
	LIST_FOREACH(subscriber, &subscribers, next)
		push(subscriber, bytes, length, gathered.device, gathered.count);
	free(bytes);
	gathered.count = gathered.length = 0;
}

/* Room for `bytes` more, with others of this kind. */
static uint8_t *gather(enum kind kind, uint64_t device, unsigned int index, size_t bytes)
{
	uint8_t *at;

	if (gathered.kind != kind || gathered.device != device || gathered.index != index ||
	    bytes > sizeof(gathered.bytes) - gathered.length)
		event_end();
	if (bytes > sizeof(gathered.bytes))
		return NULL;
	gathered.kind = kind;
	gathered.device = device;
	gathered.index = index;
	gathered.count++;
	at = gathered.bytes + gathered.length;
	gathered.length += bytes;
	return at;
}

void event_digest(uint64_t device, unsigned int digest, const uint8_t *data, size_t bytes)
{
	uint8_t *at = gather(DIGEST, device, digest, bytes);

	if (at)
		memcpy(at, data, bytes);
	else
		event_lost(device, 1);
}

void event_packet_in(uint64_t device, unsigned int p4_port, const uint8_t *packet, uint16_t bytes)
{
	uint8_t *at = gather(PACKET_IN, device, p4_port, 2u + bytes);

	if (!at) {
		event_lost(device, 1);
		return;
	}
	store16(at, bytes);
	memcpy(at + 2, packet, bytes);
}

void event_lost(uint64_t device, uint64_t count)
{
	struct subscriber *subscriber;

	event_end();
	LIST_FOREACH(subscriber, &subscribers, next) {
		note_lost(subscriber, device, count);
		tell_lost(subscriber);
	}
}

struct subscriber *subscriber_make(void)
{
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber));

	if (subscriber) {
		STAILQ_INIT(&subscriber->queue);
		LIST_INSERT_HEAD(&subscribers, subscriber, next);
	}
	return subscriber;
}

void subscriber_free(struct subscriber *subscriber)
{
	struct lost *lost;
	uint8_t *bytes;
	size_t length;

	while ((bytes = subscriber_next(subscriber, &length)))
		free(bytes);
	while ((lost = LIST_FIRST(&subscriber->lost))) {
		LIST_REMOVE(lost, next);
		free(lost);
	}
	LIST_REMOVE(subscriber, next);
	free(subscriber);
}

bool subscriber_waits(const struct subscriber *subscriber)
{
	return !STAILQ_EMPTY(&subscriber->queue) || !LIST_EMPTY(&subscriber->lost);
}

uint8_t *subscriber_next(struct subscriber *subscriber, size_t *length)
{
	struct message *message;
	uint8_t *bytes;

	if (STAILQ_EMPTY(&subscriber->queue))
		tell_lost(subscriber);
	message = STAILQ_FIRST(&subscriber->queue);
	if (!message)
		return NULL;
	STAILQ_REMOVE_HEAD(&subscriber->queue, next);
	bytes = message->bytes;
	*length = message->length;
	subscriber->queued -= message->length;
	free(message);
	return bytes;
}

int op_subscribe(const struct request *request, struct answer *answer, struct failure *why)
{
	struct connection *from = request->from;

	(void)answer;
	if (!from->subscriber)
		from->subscriber = subscriber_make();
	return from->subscriber ? 0 : fail(why, FAIL_FULL, "no memory for a subscriber");
}
