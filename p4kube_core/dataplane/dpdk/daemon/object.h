/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled program (docs/seams.md, 3), loaded from a copy of its own, so that its file may change or go. */
#ifndef P4K_DAEMON_OBJECT_H
#define P4K_DAEMON_OBJECT_H

#include "../runtime/p4k.h"
#include "failure.h"

struct object {
	void *handle;
	int file; /* holds the name that the loader knows it by */
	const struct p4k_program *program;
};

int object_load(struct object *object, const char *path, struct failure *why);
void object_unload(struct object *object);

#endif
