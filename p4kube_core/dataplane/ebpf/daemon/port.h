/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: hooks of interfaces, and rings for tests. */
#ifndef P4K_BPF_DAEMON_PORT_H
#define P4K_BPF_DAEMON_PORT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <jansson.h>

#include "failure.h"

#define PORT_NAME_MAX 64
#define P4K_PORT_NONE UINT16_MAX

enum port_kind {
	PORT_RING,
	PORT_TC,     /* one hook of an interface; what leaves by the other goes on as if nothing had been */
	PORT_PACKET, /* all that an interface receives; what leaves by it is sent */
	PORT_PATCH,  /* what leaves by it comes in by its peer, at another device */
	PORT_CPU,    /* to and from the device's controllers */
};

struct device;

struct port {
	char name[PORT_NAME_MAX];
	enum port_kind kind;
	uint32_t number; /* that no other port has, also before and after it */
	char peer[PORT_NAME_MAX]; /* patch: the name of the port at the other end, which may not be there */
	char interface[IFNAMSIZ];
	int ifindex;
	bool egress;	     /* the hook: what the host sends out of the interface */
	bool qdisc_made;     /* clsact was not there before */
	bool orphan;	     /* its hook has a program of a process before this one, of no device of ours */
	struct device *device; /* wired to, or NULL */
	uint16_t p4_port;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, no_device; /* ring */
	uint8_t *out; /* ring: what is to be collected */
	size_t out_length, out_room;
	uint64_t out_count;
	LIST_ENTRY(port) next;
};

LIST_HEAD(port_list, port);
extern struct port_list ports;

struct port *port_find(const char *name);
int port_add(const json_t *request, struct failure *why);
int port_remove(struct port *port, struct failure *why);
json_t *port_describe(struct port *port);
/* A port as port_add takes it, and what a later process must know. */
json_t *port_keep(const struct port *port);
/* Not attached yet: ports_wire_again() follows. */
int port_find_again(const json_t *kept, struct failure *why);
/* Attach the ports that were found again, each in one step in place of what a former process attached. */
void ports_wire_again(void);

/* It is wired. */
/* All ports of one device to another program; all or none. One whose interface is gone has no hook to fail. */
int ports_move(struct device *from, struct device *to, struct failure *why);
/* Unwire all ports of a device. */
void ports_leave(struct device *device);
/* Packets that came in by the ring ports of a device. */
uint64_t ports_packets(const struct device *device);

/* Kind ring (port_ring.c). */
void port_deliver(uint32_t number, const uint8_t *packet, uint16_t length);
int port_inject(struct port *port, const uint8_t *blob, size_t length, struct failure *why);
int port_packet_out(struct device *device, const uint8_t *blob, size_t length, struct failure *why);
int port_collect(struct port *port, uint8_t **blob, size_t *length, uint64_t *count,
		 struct failure *why);

#endif
