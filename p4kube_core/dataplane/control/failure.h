/* SPDX-License-Identifier: Apache-2.0 */
/* One error idiom: a function that can fail returns 0 or -1 and says why in a struct failure. */
#ifndef P4K_CONTROL_FAILURE_H
#define P4K_CONTROL_FAILURE_H

#include <stdint.h>

enum failure_code {
	FAIL_NONE,
	FAIL_NOT_FOUND,
	FAIL_EXISTS,
	FAIL_INVALID,
	FAIL_FULL,
	FAIL_BUSY,
	FAIL_UNSUPPORTED,
	FAIL_IO,
};

struct failure {
	enum failure_code code;
	char message[512]; /* what was wanted, what was found, where; lower case, no full stop */
};

/* The code's word on the control socket (docs/seams.md, 4). */
const char *failure_name(enum failure_code code);

/* Fill in `why` and return -1, so that a caller can `return fail(...)`. */
int fail(struct failure *why, enum failure_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A line to standard error, for the agent's dataplane.log. Never from a worker's loop. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
