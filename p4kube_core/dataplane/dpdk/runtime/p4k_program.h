/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What generated programs are made of: bit fields in packets, exact-width arithmetic, keys,
 * checksums, header stacks. Nothing here allocates, locks or reads past what it is given.
 *
 * Values are held in host order, right-aligned, bits above their width zero (bit<W>) or copies
 * of the sign (int<W>). Widths and offsets are constants wherever these are called, so that each call folds
 * to a few instructions.
 */
#ifndef P4K_PROGRAM_H
#define P4K_PROGRAM_H

#include <string.h>

#include "p4k.h"
#include "p4k_table.h"

#define P4K_INLINE static inline __attribute__((always_inline, unused))
#define P4K_LIKELY(x) __builtin_expect(!!(x), 1)
#define P4K_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define P4K_EXPORT __attribute__((visibility("default")))

#ifdef P4K_HEADERS
/* The digest of these headers as the program saw them: the data plane takes those alone that saw its own. */
P4K_EXPORT const char p4k_headers[] = P4K_HEADERS;
#endif

#define P4K_AHEAD 4 /* packets that are fetched before their turn */

typedef unsigned __int128 p4k_u128;
typedef __int128 p4k_i128;

#define P4K_U128(high, low) ((p4k_u128)(high) << 64 | (uint64_t)(low))

/* --- bytes in network order ------------------------------------------------------------- */

P4K_INLINE uint16_t p4k_load16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return __builtin_bswap16(value);
}

P4K_INLINE uint32_t p4k_load32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return __builtin_bswap32(value);
}

P4K_INLINE uint64_t p4k_load64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return __builtin_bswap64(value);
}

/* Read 1 to 8 bytes, no byte more. */
P4K_INLINE uint64_t p4k_load(const uint8_t *at, unsigned int bytes)
{
	switch (bytes) {
	case 1:
		return at[0];
	case 2:
		return p4k_load16(at);
	case 3:
		return (uint64_t)p4k_load16(at) << 8 | at[2];
	case 4:
		return p4k_load32(at);
	case 5:
		return (uint64_t)p4k_load32(at) << 8 | at[4];
	case 6:
		return (uint64_t)p4k_load32(at) << 16 | p4k_load16(at + 4);
	case 7:
		return (uint64_t)p4k_load32(at) << 24 | (uint64_t)p4k_load16(at + 4) << 8 | at[6];
	default:
		return p4k_load64(at);
	}
}

/* Read 1 to 8 bytes of an entry's data, behind which P4K_DATA_SLACK more may be read. */
P4K_INLINE uint64_t p4k_load_data(const uint8_t *at, unsigned int bytes)
{
	if (bytes == 1 || bytes == 2 || bytes == 4)
		return p4k_load(at, bytes);
	return p4k_load64(at) >> (64 - 8 * bytes);
}

/* Read 9 to 16 bytes. */
P4K_INLINE p4k_u128 p4k_load_wide(const uint8_t *at, unsigned int bytes)
{
	return (p4k_u128)p4k_load(at, bytes - 8) << 64 | p4k_load64(at + bytes - 8);
}

P4K_INLINE void p4k_store16(uint8_t *at, uint16_t value)
{
	value = __builtin_bswap16(value);
	memcpy(at, &value, sizeof(value));
}

P4K_INLINE void p4k_store32(uint8_t *at, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(at, &value, sizeof(value));
}

P4K_INLINE void p4k_store64(uint8_t *at, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(at, &value, sizeof(value));
}

/* Write the low 1 to 8 bytes of a value. */
P4K_INLINE void p4k_store(uint8_t *at, unsigned int bytes, uint64_t value)
{
	uint64_t word;

	switch (bytes) {
	case 1:
		at[0] = (uint8_t)value;
		break;
	case 2:
		p4k_store16(at, (uint16_t)value);
		break;
	case 4:
		p4k_store32(at, (uint32_t)value);
		break;
	default:
		/* One swap for all, which cancels out with that of a value just loaded. */
		word = __builtin_bswap64(value << (64 - 8 * bytes));
		memcpy(at, &word, bytes);
		break;
	}
}

/* Write the low 9 to 16 bytes of a value. */
P4K_INLINE void p4k_store_wide(uint8_t *at, unsigned int bytes, p4k_u128 value)
{
	p4k_store(at, bytes - 8, (uint64_t)(value >> 64));
	p4k_store64(at + bytes - 8, (uint64_t)value);
}

