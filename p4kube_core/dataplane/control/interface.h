/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's network interfaces, as far as ports need them. */
#ifndef P4K_CONTROL_INTERFACE_H
#define P4K_CONTROL_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "failure.h"

/* The request's `interface`, which must be a name that the kernel could give. */
int interface_read(const json_t *request, const char **name, struct failure *why);

/*
 * A socket in the network namespace whose file the request names (`netns`), or in our own without that. `place` is told
 * apart from that of any other namespace. -1 with `why`.
 */
int interface_socket(const json_t *request, int domain, int type, uint64_t *place,
		     struct failure *why);

/* Its number, or 0. `fd` is any socket of its namespace, here and below. */
int interface_index(int fd, const char *name);

/* IFF_... of it, or -1 with FAIL_NOT_FOUND. */
int interface_flags(int fd, const char *name, struct failure *why);

/* Whether the interface of this index is up and has its other side. */
bool interface_running(int fd, int index);

#endif
