/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What generated BPF programs are made of (target ebpf). Included once by a generated file, which says
 * before how large its buffers are:
 *
 *   P4K_WINDOW_BYTES  bytes that the parser may look at, read from the packet at once; 0: read
 *                     piece by piece
 *   P4K_WINDOW        a power of two, more than P4K_ZEROS and these bytes
 *   P4K_PIECE         the largest piece that is read or stored at once
 *   P4K_ZEROS         zeros in front of the window, which stand for headers that are not there
 *   P4K_OUT           room for the headers that the deparser emits, a power of two
 *   P4K_KEY_WORDS     of the longest key
 *   P4K_EVENTS	       1: it has digests, or headers for controllers
 *
 * All that a packet brings along is in a per-CPU map, struct p4k_work first: the stack has 512 bytes, and what
 * is in memory the verifier does not follow, so that its work grows with the program's length and not
 * with the number of ways through it. Places in buffers are kept in memory for that reason (volatile)
 * and masked wherever they are used.
 */
#ifndef P4K_BPF_PROGRAM_H
#define P4K_BPF_PROGRAM_H

#include "p4k_bpf.h"
#include "p4k_bpf_arithmetic.h"
#include "p4k_event.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#define P4K_GLOBAL __attribute__((noinline))
#define P4K_CHUNK 512 /* bytes of payload that are summed or moved at once; a multiple of 4 */
#define P4K_CHUNKS 160 /* a packet of 65535 bytes, with room to spare */
#define P4K_OLD 256   /* of the packet's front, for the rule of TCP's and UDP's checksums */

/* What a packet brings along, but for the program's variables. Zero up to `cursor` at its start. */
struct p4k_work {
	volatile uint32_t cursor; /* bytes that the parser has taken */
	volatile uint32_t used;	  /* bytes in `out` */
	volatile uint32_t from;	  /* bytes [from, to) of the window differ from the packet's */
	volatile uint32_t to;
	volatile uint32_t place; /* in a loop over the packet */
	volatile uint32_t sum;
	uint32_t length; /* bytes of the packet as it came in */
	uint32_t slot;	 /* whose it is */
	uint32_t port;	 /* P4 port where it came in */
	uint32_t state;	 /* of a parser with cycles */
};

struct p4k_buffers {
	uint64_t key[1 + P4K_KEY_WORDS];    /* as looked up: from byte 4 (tuple or prefix length) or 8 */
	uint64_t wanted[P4K_KEY_WORDS + 1]; /* a ternary key before it is masked */
	uint8_t packet[P4K_WINDOW + P4K_PIECE + P4K_OLD];
	uint8_t out[P4K_OUT + P4K_PIECE + P4K_OLD];
	uint8_t old[P4K_OLD];
	uint8_t chunk[P4K_CHUNK];
};

const volatile struct p4k_bpf_load p4k_load = {0};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, P4K_BPF_SLOTS * P4K_BPF_DROPS);
	__uint(key_size, 4);
	__uint(value_size, 8);
} drops SEC(".maps");

#if P4K_EVENTS

/* What programs tell control: struct p4k_event and its data, for all devices of the program. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, P4K_BPF_EVENT_BYTES);
} events SEC(".maps");

/* By device: events that found no room; and those of all devices. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, P4K_BPF_SLOTS + 1);
	__uint(key_size, 4);
	__uint(value_size, 8);
} lost_events SEC(".maps");

struct p4k_packet_in {
	struct p4k_event head;
	uint8_t bytes[P4K_BPF_PACKET_IN_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, sizeof(struct p4k_packet_in));
} packet_in SEC(".maps");

#endif

/* Keep the C compiler from knowing what the verifier cannot. */
#define p4k_hide(x) __asm__ volatile("" : "+r"(x))

/*
 * Whether a uint64_t is from low to high, both constants, so that the verifier of any kernel learns it: clang would make one
 * comparison of two, of the value less one, and of that only newer ones learn.
 */
#define p4k_between(value, low, high)                                                  \
	({                                                                             \
		uint64_t p4k_is;                                                       \
		__asm__ volatile("%0 = 0\n\tif %1 < %2 goto +2\n\tif %1 > %3 goto +1\n\t%0 = 1" \
				 : "=&r"(p4k_is), "+r"(value)                          \
				 : "i"(low), "i"(high));                               \
		p4k_is;                                                                \
	})

/* An index that is below `size` already, for the verifier. */
#define p4k_index(index, size)                                                              \
	({                                                                                  \
		uint64_t p4k_i = (index);                                                   \
		__asm__ volatile("if %0 < %1 goto +1\n\t%0 = 0" : "+r"(p4k_i) : "i"(size)); \
		p4k_i;                                                                      \
	})

