/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread's loop, which is main's: the socket, its connections, signals. */
#ifndef P4K_CONTROL_CONTROL_H
#define P4K_CONTROL_CONTROL_H

#include <stdbool.h>

/* Block the signals that end the process, before any thread is made; they are then read here. */
int control_block_signals(void);

/* Serve until a signal or a shutdown request. */
void control_run(void);

/* What each data plane has to do now and then: do what can be done, and say whether something is left. */
void control_chores(void);
bool control_has_chores(void);

/* Have control_run return once the answers of this moment are on their way. */
void control_end(void);

#endif
