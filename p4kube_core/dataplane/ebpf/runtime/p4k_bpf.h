/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compiled BPF object and p4kube-bpf share (docs/seams.md, 6): the values of its maps, and what
 * is set before it is loaded. Included by both sides; numbers are in host order unless said otherwise.
 */
#ifndef P4K_BPF_H
#define P4K_BPF_H

#include <stdint.h>

#define P4K_BPF_PORTS 512    /* P4 port numbers */
#define P4K_BPF_MASKS 128    /* masks of one ternary table */
#define P4K_BPF_CACHE_BITS 10
#define P4K_BPF_CACHED (1 << P4K_BPF_CACHE_BITS) /* keys that a ternary table remembers on each CPU, for all devices */
#define P4K_BPF_SLOTS 256    /* devices of one program as it is loaded: entries of its outer maps */
#define P4K_BPF_PROGRAMS 256 /* loaded at once: entries of `programs`; behind them as many for tests */
#define P4K_BPF_EVENT_BYTES (1 << 18) /* of `events`, whose records are struct p4k_event, `device` being the slot, and data */
#define P4K_BPF_PACKET_IN_BYTES 9216 /* the longest packet for a controller */
#define P4K_BPF_HOPS 8	     /* patches that a packet goes over from one wire to the next */

/* `const volatile struct p4k_bpf_load p4k_load`, all of .rodata. Daemon: wo, program: ro. */
struct p4k_bpf_load {
	uint32_t test; /* 1: packets come from BPF_PROG_TEST_RUN */
};

/*
 * cb[] of a packet that comes to a program. Hook programs and tests: wo, programs: rw. In tests the last one is the packet's
 * length, whatever it was padded to, before and after; and one that goes to a wire is not sent there: the verdict is
 * TC_ACT_REDIRECT, the mark the ifindex, and EGRESS says which hook the port is.
 */
enum p4k_bpf_cb {
	P4K_BPF_CB_PLACE,     /* whose it is and where it came in, P4K_BPF_PLACE(slot, P4 port) */
	P4K_BPF_CB_INTERFACE, /* by whose hook it came; 0 in tests */
	P4K_BPF_CB_EGRESS,    /* 1: by the egress hook */
	P4K_BPF_CB_HOPS,      /* patches behind it */
	P4K_BPF_CB_LENGTH,
};

#define P4K_BPF_PLACE(slot, port) ((uint32_t)(slot) << 16 | (uint32_t)(port))

/* An entry: 12 + data_bytes bytes, no more. Value of table_I. Daemon: wo, program: ro. */
struct p4k_bpf_entry {
	uint32_t cell;	   /* of what is the entry's own, as of a direct counter: p4k_bpf_cell_at() */
	uint32_t priority; /* ternary: the higher wins; otherwise 0 */
	uint16_t action;   /* index */
	uint16_t zero;
	uint8_t data[]; /* in network order */
};

#define P4K_BPF_ENTRY_BYTES 12

/*
 * Value of default_I: two places for an entry, of which one is in force while the other one is written.
 * Daemon: wo, program: ro.
 */
struct p4k_bpf_default {
	uint32_t place;	     /* 0 or 1 */
	uint32_t generation; /* another one after each change of the slot's table: what cache_I has of it is void */
	uint8_t entries[]; /* two of P4K_BPF_STRIDE(data_bytes) bytes */
};

#define P4K_BPF_STRIDE(data_bytes) ((P4K_BPF_ENTRY_BYTES + (data_bytes) + 7) / 8 * 8)
#define P4K_BPF_DEFAULT_BYTES(data_bytes) (8 + 2 * P4K_BPF_STRIDE(data_bytes))

/*
 * What each entry has of its own, as a direct counter's cells, is in several arrays, one behind the other and each eight times as
 * large as the one before: a table with few entries takes little memory. `cell` says which: level << 24 | index. Number 0 is the
 * default entry's, 1 that of the entry in the table's slot 0, and so on.
 */
#define P4K_BPF_LEVELS 8
#define P4K_BPF_LEVEL_SIZE(level) (UINT32_C(64) << 3 * (level))