/* Zero memory; `bytes` is a constant and a multiple of 8. */
P4K_INLINE void p4k_clear(uint64_t *at, uint32_t bytes)
{
	if (bytes <= 512) {
		__builtin_memset(at, 0, bytes);
		return;
	}
	/* clang makes at most 128 stores of one memset, and would call a library for this loop. */
	for (uint32_t i = 0; i < bytes / 8; i++)
		((volatile uint64_t *)at)[i] = 0;
}

/* A word of a mask as it stands in memory, of which only so many bytes may be read. */
P4K_INLINE uint64_t p4k_mask_word(const uint8_t *at, uint32_t bytes)
{
	if (bytes == 8)
		return *(const uint64_t *)at;
	return p4k_word(p4k_load(at, bytes) << (64 - 8 * bytes));
}

/* Any of low to high, both included. */
P4K_INLINE uint64_t p4k_random(uint64_t low, uint64_t high)
{
	const uint64_t word = (uint64_t)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
	const uint64_t span = high - low + 1;

	/* A span of 2^64 has wrapped to nothing. */
	return span == 0 ? word : low + (uint64_t)(p4k_product(word, span) >> 64);
}

/* --- what is the device's: each of its maps is one entry of an outer map, by the device's slot ---------- */

/* NULL: it has none. */
#define p4k_own(outer, w) bpf_map_lookup_elem(&(outer), &(w)->slot)

/* What an entry has of its own, in a map of levels. */
#define p4k_own_cell(outer, w, entry)                                                              \
	({                                                                                         \
		const uint32_t p4k_at = (entry)->cell;                                             \
		uint32_t p4k_index = p4k_at & 0xffffff;                                            \
		uint32_t p4k_level = (w)->slot * P4K_BPF_LEVELS + (p4k_at >> 24);                  \
		void *p4k_cells = bpf_map_lookup_elem(&(outer), &p4k_level);                       \
                                                                                                   \
		p4k_cells ? bpf_map_lookup_elem(p4k_cells, &p4k_index) : NULL;                     \
	})

/* The entry for keys that no entry matches. */
P4K_INLINE const struct p4k_bpf_entry *p4k_default(const struct p4k_bpf_default *both, uint32_t stride)
{
	return (const void *)(both->entries + (*(volatile uint32_t *)&both->place & 1) * stride);
}

/* --- what ternary tables remember: the entry that a key has found, or that there is none ----------------- */

/* Whose it is: a device's, as long as its table is as it is. Never 0. */
P4K_INLINE uint64_t p4k_owner(const struct p4k_work *w, const struct p4k_bpf_default *both)
{
	return (uint64_t)*(volatile uint32_t *)&both->generation << 32 | (w->slot + 1);
}

