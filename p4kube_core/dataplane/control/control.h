/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread's loop, which is main's: the socket, its connections, signals, and what a data plane adds. */
#ifndef P4K_CONTROL_CONTROL_H
#define P4K_CONTROL_CONTROL_H

#include <stdbool.h>

/* Block the signals that end the process, before any thread is made; they are then read here. -1 after saying why. */
int control_prepare(void);

/* A descriptor that the loop sleeps on. Its owner has this struct within its own. */
struct watch {
	void (*ready)(struct watch *watch); /* it can be read (or what was asked for) */
};

/* From control_prepare() on. */
int control_watch(int fd, struct watch *watch);
void control_unwatch(int fd);

/* Serve until a signal or a shutdown request; whether it was the request. */
bool control_run(void);

/* What each data plane has to do now and then: do what can be done, and say whether something is left. */
void control_chores(void);
bool control_has_chores(void);

/* Have control_run return once the answers of this moment are on their way. */
void control_end(void);

#endif