static inline uint32_t p4k_bpf_cell_at(uint32_t number)
{
	uint32_t level = 0;

	for (; number >= P4K_BPF_LEVEL_SIZE(level); level++)
		number -= P4K_BPF_LEVEL_SIZE(level);
	return level << 24 | number;
}

static inline uint32_t p4k_bpf_cell_number(uint32_t cell)
{
	uint32_t number = cell & 0xffffff;

	for (uint32_t level = 0; level < cell >> 24; level++)
		number += P4K_BPF_LEVEL_SIZE(level);
	return number;
}

/* Key of table_I of an lpm table: 4 + key_bytes bytes. */
struct p4k_bpf_prefix {
	uint32_t length; /* bits, over the whole packed key */
	uint8_t key[];
};

/* Key of table_I of a ternary table: 4 + key_bytes bytes. */
struct p4k_bpf_tuple {
	uint32_t tuple;
	uint8_t key[]; /* masked */
};

/* Value of the inner map of masks_I: 12 + key_bytes bytes. Daemon: wo, program: ro. */
struct p4k_bpf_mask {
	uint32_t tuple;
	uint32_t used;	   /* 0: no mask here, nor behind it */
	uint32_t priority; /* the highest of the entries with this mask */
	uint8_t mask[];
};

#define P4K_BPF_MASK_BYTES 12

/* Value of the inner map of counter_J. Program: adds, daemon: reads, writes to reset. */
struct p4k_bpf_cell {
	uint64_t packets;
	uint64_t bytes;
};

enum p4k_bpf_exit_kind {
	P4K_BPF_EXIT_NONE,    /* dropped, counted as no_port */
	P4K_BPF_EXIT_WIRE,    /* out of an interface, or on its way where it came in at the interface's other hook */
	P4K_BPF_EXIT_CHAIN,   /* to the next function */
	P4K_BPF_EXIT_NO_PEER, /* to the next function, which there is not: dropped, counted */
	P4K_BPF_EXIT_CPU,     /* to the controllers, as an event */
	P4K_BPF_EXIT_COLLECT, /* a test: the packet's mark says where it came out, TC_ACT_OK */
};

/* A way out. Daemon: wo, program: ro. */
struct p4k_bpf_exit {
	uint32_t kind;
	uint32_t to;	/* wire: ifindex; chain: index in `programs`; cpu: the P4 port; collect: the mark */
	uint32_t place; /* chain: cb[P4K_BPF_CB_PLACE] there; wire: 1: the port is the interface's egress hook */
	uint32_t peer;	/* wire: 1: the interface's other end is in another namespace */
};

/*
 * Value of `exits`, whose key is P4K_BPF_PLACE(slot, P4 port), and of `near_exits`: a way out in one word, so that who
 * reads one that changes sees the old or the new. `near_exits` has that of port p of a slot at slot * P4K_BPF_NEAR + p once
 * more, where no hash is needed; 0: ask `exits`.
 */
#define P4K_BPF_NEAR 8

static inline uint64_t p4k_bpf_exit_word(struct p4k_bpf_exit way)
{
	return (uint64_t)way.kind << 60 | (uint64_t)way.peer << 56 | (uint64_t)way.place << 32 | way.to;
}

static inline struct p4k_bpf_exit p4k_bpf_exit_of(uint64_t word)
{
	return (struct p4k_bpf_exit){
		.kind = (uint32_t)(word >> 60),
		.to = (uint32_t)word,
		.place = (uint32_t)(word >> 32) & 0xffffff,
		.peer = (uint32_t)(word >> 56) & 1,
	};
}

/* Indices of `drops` for each device, as the manifest has them. */
enum p4k_bpf_drop {
	P4K_BPF_DROP_MALFORMED,
	P4K_BPF_DROP_INGRESS,
	P4K_BPF_DROP_EGRESS,
	P4K_BPF_DROP_NO_ROOM,
	P4K_BPF_DROP_NO_PORT,
	P4K_BPF_DROP_NO_PEER,
	P4K_BPF_DROP_TOO_MANY_HOPS,
	P4K_BPF_DROPS
};

#endif
