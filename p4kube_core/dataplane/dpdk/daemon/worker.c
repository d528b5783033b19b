/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round: a burst from each port of this worker, through its device, into the egress buffers; then these are sent.
 * Nothing waits for a burst to fill. When nothing has come for a while the worker sleeps on its ports' descriptors.
 */
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_lcore.h>

#include "forward.h"
#include "port.h"
#include "rcu.h"
#include "settings.h"
#include "wiring.h"

#define SPIN_US 50	    /* awake for so long after the last packet */
#define POLL_SLEEP_US 100   /* longest sleep while a port has nothing to sleep on */
#define EPOLL_EVENTS_MAX 32

/* The worker's own, but where it says otherwise. */
struct worker {
	unsigned int index; /* fixed */
	pthread_t thread;   /* control only */
	int wake;	    /* eventfd; control: wo, worker sleeps on it */
	int epoll;
	bool ready;	       /* worker: wo once, control: ro after the start barrier */
	uint64_t version;      /* of the wiring in use */
	unsigned int *mine;    /* lanes to receive from */
	unsigned int n_mine;
	struct forwarder forwarder;
	unsigned int poll_sleep_us;
};

static struct worker workers[WORKERS_MAX];
static atomic_bool stopping; /* control: wo, workers: ro */
static pthread_barrier_t started;
static unsigned int n_started;

void workers_wake(void)
{
	uint64_t one = 1;

	for (unsigned int w = 0; w < n_started; w++)
		if (write(workers[w].wake, &one, sizeof(one)) < 0)
			continue; /* it is full, so it wakes in any case */
}

static bool turn(struct worker *self, const struct wiring *current)
{
	bool any = false;

	for (unsigned int i = 0; i < self->n_mine; i++) {
		const struct lane *lane = &current->lanes[self->mine[i]];
		struct port_tally *tally = &lane->port->tally[self->index];
		struct rte_mbuf *mbufs[P4K_BURST];
		unsigned int n = lane->port->kind->rx(lane->port, tally, mbufs, P4K_BURST);

		if (n == 0)
			continue;
		any = true;
		if (likely(lane->device != NULL))
			forward_run(&self->forwarder, current, lane, mbufs, n);
		else
			port_drop(tally, DROP_NO_DEVICE, mbufs, n);
	}
	forward_end(&self->forwarder, current);
	return any;
}

/* Take a new wiring: which lanes are ours, and what to sleep on. False without memory: keep to the old version. */
static bool adopt(struct worker *self, const struct wiring *new)
{
	struct epoll_event event = {.events = EPOLLIN};
	unsigned int *mine = realloc(self->mine, (new->n + 1) * sizeof(*mine));

	if (mine)
		self->mine = mine;
	self->n_mine = 0;
	if (!mine || !forward_make_room(&self->forwarder, new->n))
		return false;
	close(self->epoll);
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->wake, &event);
	for (unsigned int i = 0; i < new->n; i++) {
		struct port *port = new->lanes[i].port;

		if (port->worker != self->index || !port->kind->rx)
			continue;
		mine[self->n_mine++] = i;
		if (port->fd >= 0)
			epoll_ctl(self->epoll, EPOLL_CTL_ADD, port->fd, &event);
	}
	self->version = new->version;
	return true;
}

static void disarm(struct worker *self, const struct wiring *current)
{
	for (unsigned int i = 0; i < self->n_mine; i++) {
		struct port *port = current->lanes[self->mine[i]].port;

		if (port->kind->disarm)
			port->kind->disarm(port);
	}
}

/* Whether every port can wake us. */
static bool arm(struct worker *self, const struct wiring *current)
{
	bool all = true;

	for (unsigned int i = 0; i < self->n_mine; i++) {
		struct port *port = current->lanes[self->mine[i]].port;

		if (port->fd < 0 || (port->kind->arm && !port->kind->arm(port)))
			all = false;
	}
	return all;
}

