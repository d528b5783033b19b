/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meters with two rates and three colours (RFC 2698, blind to a colour that a packet brings), for both targets:
 * one writer of configurations, any number of packets at once, no locks. Free of all but C.
 *
 * A bucket is one number, `empty_at`. The rate makes a scale of time: p4k_filled() says how many tokens it has made by
 * a moment, in whole numbers and exactly. The bucket holds what the scale says now less what it said when
 * the bucket would have been empty, and at most its burst; taking tokens moves that point onwards. So in
 * any stretch of time no more is taken than burst and the scale's growth over it, whoever takes.
 *
 * The scale is modulo 2^64: at P4K_MOST_RATE it comes round in 194 days, and a bucket that nobody has used for
 * just that long may look empty for a second.
 */
#ifndef P4K_METER_H
#define P4K_METER_H

#include <stdbool.h>
#include <stdint.h>

#define P4K_MOST_RATE (UINT64_C(1) << 40)  /* tokens a second; higher ones are this */
#define P4K_MOST_BURST (UINT64_C(1) << 60) /* tokens; larger ones are this */
#define P4K_SECOND UINT64_C(1000000000)	   /* in nanoseconds */

#ifdef __bpf__
/* A function of its own, which the verifier looks at once. */
#define P4K_TAKE __attribute__((noinline))
/* It wants an end, too. Whoever has lost so many races finds the bucket empty. */
#define P4K_METER_TRIES 16
/* What a configuration holds is read by an address made of its version, so that it is read after that. */
#define p4k_meter_load(at) (*(const volatile uint64_t *)(at))
#else
#define P4K_TAKE static inline __attribute__((always_inline))
#define P4K_METER_TRIES UINT64_MAX
#define p4k_meter_load(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
#endif

enum p4k_colour { P4K_GREEN, P4K_YELLOW, P4K_RED };

struct p4k_token_bucket {
	uint64_t rate;	   /* tokens a second; control: wo before the cell's version says so, packets: ro */
	uint64_t burst;	   /* likewise */
	uint64_t empty_at; /* control: wo likewise, packets: rw */
};

/* Zero at first: without configuration. */
struct p4k_meter_cell {
	uint64_t version; /* bit 0: the bucket pair in use, bit 1: configured; control: wo, packets: ro */
	struct {
		struct p4k_token_bucket committed, peak;
	} pairs[2];
};

#define P4K_METER_CONFIGURED 2

/* Tokens that a rate has made by a moment, modulo 2^64. */
static inline __attribute__((always_inline, unused)) uint64_t p4k_filled(uint64_t rate, uint64_t now_ns)
{
	const uint64_t seconds = now_ns / P4K_SECOND, rest = now_ns % P4K_SECOND;

	return seconds * rate + rest * (rate / P4K_SECOND) + rest * (rate % P4K_SECOND) / P4K_SECOND;
}

/* Take tokens if there are so many. */
P4K_TAKE bool p4k_take(struct p4k_token_bucket *bucket, uint64_t now_ns, uint64_t tokens)
{
	uint64_t rate, burst, filled, empty_at;

#ifdef __bpf__
	if (!bucket)
		return false; /* no one calls it so, but the verifier takes it by itself */
#endif
	rate = p4k_meter_load(&bucket->rate);
	burst = p4k_meter_load(&bucket->burst);
	filled = p4k_filled(rate, now_ns);
	empty_at = p4k_meter_load(&bucket->empty_at);
	for (uint64_t i = 0; i < P4K_METER_TRIES; i++) {
		uint64_t held = filled - empty_at, found;

		/* Someone whose clock is ahead took the last of it. (No clock is ahead by more than a second.) */
		if (empty_at - filled <= rate)
			held = 0;
		if (held > burst)
			held = burst;
		if (held < tokens)
			return false;
		found = __sync_val_compare_and_swap(&bucket->empty_at, empty_at, filled - (held - tokens));
		if (found == empty_at)
			return true;
		empty_at = found;
	}
	return false;
}

