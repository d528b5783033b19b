/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "connection.h"
#include "failure.h"
#include "module.h"
#include "settings.h"

#define CONNECTIONS_MAX 64
#define CHORES_MS 10 /* how often to look after what waits, while something does */

static int listener = -1, signals = -1, poller = -1;
static LIST_HEAD(, connection) connections = LIST_HEAD_INITIALIZER(connections);
static unsigned int n_connections;
static bool ending;

static sigset_t ending_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	return set;
}

int control_block_signals(void)
{
	sigset_t set = ending_signals();

	signal(SIGPIPE, SIG_IGN);
	return sigprocmask(SIG_BLOCK, &set, NULL);
}

void control_end(void)
{
	ending = true;
}

static bool by_root(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == 0;
}

static void watch(int fd, uint32_t events, void *who, int how)
{
	struct epoll_event event = {.events = events, .data.ptr = who};

	epoll_ctl(poller, how, fd, &event);
}

static void accept_one(void)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection;

	if (fd < 0)
		return;
	connection = by_root(fd) && n_connections < CONNECTIONS_MAX ? connection_make(fd) : NULL;
	if (!connection) {
		close(fd);
		return;
	}
	LIST_INSERT_HEAD(&connections, connection, next);
	n_connections++;
	watch(fd, EPOLLIN, connection, EPOLL_CTL_ADD);
}

static void forget(struct connection *connection)
{
	LIST_REMOVE(connection, next);
	n_connections--;
	connection_free(connection);
}

static void serve(struct connection *connection)
{
	if (!connection_serve(connection)) {
		forget(connection);
		return;
	}
	watch(connection->fd, connection_blocked(connection) ? EPOLLOUT : EPOLLIN, connection,
	      EPOLL_CTL_MOD);
}

void control_run(void)
{
	struct epoll_event events[16];

	while (!ending) {
		int n = epoll_wait(poller, events, 16, control_has_chores() ? CHORES_MS : -1);

		for (int i = 0; i < n && !ending; i++) {
			if (events[i].data.ptr == &signals)
				ending = true;
			else if (events[i].data.ptr == &listener)
				accept_one();
			else
				serve(events[i].data.ptr);
		}
		control_chores();
	}
}

/* A socket that nobody answers on is left from a process that was killed. */
static int remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat status;
	bool answered;

	if (lstat(settings.socket, &status) != 0) {
		close(fd);
		return 0;
	}
	answered = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	close(fd);
	if (answered || !S_ISSOCK(status.st_mode)) {
		say("--socket %s: %s", settings.socket,
		    answered ? "another process serves it" : "want a socket; found another file");
		return -1;
	}
	return unlink(settings.socket);
}

static int listen_on(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t before;
	int ret;

	memcpy(address.sun_path, settings.socket, strlen(settings.socket) + 1);
	if (remove_stale(&address) != 0)
		return -1;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	before = umask(0177);
	ret = bind(listener, (const struct sockaddr *)&address, sizeof(address));
	umask(before);
	if (ret != 0 || listen(listener, SOMAXCONN) != 0) {
		say("--socket %s: %s", settings.socket, strerror(errno));
		close(listener);
		return -1;
	}
	return 0;
}

static int start(void)
{
	sigset_t set = ending_signals();

	poller = epoll_create1(EPOLL_CLOEXEC);
	signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (poller < 0 || signals < 0) {
		say("cannot start the control thread: %s", strerror(errno));
		return -1;
	}
	if (listen_on() != 0)
		return -1;
	watch(signals, EPOLLIN, &signals, EPOLL_CTL_ADD);
	watch(listener, EPOLLIN, &listener, EPOLL_CTL_ADD);
	return 0;
}

static void stop(void)
{
	struct connection *connection;

	unlink(settings.socket);
	while ((connection = LIST_FIRST(&connections)))
		forget(connection);
	close(listener);
	close(signals);
	close(poller);
}

const struct module control_module = {.name = "control", .start = start, .stop = stop};
