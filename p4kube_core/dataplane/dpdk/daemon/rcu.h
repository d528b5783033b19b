/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grace periods. Workers are the readers: each says once a round that it holds nothing, and is offline while it
 * sleeps. Writers (the control thread, and librte_vhost's thread for its own ports) unlink first, then wait or retire.
 */
#ifndef P4K_DAEMON_RCU_H
#define P4K_DAEMON_RCU_H

#include <rte_rcu_qsbr.h>

extern struct rte_rcu_qsbr *rcu; /* workers: wo their own counter, writers: ro */

/* Wait until every worker has ended the round it is in. Any thread but a worker. */
void rcu_wait(void);

/* Control thread: call release(memory) once no worker can hold it. */
void rcu_retire(void (*release)(void *), void *memory);

/* Control thread: release what is due, without waiting. */
void rcu_poll(void);

/* Control thread: whether something waits to be released. */
bool rcu_pending(void);

/* Control thread: wait for the workers and release all. */
void rcu_flush(void);

#endif
