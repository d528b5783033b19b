/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's network interfaces, as far as ports need them. */
#ifndef P4K_CONTROL_INTERFACE_H
#define P4K_CONTROL_INTERFACE_H

#include <stdbool.h>

#include <jansson.h>

#include "failure.h"

/* The request's `interface`, which must be a name that the kernel could give. */
int interface_read(const json_t *request, const char **name, struct failure *why);

/* IFF_... of it, or -1 with FAIL_NOT_FOUND. `fd` is any socket. */
int interface_flags(int fd, const char *name, struct failure *why);

/* Whether the interface of this index is up and has its other side. */
bool interface_running(int fd, int index);

#endif
