/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in network order and exact-width arithmetic for generated BPF. The names and meanings are those of
 * target dpdk's p4k_program.h; what differs is what the machine lacks: signed division, products
 * and quotients of 128 bits, and any call to a library.
 *
 * Words are read and written whole wherever they stand: kernels with eBPF on the machines that we
 * claim take that in packets and maps. On the stack all is aligned.
 */
#ifndef P4K_BPF_ARITHMETIC_H
#define P4K_BPF_ARITHMETIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P4K_INLINE static inline __attribute__((always_inline, unused))
#define P4K_LIKELY(x) __builtin_expect(!!(x), 1)
#define P4K_UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef unsigned __int128 p4k_u128;
typedef __int128 p4k_i128;

#define P4K_U128(high, low) ((p4k_u128)(high) << 64 | (uint64_t)(low))

/* --- bytes in network order ------------------------------------------------------------- */

P4K_INLINE uint16_t p4k_load16(const uint8_t *at)
{
	return __builtin_bswap16(*(const uint16_t *)at);
}

P4K_INLINE uint32_t p4k_load32(const uint8_t *at)
{
	return __builtin_bswap32(*(const uint32_t *)at);
}

P4K_INLINE uint64_t p4k_load64(const uint8_t *at)
{
	return __builtin_bswap64(*(const uint64_t *)at);
}

/* Read 1 to 8 bytes, no byte more. */
P4K_INLINE uint64_t p4k_load_bytes(const uint8_t *at, unsigned int bytes)
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

/* The name without arguments is that of the object's settings (p4k_bpf.h). */
#define p4k_load(at, bytes) p4k_load_bytes(at, bytes)

/* Read 9 to 16 bytes. */
P4K_INLINE p4k_u128 p4k_load_wide(const uint8_t *at, unsigned int bytes)
{
	return (p4k_u128)p4k_load(at, bytes - 8) << 64 | p4k_load64(at + bytes - 8);
}

P4K_INLINE void p4k_store16(uint8_t *at, uint16_t value)
{
	*(uint16_t *)at = __builtin_bswap16(value);
}

P4K_INLINE void p4k_store32(uint8_t *at, uint32_t value)
{
	*(uint32_t *)at = __builtin_bswap32(value);
}

P4K_INLINE void p4k_store64(uint8_t *at, uint64_t value)
{
	*(uint64_t *)at = __builtin_bswap64(value);
}

