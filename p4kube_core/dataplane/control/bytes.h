/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in network order, as in every blob. */
#ifndef P4K_CONTROL_BYTES_H
#define P4K_CONTROL_BYTES_H

#include <stdint.h>
#include <string.h>

#include "../dpdk/runtime/p4k.h"

static inline uint16_t load16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void store16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline uint32_t load32(const uint8_t *at)
{
	return (uint32_t)load16(at) << 16 | load16(at + 2);
}

static inline void store32(uint8_t *at, uint32_t value)
{
	store16(at, (uint16_t)(value >> 16));
	store16(at + 2, (uint16_t)value);
}

static inline uint64_t load64(const uint8_t *at)
{
	return (uint64_t)load32(at) << 32 | load32(at + 4);
}

static inline void store64(uint8_t *at, uint64_t value)
{
	store32(at, (uint32_t)(value >> 32));
	store32(at + 4, (uint32_t)value);
}

/* 16 bytes: packets, bytes. */
static inline struct p4k_cell load_cell(const uint8_t *at)
{
	return (struct p4k_cell){.packets = load64(at), .bytes = load64(at + 8)};
}

static inline void store_cell(uint8_t *at, struct p4k_cell cell)
{
	store64(at, cell.packets);
	store64(at + 8, cell.bytes);
}

#endif
