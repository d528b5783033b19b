/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 0: the descriptor is ready, or has an end or an error to tell of. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd wanted = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline_ms - clock_ms();
		int ready;

		if (left <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		ready = poll(&wanted, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -1;
	}
}

static int passing(void)
{
	return errno == EINTR || errno == EAGAIN;
}

ssize_t stream_read(int fd, void *into, size_t room, int64_t deadline_ms)
{
	size_t held = 0;

	while (held < room) {
		ssize_t got;

		if (wait_for(fd, POLLIN, deadline_ms) != 0)
			return -1;
		got = read(fd, (char *)into + held, room - held);
		if (got == 0)
			break;
		if (got > 0)
			held += (size_t)got;
		else if (!passing())
			return -1;
	}
	return (ssize_t)held;
}

int stream_write(int fd, const void *from, size_t length, int64_t deadline_ms)
{
	size_t sent = 0;

	while (sent < length) {
		/* As much as a pipe takes without blocking once it is ready. */
		size_t part = length - sent < PIPE_BUF ? length - sent : PIPE_BUF;
		ssize_t wrote;

		if (wait_for(fd, POLLOUT, deadline_ms) != 0)
			return -1;
		wrote = write(fd, (const char *)from + sent, part);
		if (wrote > 0)
			sent += (size_t)wrote;
		else if (wrote == 0 || !passing())
			return -1;
	}
	return 0;
}
