/* SPDX-License-Identifier: Apache-2.0 */
/* The threads that move packets. */
#ifndef P4K_DAEMON_WORKER_H
#define P4K_DAEMON_WORKER_H

/* Any thread: have every worker look at the wiring and at its ports now. */
void workers_wake(void);

#endif
