/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "stream.h"

#define ANSWER_HEADER 12u

static uint32_t load32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A queue of callers that is full makes connect() wait, which poll() cannot do for it. */
static int connect_by(int fd, const struct sockaddr_un *address, int64_t deadline_ms)
{
	int64_t left = deadline_ms - clock_ms();
	struct timeval most = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};

	if (left <= 0) {
		errno = EAGAIN;
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)) != 0 ||
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
		return -1;
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int reach(const char *path, int64_t deadline_ms, struct failure *why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(why, CNI_INVALID_ENVIRONMENT,
			    "P4KUBE_CNI_SOCKET: want a path of fewer than %zu bytes, found %.64s...",
			    sizeof(address.sun_path), path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(why, CNI_IO_FAILURE, "cannot make a socket: %s", strerror(errno));
	if (connect_by(fd, &address, deadline_ms) != 0) {
		fail(why, CNI_TRY_AGAIN_LATER, "want the agent at %s: %s; is `p4kube agent` running?",
		     path, errno == EAGAIN ? "it takes no more callers" : strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static int lost(const char *path, ssize_t got, struct failure *why)
{
	return fail(why, CNI_TRY_AGAIN_LATER, "want an answer of the agent at %s: %s", path,
		    got >= 0		   ? "it ended before its answer was whole"
		    : errno == ETIMEDOUT ? "it did not answer in time"
					   : strerror(errno));
}

static int receive(int fd, const char *path, int64_t deadline_ms, struct answer *answer,
		   struct failure *why)
{
	uint8_t header[ANSWER_HEADER];
	ssize_t got = stream_read(fd, header, sizeof(header), deadline_ms);

	if (got != sizeof(header))
		return lost(path, got, why);
	answer->status = load32(header + 4) != 0;
	answer->length = load32(header + 8);
	if (memcmp(header, MAGIC, 4) != 0 || answer->length > sizeof(answer->text))
		return fail(why, CNI_TRY_AGAIN_LATER,
			    "want an answer in the form " MAGIC " from the agent at %s: what it says "
			    "is something else; plug-in and agent must be of one release", path);
	got = stream_read(fd, answer->text, answer->length, deadline_ms);
	return got == (ssize_t)answer->length ? 0 : lost(path, got, why);
}

int agent_ask(const char *path, const struct request *request, int64_t deadline_ms,
	      struct answer *answer, struct failure *why)
{
	int fd = reach(path, deadline_ms, why);
	int ret;

	if (fd < 0)
		return -1;
	/* Who refuses a request may answer before all of it was sent, and hang up. */
	ret = stream_write(fd, request->bytes, request->length, deadline_ms);
	if (ret != 0 && errno != EPIPE)
		ret = lost(path, -1, why);
	else
		ret = receive(fd, path, deadline_ms, answer, why);
	close(fd);
	return ret;
}
