/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, ports and wires in files, one for each, for a process that comes after this one was killed. */
#ifndef P4K_BPF_DAEMON_KEPT_H
#define P4K_BPF_DAEMON_KEPT_H

#include <stdint.h>

#include "failure.h"

struct device;
struct port;

/* Write what there is now of it. */
int kept_device(const struct device *device, struct failure *why);
int kept_port(const struct port *port, struct failure *why);
void kept_remove_device(uint64_t id);
void kept_remove_port(const struct port *port);
/* Forget programs of before that no device has, unless a hook may still run one. */
void kept_sweep(void);

#endif
