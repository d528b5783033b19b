/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What generated programs do with registers: beyond the size a read gives zero and a write does nothing.
 */
#ifndef P4K_REGISTER_H
#define P4K_REGISTER_H

#include "p4k_program.h"

/* A cell is read or written whole, whatever other workers do. */
#define P4K_REGISTER(width, type)                                                                   \
	P4K_INLINE type p4k_read_register_##width(const void *cells, uint32_t size, uint64_t index) \
	{                                                                                           \
		return index < size ? __atomic_load_n((const type *)cells + index, __ATOMIC_RELAXED) : 0; \
	}                                                                                           \
	P4K_INLINE void p4k_write_register_##width(void *cells, uint32_t size, uint64_t index, type value) \
	{                                                                                           \
		if (index < size)                                                                   \
			__atomic_store_n((type *)cells + index, value, __ATOMIC_RELAXED);           \
	}

P4K_REGISTER(8, uint8_t)
P4K_REGISTER(16, uint16_t)
P4K_REGISTER(32, uint32_t)
P4K_REGISTER(64, uint64_t)

/* Wider than the machine's words: two workers may mix their halves. */
P4K_INLINE p4k_u128 p4k_read_register_128(const void *cells, uint32_t size, uint64_t index)
{
	return index < size ? ((const p4k_u128 *)cells)[index] : 0;
}

P4K_INLINE void p4k_write_register_128(void *cells, uint32_t size, uint64_t index, p4k_u128 value)
{
	if (index < size)
		((p4k_u128 *)cells)[index] = value;
}

#endif
