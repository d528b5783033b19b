/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several threads at one meter, and at the two ends of one ring; run under the thread sanitizer.
 * contend empty|rate|configured|ring
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "p4k_meter.h"
#include "p4k_ring.h"

#define THREADS 4
#define PACKETS 200000
#define EVENTS 100000

#define CHECK(condition)                                                                              \
	do {                                                                                          \
		if (!(condition)) {                                                                   \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                                      \
		}                                                                                     \
	} while (0)

static struct p4k_meter_cell cell;
static uint64_t colours[3];
static bool done;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * P4K_SECOND + (uint64_t)now.tv_nsec;
}

static void *send(void *unused)
{
	uint64_t mine[3] = {0};

	for (unsigned int i = 0; i < PACKETS; i++)
		mine[p4k_meter(&cell, now_ns(), 1)]++;
	for (unsigned int i = 0; i < 3; i++)
		__atomic_fetch_add(&colours[i], mine[i], __ATOMIC_RELAXED);
	return unused;
}

/* Always the same configuration, but each time with full buckets. */
static void *configure(void *unused)
{
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED))
		p4k_meter_write(&cell, &(struct p4k_meter_config){true, 1000, 10, 2000, 20});
	return unused;
}

static void start(pthread_t threads[THREADS])
{
	for (unsigned int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, send, NULL) == 0);
}

static void join(pthread_t threads[THREADS])
{
	for (unsigned int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(colours[P4K_GREEN] + colours[P4K_YELLOW] + colours[P4K_RED] == (uint64_t)THREADS * PACKETS);
}

/* Buckets that never fill give out what they held, no more and no less. */
static void empty(void)
{
	pthread_t threads[THREADS];

	p4k_meter_write(&cell, &(struct p4k_meter_config){true, 0, 1000, 0, 5000});
	start(threads);
	join(threads);
	CHECK(colours[P4K_GREEN] == 1000);
	CHECK(colours[P4K_YELLOW] == 4000);
}

static void rate(void)
{
	const uint64_t begin = now_ns();
	pthread_t threads[THREADS];
	uint64_t end;

	p4k_meter_write(&cell, &(struct p4k_meter_config){true, 100000, 50, 300000, 70});
	start(threads);
	join(threads);
	end = now_ns();
	CHECK(colours[P4K_GREEN] <= 50 + p4k_filled(100000, end) - p4k_filled(100000, begin));
	CHECK(colours[P4K_GREEN] + colours[P4K_YELLOW] <=
	      70 + p4k_filled(300000, end) - p4k_filled(300000, begin));
	CHECK(colours[P4K_GREEN] >= 50);
}

static void configured(void)
{
	pthread_t threads[THREADS], writer;

	CHECK(pthread_create(&writer, NULL, configure, NULL) == 0);
	start(threads);
	join(threads);
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	CHECK(pthread_join(writer, NULL) == 0);
	CHECK(colours[P4K_GREEN] >= 10);
}

static struct p4k_ring events = {.size = 1024};

static void *produce(void *unused)
{
	uint8_t data[200];

	for (uint32_t i = 0; i < EVENTS; i++) {
		const struct p4k_event event = {1, P4K_EVENT_DIGEST, i, i % sizeof(data)};

		memset(data, (int)i, sizeof(data));
		while (!p4k_ring_put(&events, &event, data))
			sched_yield();
	}
	return unused;
}

static void ring(void)
{
	pthread_t producer;

	events.bytes = calloc(1, events.size);
	CHECK(pthread_create(&producer, NULL, produce, NULL) == 0);
	for (uint32_t i = 0; i < EVENTS; i++) {
		struct p4k_event event;
		uint8_t data[200];

		while (!p4k_ring_peek(&events, &event))
			sched_yield();
		CHECK(event.index == i && event.length == i % sizeof(data));
		p4k_ring_take(&events, &event, data);
		for (uint32_t at = 0; at < event.length; at++)
			CHECK(data[at] == (uint8_t)i);
	}
	CHECK(pthread_join(producer, NULL) == 0);
	free(events.bytes);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {{"empty", empty}, {"rate", rate}, {"configured", configured}, {"ring", ring}};

	for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			return 0;
		}
	fprintf(stderr, "usage: %s empty|rate|configured|ring\n", argv[0]);
	return 2;
}