/* Write the low 1 to 8 bytes of a value. */
P4K_INLINE void p4k_store(uint8_t *at, unsigned int bytes, uint64_t value)
{
	switch (bytes) {
	case 1:
		at[0] = (uint8_t)value;
		break;
	case 2:
		p4k_store16(at, (uint16_t)value);
		break;
	case 3:
		p4k_store16(at, (uint16_t)(value >> 8));
		at[2] = (uint8_t)value;
		break;
	case 4:
		p4k_store32(at, (uint32_t)value);
		break;
	case 5:
		p4k_store32(at, (uint32_t)(value >> 8));
		at[4] = (uint8_t)value;
		break;
	case 6:
		p4k_store32(at, (uint32_t)(value >> 16));
		p4k_store16(at + 4, (uint16_t)value);
		break;
	case 7:
		p4k_store32(at, (uint32_t)(value >> 24));
		p4k_store16(at + 4, (uint16_t)(value >> 8));
		at[6] = (uint8_t)value;
		break;
	default:
		p4k_store64(at, value);
		break;
	}
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

/* The lowest width bits, 65 to 128. */
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

/* Written out in words of 64 bits: the machine's shifts take amounts below 64 only. */
P4K_INLINE p4k_u128 p4k_shl_wide(p4k_u128 value, p4k_u128 by)
{
	const uint64_t low = (uint64_t)value, high = (uint64_t)(value >> 64);
	const uint64_t n = by < 128 ? (uint64_t)by : 128;

	if (n >= 128)
		return 0;
	if (n >= 64)
		return P4K_U128(low << (n & 63), 0);
	if (n == 0)
		return value;
	return P4K_U128(high << n | low >> ((64 - n) & 63), low << n);
}

P4K_INLINE p4k_u128 p4k_shr_wide(p4k_u128 value, p4k_u128 by)
{
	const uint64_t low = (uint64_t)value, high = (uint64_t)(value >> 64);
	const uint64_t n = by < 128 ? (uint64_t)by : 128;

	if (n >= 128)
		return 0;
	if (n >= 64)
		return high >> (n & 63);
	if (n == 0)
		return value;
	return P4K_U128(high >> n, low >> n | high << ((64 - n) & 63));
}

P4K_INLINE p4k_i128 p4k_sar_wide(p4k_i128 value, p4k_u128 by)
{
	const p4k_u128 n = by < 127 ? by : 127;

	if (value >= 0)
		return (p4k_i128)p4k_shr_wide((p4k_u128)value, n);
	return (p4k_i128)~p4k_shr_wide(~(p4k_u128)value, n);
}

/* Products of words of 64 bits, by halves. */
P4K_INLINE p4k_u128 p4k_product(uint64_t a, uint64_t b)
{
	const uint64_t a0 = a & 0xffffffff, a1 = a >> 32;
	const uint64_t b0 = b & 0xffffffff, b1 = b >> 32;
	const uint64_t low = a0 * b0;
	const uint64_t middle = a1 * b0 + (low >> 32);
	const uint64_t other = a0 * b1 + (middle & 0xffffffff);

	return P4K_U128(a1 * b1 + (middle >> 32) + (other >> 32),
			other << 32 | (low & 0xffffffff));
}

P4K_INLINE p4k_u128 p4k_mul_wide(p4k_u128 a, p4k_u128 b)
{
	const uint64_t cross =
		(uint64_t)(a >> 64) * (uint64_t)b + (uint64_t)a * (uint64_t)(b >> 64);

	return p4k_product((uint64_t)a, (uint64_t)b) + P4K_U128(cross, 0);
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

	if (b > 0 && a > most - b)
		return most;
	if (b < 0 && a < least - b)
		return least;
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

P4K_INLINE int64_t p4k_sat_sub_signed(int64_t a, int64_t b, unsigned int width)
{
	const int64_t most = (int64_t)(p4k_mask(width) >> 1);
	const int64_t least = -most - 1;

	if (b < 0 && a > most + b)
		return most;
	if (b > 0 && a < least + b)
		return least;
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

P4K_INLINE p4k_i128 p4k_sat_add_signed_wide(p4k_i128 a, p4k_i128 b, unsigned int width)
{
	const p4k_i128 most = (p4k_i128)(p4k_mask_wide(width) >> 1);
	const p4k_i128 least = -most - 1;

	if (b > 0 && a > most - b)
		return most;
	if (b < 0 && a < least - b)
		return least;
	return (p4k_i128)((p4k_u128)a + (p4k_u128)b);
}

P4K_INLINE p4k_i128 p4k_sat_sub_signed_wide(p4k_i128 a, p4k_i128 b, unsigned int width)
{
	const p4k_i128 most = (p4k_i128)(p4k_mask_wide(width) >> 1);
	const p4k_i128 least = -most - 1;

	if (b < 0 && a > most + b)
		return most;
	if (b > 0 && a < least + b)
		return least;
	return (p4k_i128)((p4k_u128)a - (p4k_u128)b);
}

/* Division and modulo: by zero they give zero. */
P4K_INLINE uint64_t p4k_div(uint64_t a, uint64_t b)
{
	return b ? a / b : 0;
}

P4K_INLINE uint64_t p4k_mod(uint64_t a, uint64_t b)
{
	return b ? a % b : 0;
}

P4K_INLINE uint64_t p4k_size(int64_t a)
{
	return a < 0 ? -(uint64_t)a : (uint64_t)a;
}

P4K_INLINE int64_t p4k_div_signed(int64_t a, int64_t b)
{
	const uint64_t size = p4k_div(p4k_size(a), p4k_size(b));

	return (int64_t)((a < 0) != (b < 0) ? -size : size);
}

P4K_INLINE int64_t p4k_mod_signed(int64_t a, int64_t b)
{
	const uint64_t size = p4k_mod(p4k_size(a), p4k_size(b));

	return (int64_t)(a < 0 ? -size : size);
}

#ifdef P4K_WIDE_DIVISION
struct p4k_quotient {
	volatile uint64_t high, low; /* dividend, then quotient */
	volatile uint64_t by_high, by_low;
	volatile uint64_t rest_high, rest_low; /* zero at first */
};

/*
 * Bit by bit. Not static, and all in memory that the verifier does not follow, so that it looks at each of
 * the 128 turns once. Programs that divide no wide numbers leave it out.
 */
__attribute__((noinline)) int p4k_divide(struct p4k_quotient *q)
{
	if (!q)
		return 0;
	if (!(q->by_high | q->by_low)) {
		q->high = q->low = 0;
		return 0;
	}
	for (uint32_t bit = 0; bit < 128; bit++) {
		const uint64_t high = q->high, low = q->low, rest = q->rest_low;
		const uint64_t carry = q->rest_high >> 63;
		const uint64_t rest_high = q->rest_high << 1 | rest >> 63;
		const uint64_t rest_low = rest << 1 | high >> 63;
		const uint64_t by_high = q->by_high, by_low = q->by_low;
		const bool fits = carry || rest_high > by_high ||
				  (rest_high == by_high && rest_low >= by_low);

		q->high = high << 1 | low >> 63;
		q->low = low << 1 | fits;
		q->rest_high = fits ? rest_high - by_high - (rest_low < by_low) : rest_high;
		q->rest_low = fits ? rest_low - by_low : rest_low;
	}
	return 0;
}

P4K_INLINE p4k_u128 p4k_div_wide(p4k_u128 a, p4k_u128 b)
{
	struct p4k_quotient q = {a >> 64, (uint64_t)a, b >> 64, (uint64_t)b, 0, 0};

	p4k_divide(&q);
	return P4K_U128(q.high, q.low);
}

P4K_INLINE p4k_u128 p4k_mod_wide(p4k_u128 a, p4k_u128 b)
{
	struct p4k_quotient q = {a >> 64, (uint64_t)a, b >> 64, (uint64_t)b, 0, 0};

	p4k_divide(&q);
	return b ? P4K_U128(q.rest_high, q.rest_low) : 0;
}

P4K_INLINE p4k_u128 p4k_size_wide(p4k_i128 a)
{
	return a < 0 ? -(p4k_u128)a : (p4k_u128)a;
}

P4K_INLINE p4k_i128 p4k_div_signed_wide(p4k_i128 a, p4k_i128 b)
{
	const p4k_u128 size = p4k_div_wide(p4k_size_wide(a), p4k_size_wide(b));

	return (p4k_i128)((a < 0) != (b < 0) ? -size : size);
}

P4K_INLINE p4k_i128 p4k_mod_signed_wide(p4k_i128 a, p4k_i128 b)
{
	const p4k_u128 size = p4k_mod_wide(p4k_size_wide(a), p4k_size_wide(b));

	return (p4k_i128)(a < 0 ? -size : size);
}
#endif

P4K_INLINE uint32_t p4k_least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* --- hashes ------------------------------------------------------------------------------- */

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

#define p4k_crc16_start 0
#define p4k_crc32_start 0xffffffffU
#define p4k_xor16_start 0

/* CRC-16/ARC: polynomial 0x8005, reflected. */
P4K_INLINE uint16_t p4k_crc16(uint16_t crc, const uint8_t *at, uint32_t bytes)
{
	uint32_t sum = crc;

	for (uint32_t i = 0; i < bytes; i++) {
		sum ^= at[i];
		for (uint32_t bit = 0; bit < 8; bit++) {
			uint32_t odd = sum & 1;

			/* A product: of a mask clang, or the verifier, makes two ways. */
			__asm__ volatile("" : "+r"(odd));
			sum = sum >> 1 ^ odd * 0xa001;
		}
	}
	return (uint16_t)sum;
}

P4K_INLINE uint16_t p4k_crc16_end(uint16_t crc)
{
	return crc;
}

/* CRC-32 (IEEE 802.3): polynomial 0x04c11db7, reflected. */
P4K_INLINE uint32_t p4k_crc32(uint32_t crc, const uint8_t *at, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++) {
		crc ^= at[i];
		for (uint32_t bit = 0; bit < 8; bit++) {
			uint32_t odd = crc & 1;

			__asm__ volatile("" : "+r"(odd));
			crc = crc >> 1 ^ odd * 0xedb88320U;
		}
	}
	return crc;
}

P4K_INLINE uint32_t p4k_crc32_end(uint32_t crc)
{
	return ~crc;
}

P4K_INLINE uint16_t p4k_xor16(uint16_t sum, const uint8_t *at, uint32_t bytes)
{
	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		sum ^= p4k_load16(at + i);
	return bytes % 2 ? (uint16_t)(sum ^ at[bytes - 1] << 8) : sum;
}

P4K_INLINE uint16_t p4k_xor16_end(uint16_t sum)
{
	return sum;
}

#endif
