/* SPDX-License-Identifier: Apache-2.0 */
/* A program with its tables and counters, under a number. One thread does all. */
#ifndef P4K_BPF_DAEMON_DEVICE_H
#define P4K_BPF_DAEMON_DEVICE_H

#include <stdbool.h>
#include <sys/queue.h>

#include <jansson.h>

#include "../../dpdk/runtime/p4k_table.h"
#include "counter.h"
#include "failure.h"
#include "image.h"
#include "mirror.h"
#include "program_file.h"

#define DEVICE_NAME_MAX 128

struct device {
	uint64_t id;
	char name[DEVICE_NAME_MAX];
	struct image *image; /* what its packets run through */
	uint32_t slot;	     /* there */
	const struct p4k_program *program; /* the image's */
	bool found;	     /* by this process, which did not make it */
	struct device *like; /* staged: what both have is still the other one's; or NULL */
	struct p4k_table **tables; /* the truth, which the mirrors bring to the kernel */
	struct mirror **mirrors;   /* by table */
	struct counter *counters;
	struct array *meters, *registers;
	struct counter **direct; /* by table: its direct counter or NULL */
	struct port *cpu;	 /* its port of this kind, or NULL */
	LIST_ENTRY(device) next;
};

LIST_HEAD(device_list, device);
extern struct device_list devices;

struct device *device_find(uint64_t id);
/*
 * With `like` in the file it is staged, to take that one's place: it has the same tables and cells where both programs
 * have them (a write to one is one to the other), and no ports. It goes with the other one.
 */
int device_add(uint64_t id, const struct program_file *file, const char *name,
	       struct failure *why);
/* Another program in its place: ports stay, and the state that both have. If it fails the old one goes on. */
int device_replace(struct device *old, const struct program_file *file, struct failure *why);
/* The staged device, which has no ports, gets the other's id, name and ports in one step, and that one its. */
int device_exchange(struct device *old, struct device *staged, struct failure *why);
int device_remove(struct device *device, struct failure *why);

/* Take a device up that a process before this one has left, with its maps as they are. */
int device_find_again(const json_t *kept, struct failure *why);
/* What a later process must know. */
json_t *device_keep(const struct device *device);

/* What the program declares, for the answers to device_add and device_replace. */
void device_declare(const struct device *device, json_t *answer);
/* What device_list answers for one device. */
json_t *device_describe(const struct device *device);

#endif
