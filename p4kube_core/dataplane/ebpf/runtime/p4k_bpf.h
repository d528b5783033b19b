/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compiled BPF object and p4kube-bpf share (docs/seams.md, 6): the values of its maps, and what
 * is set before it is loaded. Included by both sides; numbers are in host order unless said otherwise.
 */
#ifndef P4K_BPF_H
#define P4K_BPF_H

#include <stdint.h>

#define P4K_BPF_PORTS 512 /* P4 port numbers, and entries of `exits` and `chain` */
#define P4K_BPF_MASKS 128 /* masks of one ternary table */
#define P4K_BPF_TEST_LENGTH 4 /* of a test's packet: cb[] that holds its length, whatever it was padded to */

/* `const volatile struct p4k_bpf_load p4k_load`, all of .rodata. Daemon: wo, program: ro. */
struct p4k_bpf_load {
	uint32_t port; /* P4 port that this copy of the program stands at */
	uint32_t test; /* 1: packets come from BPF_PROG_TEST_RUN */
};

/* Value of table_I and default_I: 12 + data_bytes bytes, no more. Daemon: wo, program: ro. */
struct p4k_bpf_entry {
	uint32_t slot;	   /* cell of the table's direct counter; the table's size for the default */
	uint32_t priority; /* ternary: the higher wins; otherwise 0 */
	uint16_t action;   /* index */
	uint16_t zero;
	uint8_t data[]; /* in network order */
};

#define P4K_BPF_ENTRY_BYTES 12

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

/* Value of counter_J, one a CPU. Program: adds, daemon: reads the sum, writes to reset. */
struct p4k_bpf_cell {
	uint64_t packets;
	uint64_t bytes;
};

enum p4k_bpf_exit_kind {
	P4K_BPF_EXIT_DROP,	    /* counted as no_port */
	P4K_BPF_EXIT_PASS,	    /* TC_ACT_OK: the packet goes on where it is */
	P4K_BPF_EXIT_REDIRECT,	    /* out of the interface */
	P4K_BPF_EXIT_REDIRECT_PEER, /* into the other end of the veth */
	P4K_BPF_EXIT_CHAIN,	    /* to the next function's program, in `chain` at the P4 port */
	P4K_BPF_EXIT_COLLECT,	    /* a test: the packet's mark says the P4 port, TC_ACT_OK */
};

/* Value of `exits`. Daemon: wo, program: ro. */
struct p4k_bpf_exit {
	uint32_t kind;
	uint32_t ifindex;
};

/* Indices of `drops`, as the manifest has them. */
enum p4k_bpf_drop {
	P4K_BPF_DROP_MALFORMED,
	P4K_BPF_DROP_INGRESS,
	P4K_BPF_DROP_EGRESS,
	P4K_BPF_DROP_NO_ROOM,
	P4K_BPF_DROP_NO_PORT,
	P4K_BPF_DROPS
};

#endif