/* Until a port or the control thread wakes us. */
static void sleep_on(struct worker *self, bool all)
{
	struct epoll_event events[EPOLL_EVENTS_MAX];
	struct timespec limit = {.tv_nsec = self->poll_sleep_us * 1000};
	uint64_t ignored;

	rte_rcu_qsbr_thread_offline(rcu, self->index);
	if (all)
		epoll_wait(self->epoll, events, EPOLL_EVENTS_MAX, -1);
	else
		epoll_pwait2(self->epoll, events, EPOLL_EVENTS_MAX, &limit, NULL);
	if (read(self->wake, &ignored, sizeof(ignored)) < 0)
		ignored = 0; /* a port woke us */
	rte_rcu_qsbr_thread_online(rcu, self->index);
	self->poll_sleep_us = RTE_MIN(self->poll_sleep_us * 2, (unsigned int)POLL_SLEEP_US);
}

static void work(struct worker *self)
{
	const uint64_t spin = rte_get_tsc_hz() / 1000000 * SPIN_US;
	uint64_t busy_until = 0;

	while (!atomic_load_explicit(&stopping, memory_order_relaxed)) {
		const struct wiring *current = atomic_load_explicit(&wiring, memory_order_acquire);

		if (unlikely(current->version != self->version)) {
			if (!adopt(self, current))
				self->version = 0;
			disarm(self, current);
		}
		if (turn(self, current)) {
			busy_until = rte_rdtsc() + spin;
			self->poll_sleep_us = 1;
		} else if (rte_rdtsc() > busy_until) {
			bool all = arm(self, current);

			/* What came before arming wakes nobody: look once more. */
			if (!turn(self, current))
				sleep_on(self, all);
			/* A wiring that changed meanwhile may have lost some of these ports: adopt() disarms. */
			current = atomic_load(&wiring);
			if (current->version == self->version)
				disarm(self, current);
		}
		rte_rcu_qsbr_quiescent(rcu, self->index);
	}
}

static void *worker_main(void *argument)
{
	struct worker *self = argument;
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", self->index);
	pthread_setname_np(pthread_self(), name);
	self->ready = rte_thread_register() == 0 &&
		      rte_rcu_qsbr_thread_register(rcu, self->index) == 0;
	if (self->ready)
		rte_rcu_qsbr_thread_online(rcu, self->index);
	pthread_barrier_wait(&started);
	if (self->ready) {
		work(self);
		rte_rcu_qsbr_thread_offline(rcu, self->index);
		rte_rcu_qsbr_thread_unregister(rcu, self->index);
		rte_thread_unregister();
	}
	return NULL;
}

static void stop(void)
{
	atomic_store(&stopping, true);
	workers_wake();
	for (unsigned int w = 0; w < n_started; w++) {
		pthread_join(workers[w].thread, NULL);
		close(workers[w].wake);
		close(workers[w].epoll);
		free(workers[w].mine);
		forward_free(&workers[w].forwarder);
	}
	n_started = 0;
	wiring_free();
}

static int start(void)
{
	struct failure why;
	bool ready = true;

	if (wiring_publish(&why) != 0) {
		say("%s", why.message);
		return -1;
	}
	pthread_barrier_init(&started, NULL, settings.workers + 1);
	for (unsigned int w = 0; w < settings.workers; w++) {
		workers[w].index = workers[w].forwarder.worker = w;
		workers[w].poll_sleep_us = 1;
		workers[w].wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		workers[w].epoll = epoll_create1(EPOLL_CLOEXEC);
		if (workers[w].wake < 0 || workers[w].epoll < 0 ||
		    pthread_create(&workers[w].thread, NULL, worker_main, &workers[w]) != 0) {
			say("cannot start worker %u: %s", w, strerror(errno));
			_exit(1); /* those before it wait at the barrier for ever */
		}
		n_started++;
	}
	pthread_barrier_wait(&started);
	pthread_barrier_destroy(&started);
	for (unsigned int w = 0; w < settings.workers; w++)
		ready = ready && workers[w].ready;
	if (!ready) {
		say("cannot register the workers with DPDK");
		stop();
		return -1;
	}
	return 0;
}

const struct module workers_module = {.name = "workers", .start = start, .stop = stop};