/* Where in a cache_I a key of so many words has its place. */
P4K_INLINE uint32_t p4k_cached_at(const uint64_t *key, uint32_t words, const struct p4k_work *w)
{
	uint64_t hash = w->slot;

	for (uint32_t i = 0; i < words; i++)
		hash = (hash ^ key[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> (64 - P4K_BPF_CACHE_BITS)); /* which all bits of the key have to do with */
}

P4K_INLINE bool p4k_is_key(const uint64_t *a, const uint64_t *b, uint32_t words)
{
	uint64_t differing = 0;

	for (uint32_t i = 0; i < words; i++)
		differing |= a[i] ^ b[i];
	return differing == 0;
}

/*
 * Nobody's while it is being written. The slot, by which the table is found, becomes that of `owner`: so what is read of the
 * table depends on the generation that was read, and no processor reads it first.
 */
P4K_INLINE void p4k_disown(uint64_t *at, uint64_t owner, struct p4k_work *w)
{
	p4k_hide(owner);
	*(volatile uint64_t *)at = 0;
	*(volatile uint32_t *)&w->slot = (uint32_t)owner - 1;
}

/* --- counters ----------------------------------------------------------------------------- */

P4K_INLINE void p4k_add(struct p4k_bpf_cell *cell, uint32_t bytes)
{
	if (cell) {
		__sync_fetch_and_add(&cell->packets, 1);
		__sync_fetch_and_add(&cell->bytes, bytes);
	}
}

P4K_INLINE void p4k_count(void *outer, const struct p4k_work *w, uint32_t index)
{
	void *cells = bpf_map_lookup_elem(outer, &w->slot);

	if (cells)
		p4k_add(bpf_map_lookup_elem(cells, &index), w->length);
}

#define p4k_count_entry(outer, w, entry) p4k_add(p4k_own_cell(outer, w, entry), (w)->length)

P4K_INLINE void p4k_count_drop(const struct p4k_work *w, uint32_t reason)
{
	uint32_t index = w->slot * P4K_BPF_DROPS + reason;
	uint64_t *cell = bpf_map_lookup_elem(&drops, &index);

	if (cell)
		(*cell)++;
}

/* --- registers ------------------------------------------------------------------------------ */

/* A cell of a device's array; NULL beyond its size. */
P4K_INLINE void *p4k_cell(void *outer, const struct p4k_work *w, uint64_t index)
{
	void *cells = bpf_map_lookup_elem(outer, &w->slot);
	uint32_t at = (uint32_t)index;

	return cells && index <= UINT32_MAX ? bpf_map_lookup_elem(cells, &at) : NULL;
}

/* Beyond the size a read gives zero and a write does nothing. */
#define P4K_REGISTER(width, type)                                                                  \
	P4K_INLINE type p4k_read_register_##width(void *outer, const struct p4k_work *w, uint64_t index) \
	{                                                                                          \
		const volatile type *cell = p4k_cell(outer, w, index);                             \
                                                                                                   \
		return cell ? *cell : 0;                                                           \
	}                                                                                          \
	P4K_INLINE void p4k_write_register_##width(void *outer, const struct p4k_work *w, uint64_t index, type value) \
	{                                                                                          \
		volatile type *cell = p4k_cell(outer, w, index);                                   \
                                                                                                   \
		if (cell)                                                                          \
			*cell = value;                                                             \
	}

P4K_REGISTER(8, uint8_t)
P4K_REGISTER(16, uint16_t)
P4K_REGISTER(32, uint32_t)
P4K_REGISTER(64, uint64_t)
P4K_REGISTER(128, p4k_u128)

/* --- events ----------------------------------------------------------------------------------- */

#if P4K_EVENTS

P4K_INLINE void p4k_count_lost(const struct p4k_work *w)
{
	const uint32_t all = P4K_BPF_SLOTS;
	uint64_t *cell = bpf_map_lookup_elem(&lost_events, &w->slot);

	if (cell)
		(*cell)++;
	cell = bpf_map_lookup_elem(&lost_events, &all);
	if (cell)
		(*cell)++;
}

/* A digest's event, whose data are yet to be written; `bytes` is a constant. NULL: there is no room. */
P4K_INLINE struct p4k_event *p4k_new_digest(const struct p4k_work *w, uint32_t index, uint32_t bytes)
{
	struct p4k_event *event = bpf_ringbuf_reserve(&events, sizeof(*event) + bytes, 0);

	if (!event) {
		p4k_count_lost(w);
		return NULL;
	}
	event->device = w->slot;
	event->kind = P4K_EVENT_DIGEST;
	event->index = index;
	event->length = bytes;
	return event;
}

/* The packet as it is, to whoever has subscribed. */
P4K_INLINE void p4k_packet_in(struct __sk_buff *skb, const struct p4k_work *w, uint32_t port)
{
	const uint32_t first = 0;
	struct p4k_packet_in *event = bpf_map_lookup_elem(&packet_in, &first);
	uint64_t bytes = *(volatile uint32_t *)&skb->len;

	if (p4k_load.test)
		bytes = *(volatile uint32_t *)&skb->cb[P4K_BPF_CB_LENGTH];
	if (!event || !p4k_between(bytes, 1, P4K_BPF_PACKET_IN_BYTES) ||
	    bpf_skb_load_bytes(skb, 0, event->bytes, (uint32_t)bytes)) {
		p4k_count_lost(w);
		return;
	}
	event->head.device = w->slot;
	event->head.kind = P4K_EVENT_PACKET_IN;
	event->head.index = port;
	event->head.length = (uint32_t)bytes;
	if (bpf_ringbuf_output(&events, event, sizeof(event->head) + bytes, 0))
		p4k_count_lost(w);
}

#endif

/* --- the packet --------------------------------------------------------------------------- */

/* The first bytes of the packet, at most `most`, without any that a test padded it with. */
P4K_INLINE uint32_t p4k_read_front(struct __sk_buff *skb, uint8_t *to, uint32_t length, uint32_t most)
{
	uint64_t bytes = length < most ? length : most;

	if (!p4k_between(bytes, 1, most))
		return 0;
	return bpf_skb_load_bytes(skb, 0, to, (uint32_t)bytes) ? 0 : (uint32_t)bytes;
}

P4K_INLINE void p4k_start(struct __sk_buff *skb, struct p4k_work *w, struct p4k_buffers *b)
{
	/* Volatile: else clang reads by an address that it chose, which the kernel does not take. */
	w->length = *(volatile uint32_t *)&skb->len;
	if (p4k_load.test)
		w->length = *(volatile uint32_t *)&skb->cb[P4K_BPF_CB_LENGTH];
	w->port = *(volatile uint32_t *)&skb->cb[P4K_BPF_CB_PLACE];
	w->slot = w->port >> 16;
	w->port &= 0xffff;
#if P4K_WINDOW_BYTES
	p4k_read_front(skb, b->packet + P4K_ZEROS, w->length, P4K_WINDOW_BYTES);
#endif
}

/* Whether that many bytes are left for the parser; then p4k_here() is where they are. */
P4K_INLINE bool p4k_holds(struct __sk_buff *skb, struct p4k_work *w, struct p4k_buffers *b,
			  uint64_t bytes)
{
	const uint32_t cursor = w->cursor;

	if ((uint64_t)cursor + bytes > w->length)
		return false;
#if !P4K_WINDOW_BYTES
	if (__builtin_constant_p(bytes) && bytes)
		return !bpf_skb_load_bytes(skb, cursor, b->packet + P4K_ZEROS, (uint32_t)bytes);
#endif
	return true;
}

P4K_INLINE const uint8_t *p4k_here(struct p4k_work *w, struct p4k_buffers *b)
{
#if P4K_WINDOW_BYTES
	return b->packet + ((w->cursor + P4K_ZEROS) & (P4K_WINDOW - 1));
#else
	return b->packet + P4K_ZEROS;
#endif
}

/* Bytes of the window by what a header's place says: where it was found, or 0 for the zeros. */
#define p4k_head(place) (s->buffers.packet + p4k_bound(place))

P4K_INLINE uint32_t p4k_bound(uint32_t place)
{
	return place & (P4K_WINDOW - 1);
}

/* Change bytes of the window; what is there already is no change. */
P4K_INLINE void p4k_put(struct p4k_work *w, struct p4k_buffers *b, uint32_t place, uint32_t bytes,
			uint64_t value)
{
	uint8_t *at = b->packet + p4k_bound(place);

	if (bytes < 8)
		value &= p4k_mask(8 * bytes);
	if (p4k_load(at, bytes) == value)
		return;
	p4k_store(at, bytes, value);
	if (w->to == 0 || place < w->from)
		w->from = place;
	if (place + bytes > w->to)
		w->to = place + bytes;
}

P4K_INLINE uint8_t *p4k_out(struct p4k_work *w, struct p4k_buffers *b)
{
	return b->out + (w->used & (P4K_OUT - 1));
}

/* The sum of the 16-bit words behind what the parser has taken (RFC 1071), folded. */
P4K_INLINE uint16_t p4k_payload_sum(struct __sk_buff *skb, struct p4k_work *w, struct p4k_buffers *b)
{
	w->place = w->cursor;
	w->sum = 0;
	for (uint32_t i = 0; i < P4K_CHUNKS; i++) {
		const uint32_t place = w->place;
		uint64_t left = w->length > place ? w->length - place : 0;

		if (left >= P4K_CHUNK) {
			if (bpf_skb_load_bytes(skb, place, b->chunk, P4K_CHUNK))
				break;
			w->sum = (uint32_t)bpf_csum_diff(NULL, 0, (__be32 *)b->chunk, P4K_CHUNK, w->sum);
			w->place = place + P4K_CHUNK;
			continue;
		}
		if (!p4k_between(left, 1, P4K_CHUNK - 1))
			break;
		__builtin_memset(b->chunk, 0, P4K_CHUNK);
		if (bpf_skb_load_bytes(skb, place, b->chunk, (uint32_t)left))
			break;
		w->sum = (uint32_t)bpf_csum_diff(NULL, 0, (__be32 *)b->chunk, P4K_CHUNK, w->sum);
		break;
	}
	return p4k_swap(p4k_fold(w->sum));
}

/* --- varbits: arrays of the most bytes that there can be, zero behind those that there are --- */

/* Bytes [place, place + bytes) of the packet, at most `most`, of which `to` has room. */
P4K_INLINE bool p4k_read_varying(struct __sk_buff *skb, uint32_t place, uint8_t *to, uint64_t bytes,
				 uint32_t most)
{
	if (bytes == 0)
		return true;
	return p4k_between(bytes, 1, most) && !bpf_skb_load_bytes(skb, place, to, (uint32_t)bytes);
}

P4K_INLINE bool p4k_same(const uint8_t *a, const uint8_t *b, uint32_t bytes)
{
	uint32_t differing = 0;

	for (uint32_t i = 0; i < bytes; i++)
		differing |= a[i] ^ b[i];
	return differing == 0;
}

P4K_INLINE uint64_t p4k_sum_of(const uint8_t *at, uint32_t bytes)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	return bytes % 2 ? sum + ((uint32_t)at[bytes - 1] << 8) : sum;
}

