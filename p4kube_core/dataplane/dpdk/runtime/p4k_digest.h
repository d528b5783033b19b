/* SPDX-License-Identifier: Apache-2.0 */
/* How generated programs send digests. */
#ifndef P4K_DIGEST_H
#define P4K_DIGEST_H

#include "p4k_program.h"
#include "p4k_ring.h"

static inline __attribute__((unused)) void p4k_send_digest(const struct p4k_context *context, uint32_t index,
							   const uint8_t *data, uint32_t bytes)
{
	const struct p4k_event event = {context->device, P4K_EVENT_DIGEST, index, bytes};

	if (context->events && !p4k_ring_put(context->events, &event, data))
		(*context->lost_events)++;
}

#endif
