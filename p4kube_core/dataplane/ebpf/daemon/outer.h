/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of outer maps, by which programs find a device's own maps. A change of one is there at once, but the kernel
 * keeps whoever made it until no packet can see the map of before, some ten milliseconds; threads of this
 * module are kept instead.
 */
#ifndef P4K_BPF_DAEMON_OUTER_H
#define P4K_BPF_DAEMON_OUTER_H

#include <stdatomic.h>
#include <stdint.h>

struct outer_change {
	int outer; /* descriptors, which remain the caller's */
	uint32_t index;
	int inner;
};

/* Put maps there; they are when it returns. 0 or -errno, then some of them may be. */
int outer_put(const struct outer_change *changes, unsigned int n);
/* The map that is there, or -ENOENT or another -errno; the caller closes it. */
int outer_get(int outer, uint32_t index);

/* One element of any map with keys of four bytes. */
struct outer_element {
	int map;
	uint32_t key;
};

/*
 * Delete elements when no packet is on its way that may look for them, and then set `*done` to `value`; returns
 * at once. The maps' descriptors must stay until then.
 */
void outer_delete_later(const struct outer_element *elements, unsigned int n, atomic_uchar *done,
			unsigned char value);

/* Wait until every packet that is on its way has left the programs. */
void outer_wait(void);

/* Wait until all that was begun is done. */
void outer_settle(void);

#endif
