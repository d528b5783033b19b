/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "stream.h"

static void store32(uint8_t *at, size_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static int add_environment(struct request *request, struct failure *why)
{
	for (char **variable = environ; *variable; variable++) {
		size_t length = strlen(*variable) + 1;

		if (strncmp(*variable, "CNI_", 4) != 0)
			continue;
		if (request->length + length > REQUEST_HEADER + ENVIRONMENT_MAX)
			return fail(why, CNI_INVALID_ENVIRONMENT,
				    "want at most %u bytes of CNI_* variables, found more at %.32s",
				    ENVIRONMENT_MAX, *variable);
		memcpy(request->bytes + request->length, *variable, length);
		request->length += length;
	}
	return 0;
}

static int add_configuration(struct request *request, int64_t deadline_ms, struct failure *why)
{
	ssize_t got;

	request->configuration_at = request->length;
	got = stream_read(STDIN_FILENO, request->bytes + request->length, CONFIGURATION_MAX + 1,
			  deadline_ms);
	if (got < 0)
		return fail(why, CNI_IO_FAILURE, "want the network configuration at standard input: %s",
			    errno == ETIMEDOUT ? "it did not end in time" : strerror(errno));
	if ((size_t)got > CONFIGURATION_MAX)
		return fail(why, CNI_INVALID_CONFIGURATION,
			    "want a network configuration of at most %u bytes, found a longer one",
			    CONFIGURATION_MAX);
	request->length += (size_t)got;
	return 0;
}

int request_collect(struct request *request, int64_t deadline_ms, struct failure *why)
{
	request->length = request->configuration_at = REQUEST_HEADER;
	if (add_environment(request, why) != 0 ||
	    add_configuration(request, deadline_ms, why) != 0)
		return -1;
	memcpy(request->bytes, MAGIC, 4);
	store32(request->bytes + 4, request->configuration_at - REQUEST_HEADER);
	store32(request->bytes + 8, request->length - request->configuration_at);
	return 0;
}

static size_t skip(const uint8_t *text, size_t at, size_t end, char wanted)
{
	while (at < end && isspace(text[at]))
		at++;
	return at < end && text[at] == wanted ? at + 1 : end;
}

void request_version(const struct request *request, char *version, size_t room)
{
	static const char key[] = "\"cniVersion\"";
	const uint8_t *text = request->bytes + request->configuration_at;
	size_t end = request->length - request->configuration_at;
	const uint8_t *found = memmem(text, end, key, sizeof(key) - 1);
	size_t length = 0;

	if (found) {
		size_t at = (size_t)(found - text) + sizeof(key) - 1;

		at = skip(text, skip(text, at, end, ':'), end, '"');
		while (at < end && length + 1 < room && (isdigit(text[at]) || text[at] == '.'))
			version[length++] = (char)text[at++];
		if (at == end || text[at] != '"')
			length = 0;
	}
	if (length == 0) {
		memcpy(version, "1.1.0", sizeof("1.1.0"));
		return;
	}
	version[length] = '\0';
}
