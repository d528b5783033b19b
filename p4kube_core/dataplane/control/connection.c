/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "event.h"
#include "message.h"

#define READ_BYTES 65536
#define ROOM_KEPT (1u << 20) /* a larger buffer is given back after its request */

struct connection *connection_make(int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection)
		connection->fd = fd;
	return connection;
}

void connection_free(struct connection *connection)
{
	if (connection->subscriber)
		subscriber_free(connection->subscriber);
	close(connection->fd);
	free(connection->in);
	free(connection->out);
	free(connection);
}

bool connection_blocked(const struct connection *connection)
{
	return connection->out != NULL;
}

bool connection_has_events(const struct connection *connection)
{
	return connection->subscriber && subscriber_waits(connection->subscriber);
}

/* False: the peer is gone. */
static bool send_out(struct connection *connection)
{
	while (connection->out_sent < connection->out_length) {
		ssize_t sent = send(connection->fd, connection->out + connection->out_sent,
				    connection->out_length - connection->out_sent,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		connection->out_sent += (size_t)sent;
	}
	free(connection->out);
	connection->out = NULL;
	connection->out_length = connection->out_sent = 0;
	return true;
}

/* Bytes of the first request with its length, 0 while that is not known yet; SIZE_MAX: too long. */
static size_t wanted(const struct connection *connection)
{
	uint32_t length;

	if (connection->in_length < 4)
		return 0;
	length = load32(connection->in);
	return length > MESSAGE_MAX ? SIZE_MAX : 4 + (size_t)length;
}

static bool make_room(struct connection *connection, size_t room)
{
	uint8_t *in;

	if (room <= connection->in_room)
		return true;
	in = realloc(connection->in, room);
	if (!in)
		return false;
	connection->in = in;
	connection->in_room = room;
	return true;
}

/* Positive: bytes came; 0: none for now; negative: the peer is gone, or sends what is no request. */
static int receive(struct connection *connection)
{
	size_t want = wanted(connection);
	ssize_t got;

	/* Room grows with what has come, not with what was announced. */
	if (want == SIZE_MAX || !make_room(connection, connection->in_length + READ_BYTES))
		return -1;
	got = recv(connection->fd, connection->in + connection->in_length,
		   connection->in_room - connection->in_length, MSG_DONTWAIT);
	if (got > 0) {
		connection->in_length += (size_t)got;
		if (connection->in_length == connection->in_room &&
		    !make_room(connection, connection->in_room * 2))
			return -1;
		return 1;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return -1;
}

static void drop_first(struct connection *connection, size_t bytes)
{
	connection->in_length -= bytes;
	memmove(connection->in, connection->in + bytes, connection->in_length);
	if (connection->in_room > ROOM_KEPT && connection->in_length < ROOM_KEPT / 2) {
		uint8_t *in = realloc(connection->in, ROOM_KEPT);

		if (in) {
			connection->in = in;
			connection->in_room = ROOM_KEPT;
		}
	}
}

bool connection_serve(struct connection *connection)
{
	for (;;) {
		size_t want;
		int got;

		if (!send_out(connection))
			return false;
		if (connection->out)
			return true;
		if (connection_has_events(connection)) {
			connection->out =
				subscriber_next(connection->subscriber, &connection->out_length);
			if (!connection->out)
				return true; /* no memory: later */
			continue;
		}
		want = wanted(connection);
		if (want != 0 && want != SIZE_MAX && connection->in_length >= want) {
			connection->out = message_answer(connection, connection->in + 4, want - 4,
							 &connection->out_length);
			control_chores();
			drop_first(connection, want);
			if (!connection->out)
				return false;
			continue;
		}
		got = receive(connection);
		if (got <= 0)
			return got == 0;
	}
}