#define p4k_varbits_equal(bits, bytes, other_bits, other_bytes) \
	((bits) == (other_bits) && p4k_same(bytes, other_bytes, sizeof(bytes)))
#define p4k_sum(bytes, size) p4k_sum_of(bytes, sizeof(bytes))

#include "p4k_bpf_transport.h"

/* --- back into the packet ----------------------------------------------------------------- */

/* Headers stayed where they are: store what changed of them. */
P4K_INLINE bool p4k_store_changes(struct __sk_buff *skb, struct p4k_work *w, struct p4k_buffers *b)
{
	struct p4k_differences d;
	uint64_t from = w->from, bytes;
	uint32_t was;

	if (P4K_LIKELY(w->to == 0))
		return true;
	was = p4k_read_front(skb, b->old, w->length, P4K_OLD / 2);
	p4k_differ(b->old, was, b->packet + P4K_ZEROS, w->cursor, &d);
	bytes = w->to - from;
	from -= P4K_ZEROS;
	if (!p4k_between(from, 0, P4K_WINDOW - 1) || !p4k_between(bytes, 1, P4K_WINDOW))
		return false;
#if P4K_WINDOW_BYTES
	/* The verifier does not know that both together are within the window. */
	if (from + bytes > P4K_WINDOW_BYTES)
		return false;
#endif
	if (bpf_skb_store_bytes(skb, (uint32_t)from, b->packet + P4K_ZEROS + from, (uint32_t)bytes, 0))
		return false;
	p4k_tell(skb, &d);
	return true;
}

