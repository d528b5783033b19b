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
static struct watch on_listener, on_signals;
static LIST_HEAD(, connection) connections = LIST_HEAD_INITIALIZER(connections);
static unsigned int n_connections;
static bool ending, told; /* told: by a request */

static sigset_t ending_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	return set;
}

int control_prepare(void)
{
	sigset_t set = ending_signals();

	signal(SIGPIPE, SIG_IGN);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller >= 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		return 0;
	say("cannot prepare the control thread: %s", strerror(errno));
	return -1;
}

void control_end(void)
{
	ending = told = true;
}

static bool by_root(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == 0;
}

int control_watch(int fd, struct watch *watch)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

	return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

void control_unwatch(int fd)
{
	epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
}

static void forget(struct connection *connection)
{
	LIST_REMOVE(connection, next);
	n_connections--;
	connection_free(connection);
}

static void serve(struct connection *connection)
{
	struct epoll_event event = {.data.ptr = &connection->watch};

	if (!connection_serve(connection)) {
		forget(connection);
		return;
	}
	event.events = connection_blocked(connection) ? EPOLLOUT : EPOLLIN;
	epoll_ctl(poller, EPOLL_CTL_MOD, connection->fd, &event);
}

static void connection_ready(struct watch *watch)
{
	serve((struct connection *)watch); /* its first member */
}

static void accept_one(struct watch *watch)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection;

	(void)watch;
	if (fd < 0)
		return;
	connection = by_root(fd) && n_connections < CONNECTIONS_MAX ? connection_make(fd) : NULL;
	if (!connection) {
		close(fd);
		return;
	}
	connection->watch.ready = connection_ready;
	LIST_INSERT_HEAD(&connections, connection, next);
	n_connections++;
	control_watch(fd, &connection->watch);
}

static void end(struct watch *watch)
{
	(void)watch;
	ending = true;
}

/* Whoever has events to hear of and is not about to be woken for more room. */
static void serve_subscribers(void)
{
	struct connection *connection, *next;

	for (connection = LIST_FIRST(&connections); connection; connection = next) {
		next = LIST_NEXT(connection, next);
		if (!connection_blocked(connection) && connection_has_events(connection))
			serve(connection);
	}
}

bool control_run(void)
{
	while (!ending) {
		struct epoll_event event;

		/* One at a time: what is ready may take the owner of another away. */
		if (epoll_wait(poller, &event, 1, control_has_chores() ? CHORES_MS : -1) == 1)
			((struct watch *)event.data.ptr)->ready(event.data.ptr);
		control_chores();
		serve_subscribers();
	}
	return told;
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

	signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals < 0) {
		say("cannot start the control thread: %s", strerror(errno));
		return -1;
	}
	if (listen_on() != 0)
		return -1;
	on_signals.ready = end;
	on_listener.ready = accept_one;
	control_watch(signals, &on_signals);
	control_watch(listener, &on_listener);
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
}

const struct module control_module = {.name = "control", .start = start, .stop = stop};
