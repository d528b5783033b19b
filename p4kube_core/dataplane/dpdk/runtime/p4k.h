/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ABI between a compiled P4 program and whoever runs it (docs/seams.md, 3).
 * Free of DPDK: a program is compiled and tested without it.
 */
#ifndef P4K_H
#define P4K_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P4K_ABI 4
#define P4K_BURST 32

/* Values of p4k_packet.egress_port past the P4 port numbers. */
#define P4K_PORT_DROP 0xffff /* dropped; the program has counted why */

/* Length of keys in 64-bit words: what a table of these many key bytes stores and compares. */
#define P4K_WORDS(bytes) (((bytes) + 7) / 8)

/* One packet, contiguous. Filled by the data plane before process(), read by it after. */
struct p4k_packet {
	uint8_t *data;	       /* first byte; the program may move it */
	uint32_t length;       /* bytes from data on; the program may change it */
	uint32_t headroom;     /* bytes before data that may be written; moves with data */
	uint32_t tailroom;     /* bytes after data + length that may be written */
	uint16_t ingress_port; /* P4 port number */
	uint16_t egress_port;  /* out: P4 port number or P4K_PORT_DROP */
};

struct p4k_cell { /* one index of a counter; one writer (its worker), summed by the control thread */
	uint64_t packets;
	uint64_t bytes;
};

struct p4k_table;	/* p4k_table.h */
struct p4k_meter_cell; /* p4k_meter.h */
struct p4k_ring;	/* p4k_ring.h */

/* What one worker needs to run one device. Built by the control thread; the pointed-to cells are the worker's. */
struct p4k_context {
	const struct p4k_table *const *tables; /* by table index */
	struct p4k_cell *const *counters;      /* by counter index; a direct counter's cell is its entry's slot, size for the default entry */
	uint64_t *drops;		       /* by drop index */
	uint64_t now_ns;		       /* monotonic time of this burst */
	/*
	 * By register index: its cells, of p4k_register_bytes() each, in host order. All workers of a device: rw,
	 * control: wo once. Up to 64 bits a cell is read and written whole; what lies between a read and a
	 * write of one packet another worker's packet may come between.
	 */
	void *const *registers;
	/*
	 * By meter index; of a direct meter the cell is its entry's slot, size for the default entry. All workers of a
	 * device and control: rw, as p4k_meter.h says.
	 */
	struct p4k_meter_cell *const *meters;
	/* Where digests go. This worker is its only producer, control its consumer. NULL: nowhere. */
	struct p4k_ring *events;
	uint32_t device;	/* what the device's events are told apart by */
	uint64_t *lost_events; /* the device's that found no room in this ring; worker: rw, control: ro */
};

enum p4k_kind { P4K_EXACT, P4K_LPM, P4K_TERNARY };

struct p4k_action_spec {
	const char *name; /* as in P4Info */
	uint16_t data_bytes;
};

/* A range field of a ternary table: its place in a record's key holds the low end, in the mask the high end. */
struct p4k_range_spec {
	uint16_t offset, bytes; /* within the packed key */
};

struct p4k_table_spec {
	const char *name; /* as in P4Info */
	enum p4k_kind kind;
	uint32_t size; /* most entries */
	uint16_t key_bytes;
	uint16_t data_bytes;
	uint16_t default_action;	/* index; the program always has one (NoAction where P4 says none) */
	const uint8_t *default_data;	/* data_bytes of the table, padded with zeros; NULL if that is 0 */
	uint32_t n_const_entries;
	const uint8_t *const_entries;	/* records as in docs/seams.md, 2 */
	uint16_t n_ranges;
	const struct p4k_range_spec *ranges; /* in rising order of offset */
};

struct p4k_counter_spec {
	const char *name;
	uint32_t size;
	int32_t table; /* direct counter of this table; -1: indirect */
};

struct p4k_meter_spec {
	const char *name;
	bool counts_bytes; /* else packets */
	uint32_t size;
	int32_t table; /* direct meter of this table; -1: indirect */
};

struct p4k_digest_spec {
	const char *name;
	uint32_t data_bytes; /* the fields as the manifest places them */
};

struct p4k_register_spec {
	const char *name;
	uint32_t width_bits; /* 1 to 128 */
	uint32_t size;	     /* cells; zero at first */
};

/* Bytes of a register's cell: 1, 2, 4, 8 or 16. */
static inline size_t p4k_register_bytes(const struct p4k_register_spec *spec)
{
	size_t bytes = 1;

	while (bytes * 8 < spec->width_bits)
		bytes *= 2;
	return bytes;
}

struct p4k_program {
	uint32_t abi; /* P4K_ABI */
	const char *name;
	const char *digest;
	uint16_t n_actions, n_tables, n_counters, n_drops;
	const struct p4k_action_spec *actions;
	const struct p4k_table_spec *tables;
	const struct p4k_counter_spec *counters;
	const char *const *drops; /* reasons, by drop index */
	/* Run n <= P4K_BURST packets; called by several workers at once, each with a context of its own. */
	void (*process)(const struct p4k_context *context, struct p4k_packet *packets, unsigned int n);
	uint16_t n_registers;
	const struct p4k_register_spec *registers;
	uint16_t n_meters, n_digests;
	const struct p4k_meter_spec *meters;
	const struct p4k_digest_spec *digests;
};

#endif