/*
 * What colour a packet is that costs so many tokens: 1 in a meter of packets, its length in one of bytes.
 * now_ns: of a clock that all packets share, monotonic; theirs may differ by less than a second.
 */
static inline __attribute__((always_inline)) enum p4k_colour p4k_meter(struct p4k_meter_cell *cell, uint64_t now_ns,
								       uint64_t tokens)
{
	const uint64_t version = p4k_meter_load(&cell->version);

	if (!(version & P4K_METER_CONFIGURED))
		return P4K_GREEN;
	if (!p4k_take(&cell->pairs[version & 1].peak, now_ns, tokens))
		return P4K_RED;
	return p4k_take(&cell->pairs[version & 1].committed, now_ns, tokens) ? P4K_GREEN : P4K_YELLOW;
}

#ifndef __bpf__

/* The same by index into so many cells; beyond them a packet is green. */
static inline __attribute__((always_inline, unused)) enum p4k_colour
p4k_run_meter(struct p4k_meter_cell *cells, uint32_t size, uint64_t index, uint64_t now_ns, uint64_t tokens)
{
	return index < size ? p4k_meter(&cells[index], now_ns, tokens) : P4K_GREEN;
}

struct p4k_meter_config {
	bool set;
	uint64_t cir, cburst, pir, pburst; /* tokens a second and tokens; without meaning where it is not set */
};

static inline void p4k_fill_bucket(struct p4k_token_bucket *bucket, uint64_t rate, uint64_t burst)
{
	const uint64_t most = burst < P4K_MOST_BURST ? burst : P4K_MOST_BURST;

	__atomic_store_n(&bucket->rate, rate < P4K_MOST_RATE ? rate : P4K_MOST_RATE, __ATOMIC_RELAXED);
	__atomic_store_n(&bucket->burst, most, __ATOMIC_RELAXED);
	/* So far below zero that it is full whatever the time. */
	__atomic_store_n(&bucket->empty_at, -most, __ATOMIC_RELAXED);
}

/* Control: the configuration that was written. */
static inline struct p4k_meter_config p4k_meter_read(const struct p4k_meter_cell *cell)
{
	const struct p4k_token_bucket *committed = &cell->pairs[cell->version & 1].committed;
	const struct p4k_token_bucket *peak = &cell->pairs[cell->version & 1].peak;

	if (!(cell->version & P4K_METER_CONFIGURED))
		return (struct p4k_meter_config){0};
	return (struct p4k_meter_config){true, committed->rate, committed->burst, peak->rate, peak->burst};
}

static inline bool p4k_meter_holds(const struct p4k_meter_cell *cell, const struct p4k_meter_config *config)
{
	const struct p4k_meter_config held = p4k_meter_read(cell);

	return held.set == config->set &&
	       (!held.set || (held.cir == config->cir && held.cburst == config->cburst &&
			      held.pir == config->pir && held.pburst == config->pburst));
}

/*
 * Control: give a cell a configuration, with full buckets, or take it away; the one that it has already changes nothing. Packets go on meanwhile: each sees the old
 * one or the new one. (A packet that stands still in the midst of p4k_take() while its cell is written twice may
 * move a new bucket's point; that is as if it had been full once more, or empty for at most a second.)
 */
static inline void p4k_meter_write(struct p4k_meter_cell *cell, const struct p4k_meter_config *config)
{
	const uint64_t version = cell->version;
	const unsigned int next = ~version & 1;

	if (p4k_meter_holds(cell, config))
		return;
	if (config->set) {
		p4k_fill_bucket(&cell->pairs[next].committed, config->cir, config->cburst);
		p4k_fill_bucket(&cell->pairs[next].peak, config->pir, config->pburst);
	}
	__atomic_store_n(&cell->version, config->set ? P4K_METER_CONFIGURED | next : version & 1, __ATOMIC_RELEASE);
}

#endif
#endif