/* A word of a key or of data: the value's first byte in network order comes first in memory. */
P4K_INLINE uint64_t p4k_word(uint64_t value)
{
	return __builtin_bswap64(value);
}

/* --- exact widths ----------------------------------------------------------------------- */

/* The lowest width bits, 1 to 64. */
P4K_INLINE uint64_t p4k_mask(unsigned int width)
{
	return ~UINT64_C(0) >> (64 - width);
}

/* The lowest width bits, 1 to 128. */
P4K_INLINE p4k_u128 p4k_mask_wide(unsigned int width)
{
	return ~(p4k_u128)0 >> (128 - width);
}

/* Copy bit width - 1 into all bits above it; width 1 to 64. */
P4K_INLINE int64_t p4k_signed(uint64_t value, unsigned int width)
{
	return (int64_t)(value << (64 - width)) >> (64 - width);
}

/* Copy bit width - 1 into all bits above it; width 1 to 128. */
P4K_INLINE p4k_i128 p4k_signed_wide(p4k_u128 value, unsigned int width)
{
	return (p4k_i128)(value << (128 - width)) >> (128 - width);
}

/* Shifts by an amount known only at run time: by the width or more leaves nothing, or the sign. */
P4K_INLINE uint64_t p4k_shl(uint64_t value, uint64_t by)
{
	return by < 64 ? value << by : 0;
}

P4K_INLINE uint64_t p4k_shr(uint64_t value, uint64_t by)
{
	return by < 64 ? value >> by : 0;
}

P4K_INLINE int64_t p4k_sar(int64_t value, uint64_t by)
{
	return value >> (by < 63 ? by : 63);
}

P4K_INLINE p4k_u128 p4k_shl_wide(p4k_u128 value, p4k_u128 by)
{
	return by < 128 ? value << (unsigned int)by : 0;
}

P4K_INLINE p4k_u128 p4k_shr_wide(p4k_u128 value, p4k_u128 by)
{
	return by < 128 ? value >> (unsigned int)by : 0;
}

P4K_INLINE p4k_i128 p4k_sar_wide(p4k_i128 value, p4k_u128 by)
{
	return value >> (unsigned int)(by < 127 ? by : 127);
}

P4K_INLINE p4k_u128 p4k_mul_wide(p4k_u128 a, p4k_u128 b)
{
	return a * b;
}

/* Saturating sums and differences of bit<W> and int<W>, both operands in range. */
P4K_INLINE uint64_t p4k_sat_add(uint64_t a, uint64_t b, unsigned int width)
{
	const uint64_t most = p4k_mask(width);

	return b > most - a ? most : a + b;
}

P4K_INLINE uint64_t p4k_sat_sub(uint64_t a, uint64_t b)
{
	return b > a ? 0 : a - b;
}

P4K_INLINE p4k_u128 p4k_sat_add_wide(p4k_u128 a, p4k_u128 b, unsigned int width)
{
	const p4k_u128 most = p4k_mask_wide(width);

	return b > most - a ? most : a + b;
}

P4K_INLINE p4k_u128 p4k_sat_sub_wide(p4k_u128 a, p4k_u128 b)
{
	return b > a ? 0 : a - b;
}

P4K_INLINE int64_t p4k_sat_add_signed(int64_t a, int64_t b, unsigned int width)
{
	const int64_t most = (int64_t)(p4k_mask(width) >> 1);
	const int64_t least = -most - 1;
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? least : most;
	return sum > most ? most : sum < least ? least : sum;
}

P4K_INLINE int64_t p4k_sat_sub_signed(int64_t a, int64_t b, unsigned int width)
{
	const int64_t most = (int64_t)(p4k_mask(width) >> 1);
	const int64_t least = -most - 1;
	int64_t difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return b < 0 ? most : least;
	return difference > most ? most : difference < least ? least : difference;
}

P4K_INLINE p4k_i128 p4k_sat_add_signed_wide(p4k_i128 a, p4k_i128 b, unsigned int width)
{
	const p4k_i128 most = (p4k_i128)(p4k_mask_wide(width) >> 1);
	const p4k_i128 least = -most - 1;
	p4k_i128 sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? least : most;
	return sum > most ? most : sum < least ? least : sum;
}

P4K_INLINE p4k_i128 p4k_sat_sub_signed_wide(p4k_i128 a, p4k_i128 b, unsigned int width)
{
	const p4k_i128 most = (p4k_i128)(p4k_mask_wide(width) >> 1);
	const p4k_i128 least = -most - 1;
	p4k_i128 difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return b < 0 ? most : least;
	return difference > most ? most : difference < least ? least : difference;
}

