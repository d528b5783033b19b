/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the agent over its unix socket, and its whole answer or none. */
#ifndef P4K_CNI_AGENT_H
#define P4K_CNI_AGENT_H

#include "request.h"

#define ANSWER_MAX (8u << 20)

struct answer {
	int status; /* our exit status: 0 done, 1 the text is an error */
	size_t length;
	char text[ANSWER_MAX]; /* JSON, or nothing */
};

int agent_ask(const char *path, const struct request *request, int64_t deadline_ms,
	      struct answer *answer, struct failure *why);

#endif
