/* SPDX-License-Identifier: Apache-2.0 */
#include "outer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "failure.h"
#include "settings.h"

#define THREADS_MAX 256
#define STACK_BYTES (256u << 10)
#define LOOK_NS 20000 /* between two looks whether a change is there */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned int n_threads; /* under the lock */
static int nobodys = -1, nothing = -1; /* an outer map that no program has, and what is in it */

/* Each argument is freed by its thread. False: there is no thread to be had. */
static bool begin(void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int ret;

	pthread_mutex_lock(&lock);
	while (n_threads == THREADS_MAX)
		pthread_cond_wait(&changed, &lock);
	n_threads++;
	pthread_mutex_unlock(&lock);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	ret = pthread_create(&thread, &attributes, run, argument);
	pthread_attr_destroy(&attributes);
	if (ret == 0)
		return true;
	pthread_mutex_lock(&lock);
	n_threads--;
	pthread_mutex_unlock(&lock);
	return false;
}

static void *end(void)
{
	pthread_mutex_lock(&lock);
	n_threads--;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return NULL;
}

void outer_settle(void)
{
	pthread_mutex_lock(&lock);
	while (n_threads > 0)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

/* Of whoever asked and of the thread, whoever is the last frees it. */
struct put {
	struct outer_change change; /* with descriptors of its own */
	uint32_t id;		    /* of the map that is to be there */
	atomic_int error;	    /* 0 or -errno */
	atomic_uint holders;
};

static void put_leave(struct put *put)
{
	if (atomic_fetch_sub(&put->holders, 1) != 1)
		return;
	if (put->change.outer >= 0)
		close(put->change.outer);
	if (put->change.inner >= 0)
		close(put->change.inner);
	free(put);
}

static void *put_run(void *argument)
{
	struct put *put = argument;

	if (bpf_map_update_elem(put->change.outer, &put->change.index, &put->change.inner, BPF_ANY) != 0)
		atomic_store(&put->error, errno ? -errno : -EIO);
	put_leave(put);
	return end();
}

static uint32_t id_of(int map)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);

	return bpf_obj_get_info_by_fd(map, &info, &length) == 0 ? info.id : 0;
}

static bool is_there(const struct outer_change *change, uint32_t id)
{
	uint32_t found = 0;

	return bpf_map_lookup_elem(change->outer, &change->index, &found) == 0 && found == id;
}

/* NULL without memory or descriptors. */
static struct put *put_begin(const struct outer_change *change)
{
	struct put *put = calloc(1, sizeof(*put));

	if (!put)
		return NULL;
	put->change = *change;
	put->change.outer = fcntl(change->outer, F_DUPFD_CLOEXEC, 3);
	put->change.inner = fcntl(change->inner, F_DUPFD_CLOEXEC, 3);
	put->id = id_of(change->inner);
	put->holders = 2;
	if (put->change.outer < 0 || put->change.inner < 0 || put->id == 0) {
		put->holders = 1;
		put_leave(put);
		return NULL;
	}
	if (!begin(put_run, put)) {
		put->holders = 1;
		put_leave(put);
		return NULL;
	}
	return put;
}

/* Until the change is there, or has failed. */
static int put_wait(const struct put *put)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};

	for (;;) {
		int error = atomic_load(&put->error);

		if (error != 0)
			return error;
		if (is_there(&put->change, put->id))
			return 0;
		nanosleep(&pause, NULL);
	}
}

int outer_put(const struct outer_change *changes, unsigned int n)
{
	struct put *begun[n + 1];
	unsigned int n_begun = 0;
	int ret = 0;

	for (unsigned int i = 0; i < n && ret == 0; i++) {
		if (is_there(&changes[i], id_of(changes[i].inner)))
			continue;
		begun[n_begun] = put_begin(&changes[i]);
		if (!begun[n_begun++])
			ret = -ENOMEM;
	}
	n_begun -= ret != 0;
	for (unsigned int i = 0; i < n_begun; i++) {
		int error = put_wait(begun[i]);

		ret = ret != 0 ? ret : error;
		put_leave(begun[i]);
	}
	return ret;
}

int outer_get(int outer, uint32_t index)
{
	uint32_t id;
	int map;

	if (bpf_map_lookup_elem(outer, &index, &id) != 0)
		return -errno;
	map = bpf_map_get_fd_by_id(id);
	return map < 0 ? -errno : map;
}

struct deletion {
	atomic_uchar *done;
	unsigned char value;
	unsigned int n;
	struct outer_element elements[];
};

void outer_wait(void)
{
	const uint32_t first = 0;

	bpf_map_update_elem(nobodys, &first, &nothing, BPF_ANY);
}

static void delete_all(struct deletion *deletion)
{
	outer_wait();
	for (unsigned int i = 0; i < deletion->n; i++)
		bpf_map_delete_elem(deletion->elements[i].map, &deletion->elements[i].key);
	atomic_store(deletion->done, deletion->value);
	free(deletion);
}

static void *delete_run(void *argument)
{
	delete_all(argument);
	return end();
}

void outer_delete_later(const struct outer_element *elements, unsigned int n, atomic_uchar *done,
			unsigned char value)
{
	struct deletion *deletion = calloc(1, sizeof(*deletion) + n * sizeof(*elements));

	if (!deletion)
		return; /* what is not free again is lost to us until another process begins */
	deletion->done = done;
	deletion->value = value;
	deletion->n = n;
	memcpy(deletion->elements, elements, n * sizeof(*elements));
	if (!begin(delete_run, deletion))
		delete_all(deletion);
}

static int start(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);

	nothing = bpf_map_create(BPF_MAP_TYPE_ARRAY, "p4k_nothing", 4, 4, 1, NULL);
	options.inner_map_fd = (uint32_t)nothing;
	if (nothing >= 0)
		nobodys = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "p4k_nobodys", 4, 4, 1, &options);
	if (nobodys < 0)
		say("cannot make a BPF map: %s", strerror(errno));
	return nobodys < 0 ? -1 : 0;
}

static void stop(void)
{
	outer_settle();
	if (nobodys >= 0)
		close(nobodys);
	if (nothing >= 0)
		close(nothing);
}

const struct module outer_module = {.name = "outer", .start = start, .stop = stop};
