/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes that generated programs compute over bytes, and random numbers.
 */
#ifndef P4K_HASH_H
#define P4K_HASH_H

#include "p4k_program.h"

/* --- hashes: start, any number of pieces, end ------------------------------------- */

#define p4k_crc16_start 0
#define p4k_crc32_start 0xffffffffU
#define p4k_xor16_start 0

/* CRC-16/ARC: polynomial 0x8005, reflected. */
static inline __attribute__((unused)) uint16_t p4k_crc16(uint16_t crc, const uint8_t *at, size_t bytes)
{
	for (; bytes; bytes--, at++) {
		crc ^= *at;
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc >> 1 ^ (crc & 1 ? 0xa001 : 0));
	}
	return crc;
}

P4K_INLINE uint16_t p4k_crc16_end(uint16_t crc)
{
	return crc;
}

/* CRC-32 (IEEE 802.3): polynomial 0x04c11db7, reflected. */
static inline __attribute__((unused)) uint32_t p4k_crc32(uint32_t crc, const uint8_t *at, size_t bytes)
{
	for (; bytes; bytes--, at++) {
		crc ^= *at;
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
	}
	return crc;
}

P4K_INLINE uint32_t p4k_crc32_end(uint32_t crc)
{
	return ~crc;
}

/* Pieces but the last are of an even number of bytes. */
static inline __attribute__((unused)) uint16_t p4k_xor16(uint16_t sum, const uint8_t *at, size_t bytes)
{
	for (; bytes >= 2; bytes -= 2, at += 2)
		sum ^= p4k_load16(at);
	return bytes ? (uint16_t)(sum ^ at[0] << 8) : sum;
}

P4K_INLINE uint16_t p4k_xor16_end(uint16_t sum)
{
	return sum;
}

/* --- random numbers --------------------------------------------------------------------------- */

/*
 * Any of low to high, both included; low <= high. No number is likelier than another by more than 2^-64 of the
 * span. The sequence (splitmix64) is the thread's own, and begins where the time says; it is nothing to
 * base secrets on.
 */
static inline __attribute__((unused)) uint64_t p4k_random(uint64_t now_ns, uint64_t low, uint64_t high)
{
	static _Thread_local uint64_t state; /* the worker's; 0: has not begun */
	const uint64_t span = high - low + 1;
	uint64_t word;

	if (P4K_UNLIKELY(state == 0))
		state = now_ns ^ (uint64_t)(uintptr_t)&state;
	state += UINT64_C(0x9e3779b97f4a7c15);
	word = state;
	word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
	word ^= word >> 31;
	/* A span of 2^64 has wrapped to nothing. */
	return span == 0 ? word : low + (uint64_t)((p4k_u128)word * span >> 64);
}

#endif
