/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which port belongs to which device: immutable once published. The control thread builds a new one for each change
 * and frees the old one when every worker has taken the new.
 */
#ifndef P4K_DAEMON_WIRING_H
#define P4K_DAEMON_WIRING_H

#include <stdint.h>

#include "failure.h"

#define NO_LANE UINT16_MAX
#define LANES_MAX 4096

struct port;
struct device;

/* One device's way out: from a P4 port number to a lane. */
struct exits {
	uint32_t n;	  /* one more than the highest P4 port that is wired */
	uint16_t lanes[]; /* NO_LANE where none is */
};

enum lane_kind { LANE_WIRE, LANE_CPU, LANE_PATCH };

struct lane {
	struct port *port;
	struct device *device; /* NULL: what comes is dropped */
	const struct exits *exits;
	uint16_t p4_port;
	uint16_t peer; /* of a patch: the lane that it leads into, or NO_LANE */
	enum lane_kind kind;
};

struct wiring {
	uint64_t version;
	unsigned int n;
	struct exits **exits; /* for freeing */
	unsigned int n_exits;
	struct lane lanes[];
};

/* control: wo, workers: ro. Never NULL once the workers run. */
extern _Atomic(struct wiring *) wiring;

/*
 * Publish what `ports` and their devices say now and wait until no worker uses what was before; devices and ports that
 * are no longer named may be freed after. -1 with FAIL_FULL: nothing has changed.
 */
int wiring_publish(struct failure *why);

/* At the end, workers having stopped. */
void wiring_free(void);

#endif
