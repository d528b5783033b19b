/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, ports and wires in a file, for a process that comes after this one was killed. */
#ifndef P4K_BPF_DAEMON_KEPT_H
#define P4K_BPF_DAEMON_KEPT_H

#include "failure.h"

/* Write what there is now. */
int kept_write(struct failure *why);

#endif
