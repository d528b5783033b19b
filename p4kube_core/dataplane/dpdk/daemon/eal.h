/* SPDX-License-Identifier: Apache-2.0 */
/* DPDK itself: memory, the packet pool, and the process' own processor affinity. */
#ifndef P4K_DAEMON_EAL_H
#define P4K_DAEMON_EAL_H

#include <rte_mbuf.h>

/* Room before a packet that a program may write, beside what a VLAN tag put back needs. */
#define PACKET_HEADROOM (RTE_PKTMBUF_HEADROOM + 16)

extern struct rte_mempool *packet_pool;

#endif
