/* SPDX-License-Identifier: Apache-2.0 */
/* p4kube-cni, the chained CNI plug-in: gives the agent what the runtime gave it, and the runtime what the agent answers. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "stream.h"

#ifndef SOCKET
#define SOCKET "/run/p4kube/cni.sock"
#endif
#define PATIENCE_S 60
#define PATIENCE_MAX_S 600
#define LAST_WORDS_MS 5000 /* to write an answer, at the least */

/* Large, so neither on the stack nor, in a process this short, on a heap. */
static struct request request;
static struct answer answer;

int fail(struct failure *why, enum cni_code code, const char *format, ...)
{
	va_list arguments;

	why->code = code;
	va_start(arguments, format);
	vsnprintf(why->sentence, sizeof(why->sentence), format, arguments);
	va_end(arguments);
	return -1;
}

/* Some time for the answer is left even when the wait for it took all there was. */
static int say(const char *text, size_t length)
{
	return stream_write(STDOUT_FILENO, text, length, clock_ms() + LAST_WORDS_MS);
}

static const char *title(enum cni_code code)
{
	switch (code) {
	case CNI_INVALID_ENVIRONMENT:
		return "invalid environment variables";
	case CNI_IO_FAILURE:
		return "I/O failure";
	case CNI_INVALID_CONFIGURATION:
		return "invalid network configuration";
	case CNI_TRY_AGAIN_LATER:
		return "try again later";
	case CNI_NOT_AVAILABLE:
		return "the plug-in is not available";
	}
	return "internal error";
}

/* A file's name may hold any byte; what is not plain ASCII is shown as a question mark. */
static void quote(const char *from, char *into, size_t room)
{
	size_t at = 0;

	for (; *from && at + 3 < room; from++) {
		if (*from == '"' || *from == '\\')
			into[at++] = '\\';
		into[at++] = *from < ' ' || *from > '~' ? '?' : *from;
	}
	into[at] = '\0';
}

static int say_failure(const struct failure *why)
{
	char version[16], quoted[2 * sizeof(why->sentence)], text[2048];
	int length;

	request_version(&request, version, sizeof(version));
	quote(why->sentence, quoted, sizeof(quoted));
	length = snprintf(text, sizeof(text),
			  "{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"%s\",\"details\":\"%s\"}\n",
			  version, (int)why->code, title(why->code), quoted);
	say(text, (size_t)length);
	return EXIT_FAILURE;
}

static int say_versions(void)
{
	char version[16], text[256];
	int length;

	request_version(&request, version, sizeof(version));
	length = snprintf(text, sizeof(text),
			  "{\"cniVersion\":\"%s\",\"supportedVersions\":"
			  "[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n", version);
	return say(text, (size_t)length) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The agent is not there, or did not answer.
 *
 * DEL and GC succeed all the same, since a runtime cannot take a pod away before DEL does: what the
 * agent holds for the pod is bound to the pod's interface, which the plug-in before us in the chain
 * (or the end of the network namespace) is about to delete, and with it go the programs on it. The
 * agent, once back, gives up every endpoint whose interface is gone. */
static int without_agent(const char *command, struct failure *why)
{
	if (why->code != CNI_INVALID_ENVIRONMENT &&
	    (strcmp(command, "DEL") == 0 || strcmp(command, "GC") == 0)) {
		fprintf(stderr, "p4kube-cni: %s: %s; the agent cleans up when it is back\n", command,
			why->sentence);
		return EXIT_SUCCESS;
	}
	if (why->code == CNI_TRY_AGAIN_LATER && strcmp(command, "STATUS") == 0)
		why->code = CNI_NOT_AVAILABLE;
	return say_failure(why);
}

/* P4KUBE_CNI_TIMEOUT, in seconds; -1 if it is no such number. */
static int patience_s(void)
{
	const char *given = getenv("P4KUBE_CNI_TIMEOUT");
	char *end;
	long seconds;

	if (!given)
		return PATIENCE_S;
	seconds = strtol(given, &end, 10);
	return end == given || *end || seconds < 1 || seconds > PATIENCE_MAX_S ? -1 : (int)seconds;
}

/* A descriptor we open must not become standard output. */
static void hold_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	const char *command = getenv("CNI_COMMAND");
	const char *path = getenv("P4KUBE_CNI_SOCKET");
	int seconds = patience_s();
	int64_t deadline_ms = clock_ms() + (int64_t)seconds * 1000;
	struct failure why;

	hold_standard_streams();
	signal(SIGPIPE, SIG_IGN);
	if (!command) {
		fail(&why, CNI_INVALID_ENVIRONMENT,
		     "CNI_COMMAND: want ADD, DEL, CHECK, STATUS, GC or VERSION, found none; "
		     "a container runtime runs this program, see docs/cni.md");
		return say_failure(&why);
	}
	if (seconds < 0) {
		fail(&why, CNI_INVALID_ENVIRONMENT,
		     "P4KUBE_CNI_TIMEOUT: want seconds from 1 to %d, found %.32s", PATIENCE_MAX_S,
		     getenv("P4KUBE_CNI_TIMEOUT"));
		return say_failure(&why);
	}
	if (request_collect(&request, deadline_ms, &why) != 0)
		return say_failure(&why);
	if (strcmp(command, "VERSION") == 0)
		return say_versions();
	if (agent_ask(path ? path : SOCKET, &request, deadline_ms, &answer, &why) != 0)
		return without_agent(command, &why);
	if (say(answer.text, answer.length) != 0)
		return EXIT_FAILURE;
	return answer.status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
