/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of ours onto wires, past the programs on hooks, which they have behind them. */
#ifndef P4K_BPF_DAEMON_SENDER_H
#define P4K_BPF_DAEMON_SENDER_H

#include <stdint.h>

#include "failure.h"

/* Out of an interface. */
int sender_send(int ifindex, const uint8_t *packet, uint16_t length, struct failure *why);
/* Into the host, as if it had been received from the interface. */
int sender_receive(int ifindex, const uint8_t *packet, uint16_t length, struct failure *why);

/* What a packet's mark is on its way past our program at an ingress hook; no one else knows it. */
uint32_t sender_mark(void);

#endif