/* Division and modulo: by zero they give zero; the least value by -1 is left to the caller to wrap. */
P4K_INLINE uint64_t p4k_div(uint64_t a, uint64_t b)
{
	return b ? a / b : 0;
}

P4K_INLINE uint64_t p4k_mod(uint64_t a, uint64_t b)
{
	return b ? a % b : 0;
}

P4K_INLINE p4k_u128 p4k_div_wide(p4k_u128 a, p4k_u128 b)
{
	return b ? a / b : 0;
}

P4K_INLINE p4k_u128 p4k_mod_wide(p4k_u128 a, p4k_u128 b)
{
	return b ? a % b : 0;
}

P4K_INLINE int64_t p4k_div_signed(int64_t a, int64_t b)
{
	if (b == -1)
		return (int64_t)-(uint64_t)a;
	return b ? a / b : 0;
}

P4K_INLINE int64_t p4k_mod_signed(int64_t a, int64_t b)
{
	return b && b != -1 ? a % b : 0;
}

P4K_INLINE p4k_i128 p4k_div_signed_wide(p4k_i128 a, p4k_i128 b)
{
	if (b == -1)
		return (p4k_i128)-(p4k_u128)a;
	return b ? a / b : 0;
}

P4K_INLINE p4k_i128 p4k_mod_signed_wide(p4k_i128 a, p4k_i128 b)
{
	return b && b != -1 ? a % b : 0;
}

P4K_INLINE uint32_t p4k_least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* --- the packet ------------------------------------------------------------------------- */

/* Where the parser stands: [at, end) has not been looked at yet. */
struct p4k_cursor {
	const uint8_t *at;
	const uint8_t *end;
};

P4K_INLINE bool p4k_holds(const struct p4k_cursor *cursor, uint64_t bytes)
{
	return P4K_LIKELY((uint64_t)(cursor->end - cursor->at) >= bytes);
}

/* Whether two varbits, whose bits are whole bytes, are of one size and the same. */
static inline __attribute__((unused)) bool p4k_varbits_equal(uint32_t bits, const uint8_t *bytes, uint32_t other_bits,
							     const uint8_t *other_bytes)
{
	return bits == other_bits && memcmp(bytes, other_bytes, bits / 8) == 0;
}

/*
 * Put the packet's first byte `length` bytes before `payload`, which stays where it is. NULL, and nothing
 * is changed, if there is no room for so much.
 */
P4K_INLINE uint8_t *p4k_make_room(struct p4k_packet *packet, const uint8_t *payload, uint32_t length)
{
	const uint32_t taken = (uint32_t)(payload - packet->data);
	const uint32_t room = packet->headroom + taken;

	if (P4K_UNLIKELY(length > room))
		return NULL;
	packet->data += taken;
	packet->data -= length;
	packet->length = packet->length - taken + length;
	packet->headroom = room - length;
	return packet->data;
}

/* --- ones-complement checksum (RFC 1071) ------------------------------------------------ */

/* Fold a sum of 16-bit words (or of wider words, each a whole number of 16-bit ones) to 16 bits. */
P4K_INLINE uint16_t p4k_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The sum of words whose bytes stand the other way round. */
P4K_INLINE uint16_t p4k_swap(uint16_t sum)
{
	return __builtin_bswap16(sum);
}

/* Sum of the 16-bit words of some bytes, an odd last one padded with zero; at most 2^48 bytes. */
static inline __attribute__((unused)) uint64_t p4k_sum(const uint8_t *at, size_t bytes)
{
	uint64_t sum = 0;

	for (; bytes >= 8; bytes -= 8, at += 8) {
		const uint64_t word = p4k_load64(at);

		sum += (word >> 32) + (word & 0xffffffff);
	}
	for (; bytes >= 2; bytes -= 2, at += 2)
		sum += p4k_load16(at);
	if (bytes)
		sum += (uint64_t)at[0] << 8;
	return sum;
}

/* --- counters, drops -------------------------------------------------------------------------- */

/* Why a packet was dropped, by drop index. */
enum p4k_drop { P4K_DROP_MALFORMED, P4K_DROP_INGRESS, P4K_DROP_EGRESS, P4K_DROP_NO_ROOM };

P4K_INLINE void p4k_count(struct p4k_cell *cells, uint64_t index, uint32_t bytes)
{
	cells[index].packets++;
	cells[index].bytes += bytes;
}

#endif
