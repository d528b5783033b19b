/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line asks for; written once by main before anything starts, read by all after. */
#ifndef P4K_BPF_DAEMON_SETTINGS_H
#define P4K_BPF_DAEMON_SETTINGS_H

#include "module.h"

struct settings {
	const char *socket; /* path of the control socket */
	const char *bpffs;  /* directory of the pins; absolute */
};

extern struct settings settings;

/* Read the command line into `settings`. Returns 0; 1 when only help was wanted; -1 after saying why. */
int settings_read(int argc, char **argv);

extern const struct module pins_module, outer_module, sender_module, images_module, devices_module, ports_module,
	kept_module;

#endif
