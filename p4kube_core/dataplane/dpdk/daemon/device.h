/* SPDX-License-Identifier: Apache-2.0 */
/* A program with its tables and counters, under a number. */
#ifndef P4K_DAEMON_DEVICE_H
#define P4K_DAEMON_DEVICE_H

#include <sys/queue.h>

#include <jansson.h>
#include <rte_common.h>

#include "../runtime/p4k_table.h"
#include "counter.h"
#include "failure.h"
#include "held_table.h"
#include "object.h"
#include "program_file.h"

#define DEVICE_NAME_MAX 128

/* One worker's share of a device. That worker: wo, control: ro. */
struct __rte_cache_aligned device_run {
	struct p4k_context context; /* control: wo once, worker: ro, but now_ns */
	uint64_t packets;
	uint64_t no_port;     /* sent to a P4 port that is not wired */
	uint64_t lost_events; /* digests and packets for control that found no room */
	uint64_t lost_told;   /* of these; control only */
};

struct device {
	uint64_t id; /* control only, as name */
	uint32_t number; /* that no other device of this process had or has; never 0; fixed, as all up to runs */
	char name[DEVICE_NAME_MAX];
	char epitaph[DEVICE_NAME_MAX + 64]; /* what is said if it crashes the process; control: wo */
	size_t epitaph_length;
	struct object object;
	const struct p4k_program *program;
	struct device_run *runs;   /* by worker */
	struct p4k_table **tables; /* control writes through, workers read through */
	struct counter *counters;  /* control only */
	void **registers;	   /* by register: its cells; control and workers: rw */
	struct p4k_meter_cell **meters; /* by meter: its cells; control and workers: rw */
	struct held_table **held;  /* by table: what `tables` are; control only */
	json_t *manifest;	   /* or NULL; control only */
	struct counter **direct;   /* by table: its direct counter or NULL; control only */
	LIST_ENTRY(device) next;   /* control only */
};

LIST_HEAD(device_list, device);
extern struct device_list devices; /* control only */

struct device *device_find(uint64_t id);
int device_add(uint64_t id, const struct program_file *file, const char *name,
	       struct failure *why);
/* Another program in its place: ports stay, and the state that both have. If it fails the old one goes on. */
int device_replace(struct device *old, const struct program_file *file, struct failure *why);
/* The staged device, which has no ports, gets the other's id, name and ports in one step, and that one its. */
int device_exchange(struct device *old, struct device *staged, struct failure *why);
int device_remove(struct device *device, struct failure *why);

/* One that no worker knows, with what it may have in common with `like` (or NULL). NULL with `why`. */
struct device *device_make(uint64_t id, const struct program_file *file, const char *name,
			   const struct device *like, struct failure *why);
void device_name(struct device *device, uint64_t id, const char *name);
/* No worker has it any more. */
void device_free(struct device *device);

/* What the program declares, for the answers to device_add and device_replace. */
void device_declare(const struct device *device, json_t *answer);
/* What device_list answers for one device. */
json_t *device_describe(const struct device *device);

#endif
