/* SPDX-License-Identifier: Apache-2.0 */
/* One part of a data plane's process; its main starts them in order and stops them in reverse. */
#ifndef P4K_CONTROL_MODULE_H
#define P4K_CONTROL_MODULE_H

#include <stddef.h>

#define P4KUBE_VERSION "0.1.0"
#define ARRAY_DIM(array) (sizeof(array) / sizeof((array)[0]))

struct module {
	const char *name;
	int (*start)(void); /* 0, or -1 after saying why */
	void (*stop)(void);
};

extern const struct module control_module;

#endif
