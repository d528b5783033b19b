/* SPDX-License-Identifier: Apache-2.0 */
/* What other tools have on an interface's hooks. */
#ifndef P4K_BPF_DAEMON_BESIDE_H
#define P4K_BPF_DAEMON_BESIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

/* Where our filter stands among those of a hook; the kernel runs them in the order of their priorities. */
#define FILTER_PRIORITY 100
#define FILTER_HANDLE 0x50344b

/* Refuse a qdisc with one block of filters for both directions: each filter of ours would take the other's place. */
int beside_check_qdisc(int ifindex, struct failure *why);
/* Refuse what runs before a filter of ours that comes: what that lets pass or takes would not come to ours. */
int beside_check_first(int ifindex, bool egress, struct failure *why);
/* Whether a filter of anybody is on either of its hooks; also if the kernel does not say. */
bool beside_has_filters(int ifindex);

#endif
