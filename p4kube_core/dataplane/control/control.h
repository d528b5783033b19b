/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread's loop, which is main's: the socket, its connections, signals. */
#ifndef P4K_DAEMON_CONTROL_H
#define P4K_DAEMON_CONTROL_H

/* Block the signals that end the process, before any thread is made; they are then read here. */
int control_block_signals(void);

/* Serve until a signal or a shutdown request. */
void control_run(void);

/* Have control_run return once the answers of this moment are on their way. */
void control_end(void);

#endif
