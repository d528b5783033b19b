/* SPDX-License-Identifier: Apache-2.0 */
/* What a program tells control beside its packets, on both targets. Numbers in host order. */
#ifndef P4K_EVENT_H
#define P4K_EVENT_H

#include <stdbool.h>
#include <stdint.h>

enum p4k_event_kind {
	P4K_EVENT_DIGEST = 1,	 /* index: of the digest; data: its fields as the manifest places them */
	P4K_EVENT_PACKET_IN = 2, /* index: the P4 port that it left by; data: the packet, headers in front */
};

/* `length` bytes of data follow. */
struct p4k_event {
	uint32_t device; /* as the data plane numbers its devices */
	uint32_t kind;
	uint32_t index;
	uint32_t length;
};

#endif