/* Move all behind the cursor to the front by so many bytes, and cut the end off. */
P4K_INLINE bool p4k_draw_up(struct __sk_buff *skb, struct p4k_work *w, struct p4k_buffers *b,
			    uint32_t by)
{
	w->place = w->cursor;
	for (uint32_t i = 0; i < P4K_CHUNKS; i++) {
		const uint32_t place = w->place;
		uint64_t left = w->length > place ? w->length - place : 0;

		if (left > P4K_CHUNK)
			left = P4K_CHUNK;
		if (!p4k_between(left, 1, P4K_CHUNK))
			break;
		if (bpf_skb_load_bytes(skb, place, b->chunk, (uint32_t)left) ||
		    bpf_skb_store_bytes(skb, place - by, b->chunk, (uint32_t)left, 0))
			return false;
		w->place = place + (uint32_t)left;
	}
	if (p4k_load.test)
		return true; /* whose packets may end before their bytes do */
	return !bpf_skb_change_tail(skb, w->length - by, 0);
}

/* Put the emitted headers in the place of those that the parser took; false: there is no room. */
P4K_INLINE bool p4k_rewrite(struct __sk_buff *skb, struct p4k_work *w, struct p4k_buffers *b)
{
	const uint32_t used = w->used, cursor = w->cursor;
	struct p4k_differences d;
	uint64_t bytes = used;
	uint32_t was;

	was = p4k_read_front(skb, b->old, w->length, P4K_OLD / 2);
	p4k_differ(b->old, was < cursor ? was : cursor, b->out, used, &d);
	if (used > cursor) {
		if (bpf_skb_change_head(skb, used - cursor, 0))
			return false;
	} else if (used < cursor) {
		const int32_t change = (int32_t)(used - cursor);

		if (p4k_load.test || bpf_skb_adjust_room(skb, change, BPF_ADJ_ROOM_MAC, 0))
			if (!p4k_draw_up(skb, w, b, cursor - used))
				return false;
	}
	if (p4k_between(bytes, 1, P4K_OUT) && bpf_skb_store_bytes(skb, 0, b->out, (uint32_t)bytes, 0))
		return false;
	p4k_tell(skb, &d);
	if (p4k_load.test)
		skb->cb[P4K_BPF_CB_LENGTH] = w->length - cursor + used;
	return true;
}

#include "p4k_bpf_exit.h"

#endif
