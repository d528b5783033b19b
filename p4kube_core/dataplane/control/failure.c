/* SPDX-License-Identifier: Apache-2.0 */
#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

const char *failure_name(enum failure_code code)
{
	static const char *const names[] = {
		[FAIL_NONE] = "ok",		  [FAIL_NOT_FOUND] = "not_found",
		[FAIL_EXISTS] = "exists",	  [FAIL_INVALID] = "invalid",
		[FAIL_FULL] = "full",		  [FAIL_BUSY] = "busy",
		[FAIL_UNSUPPORTED] = "unsupported", [FAIL_IO] = "io",
	};

	return names[code];
}

int fail(struct failure *why, enum failure_code code, const char *format, ...)
{
	va_list arguments;

	why->code = code;
	va_start(arguments, format);
	vsnprintf(why->message, sizeof(why->message), format, arguments);
	va_end(arguments);
	return -1;
}

void say(const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, line);
}
