/* SPDX-License-Identifier: Apache-2.0 */
/* What a program must not do: OVERREAD reads one byte past a packet, CRASH writes to nowhere. */
#include "p4k.h"

static volatile uint8_t seen;
#ifndef OVERREAD
static volatile uint8_t *volatile nowhere;
#endif

static void process(const struct p4k_context *context, struct p4k_packet *packets, unsigned int n)
{
	(void)context;
	for (unsigned int i = 0; i < n; i++) {
#ifdef OVERREAD
		seen = packets[i].data[packets[i].length];
#else
		*nowhere = seen;
#endif
		packets[i].egress_port = packets[i].ingress_port;
	}
}

const struct p4k_program p4k_program = {
	.abi = P4K_ABI,
	.name = "bad",
	.digest = "sha256:2",
	.process = process,
};
