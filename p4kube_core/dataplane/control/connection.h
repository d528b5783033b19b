/* SPDX-License-Identifier: Apache-2.0 */
/* One peer on the control socket. A peer that does not read its answers is not read from. */
#ifndef P4K_CONTROL_CONNECTION_H
#define P4K_CONTROL_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control.h"

struct subscriber;

struct connection {
	struct watch watch;
	int fd;
	uint8_t *in; /* one request at most is taken from it at a time */
	size_t in_length, in_room;
	uint8_t *out; /* the rest of an answer or of an event, or NULL */
	size_t out_length, out_sent;
	struct subscriber *subscriber; /* or NULL */
	LIST_ENTRY(connection) next;
};

struct connection *connection_make(int fd);
void connection_free(struct connection *connection);

/* Read, answer and write (answers and events) as far as goes without waiting. False: it is to be closed. */
bool connection_serve(struct connection *connection);

/* Whether it waits to write rather than to read. */
bool connection_blocked(const struct connection *connection);

/* Whether events wait to be written. */
bool connection_has_events(const struct connection *connection);

#endif
