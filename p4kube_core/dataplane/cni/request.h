/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime gave us, as it goes to the agent: docs/seams.md, "The CNI socket". */
#ifndef P4K_CNI_REQUEST_H
#define P4K_CNI_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define MAGIC "P4C1"
#define ENVIRONMENT_MAX (64u << 10)
#define CONFIGURATION_MAX (1u << 20)
#define REQUEST_HEADER 12u

struct request {
	/* header, environment, configuration; a byte more tells a longer configuration */
	uint8_t bytes[REQUEST_HEADER + ENVIRONMENT_MAX + CONFIGURATION_MAX + 1];
	size_t length;
	size_t configuration_at;
};

/* Fill in all CNI_* variables and standard input. */
int request_collect(struct request *request, int64_t deadline_ms, struct failure *why);

/* The version that the configuration asks for, 1.1.0 where it does not say. No JSON is parsed for
 * this: the runtime writes the top level's cniVersion before the one of a previous result. */
void request_version(const struct request *request, char *version, size_t room);

#endif
