/* SPDX-License-Identifier: Apache-2.0 */
/* Port 1 to port 2 and back; port 3 to a port that nobody has; the rest is dropped. */
#include "p4k.h"

enum { DROP_OTHER };

static void process(const struct p4k_context *context, struct p4k_packet *packets, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		switch (packets[i].ingress_port) {
		case 1:
			packets[i].egress_port = 2;
			break;
		case 2:
			packets[i].egress_port = 1;
			break;
		case 3:
			packets[i].egress_port = 77;
			break;
		default:
			packets[i].egress_port = P4K_PORT_DROP;
			context->drops[DROP_OTHER]++;
		}
	}
}

static const char *const drops[] = {"other"};

#ifndef ABI
#define ABI P4K_ABI
#endif

const struct p4k_program p4k_program = {
	.abi = ABI,
	.name = "forward",
	.digest = "sha256:0",
	.n_drops = 1,
	.drops = drops,
	.process = process,
};
