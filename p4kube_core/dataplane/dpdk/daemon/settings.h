/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line asks for; written once by main before anything starts, read by all after. */
#ifndef P4K_DAEMON_SETTINGS_H
#define P4K_DAEMON_SETTINGS_H

#include <stdbool.h>

#include "module.h"

#define WORKERS_MAX 32

struct settings {
	const char *socket;   /* path of the control socket */
	unsigned int workers; /* 1..WORKERS_MAX */
	unsigned int memory;  /* MB given to DPDK; 0: a default without hugepages, as needed with them */
	bool huge;	      /* hugepages if there are some */
	bool pci;	      /* scan the PCI bus */
	char name[64];	      /* DPDK's file prefix */
	unsigned int mbufs;   /* packets in flight, at most */
	unsigned int frame;   /* bytes of the largest frame, VLAN tags included */
};

extern struct settings settings;

/* Read the command line into `settings`. Returns 0; 1 when only help was wanted; -1 after saying why. */
int settings_read(int argc, char **argv);

extern const struct module eal_module, rcu_module, events_module, ports_module, devices_module,
	workers_module;

#endif
