/* SPDX-License-Identifier: Apache-2.0 */
#include "rcu.h"

#include <stdlib.h>

#include <rte_malloc.h>

#include "control.h"
#include "failure.h"
#include "settings.h"

#define QUEUE_LENGTH 65536 /* a power of two */

struct retired {
	uint64_t token;
	void (*release)(void *);
	void *memory;
};

struct rte_rcu_qsbr *rcu;

/* Oldest first; control thread only. */
static struct retired *queue;
static unsigned int first, count;

void rcu_wait(void)
{
	rte_rcu_qsbr_synchronize(rcu, RTE_QSBR_THRID_INVALID);
}

static void release_first(void)
{
	struct retired retired = queue[first];

	first = (first + 1) % QUEUE_LENGTH;
	count--;
	retired.release(retired.memory);
}

void rcu_retire(void (*release)(void *), void *memory)
{
	if (count == QUEUE_LENGTH)
		rcu_flush();
	queue[(first + count) % QUEUE_LENGTH] = (struct retired){
		.token = rte_rcu_qsbr_start(rcu),
		.release = release,
		.memory = memory,
	};
	count++;
	if (count % 1024 == 0)
		rcu_poll();
}

void rcu_poll(void)
{
	while (count > 0 && rte_rcu_qsbr_check(rcu, queue[first].token, false) == 1)
		release_first();
}

bool rcu_pending(void)
{
	return count > 0;
}

void rcu_flush(void)
{
	if (count == 0)
		return;
	rcu_wait();
	while (count > 0)
		release_first();
}

void control_chores(void)
{
	rcu_poll();
}

bool control_has_chores(void)
{
	return rcu_pending();
}

static int start(void)
{
	rcu = rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(WORKERS_MAX), RTE_CACHE_LINE_SIZE);
	queue = calloc(QUEUE_LENGTH, sizeof(*queue));
	if (!rcu || !queue || rte_rcu_qsbr_init(rcu, WORKERS_MAX) != 0) {
		say("no memory for grace periods");
		return -1;
	}
	return 0;
}

static void stop(void)
{
	rcu_flush();
	free(queue);
	rte_free(rcu);
	rcu = NULL;
	queue = NULL;
}

const struct module rcu_module = {.name = "rcu", .start = start, .stop = stop};
