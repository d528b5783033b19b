/* SPDX-License-Identifier: Apache-2.0 */
/* What one worker does with packets: through a device, over patches into others, into buffers by way out, and out. */
#ifndef P4K_DAEMON_FORWARD_H
#define P4K_DAEMON_FORWARD_H

#include <rte_mbuf.h>

#include "../runtime/p4k.h"
#include "wiring.h"

struct egress {
	unsigned int n;
	struct rte_mbuf *packets[P4K_BURST];
};

/* The worker's own. */
struct forwarder {
	unsigned int worker;   /* fixed */
	struct egress *egress; /* by lane; empty between rounds */
	unsigned int *filled;  /* lanes whose egress may not be empty; some twice */
	unsigned int n_filled;
	uint64_t told;	  /* bytes of events that control was told of */
	bool lost_events; /* some found no room: control is to be told */
};

/* Between rounds, for a wiring of so many lanes. False without memory. */
bool forward_make_room(struct forwarder *forwarder, unsigned int lanes);
void forward_free(struct forwarder *forwarder);

/* Packets that were received from a lane that has a device. */
void forward_run(struct forwarder *forwarder, const struct wiring *wiring, const struct lane *lane,
		 struct rte_mbuf **mbufs, unsigned int n);

/* The end of a round: all that is in buffers leaves; control hears of events. */
void forward_end(struct forwarder *forwarder, const struct wiring *wiring);

/* Signal-safe: what the thread that crashed was running, or NULL; its length by reference. */
const char *forward_epitaph(unsigned long *length);

#endif
