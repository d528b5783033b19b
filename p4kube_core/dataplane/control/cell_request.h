/* SPDX-License-Identifier: Apache-2.0 */
/* The cells of a counter, a meter or a register that a request names. */
#ifndef P4K_CONTROL_CELL_REQUEST_H
#define P4K_CONTROL_CELL_REQUEST_H

#include "device.h"
#include "message.h"

struct cells {
	struct device *device;
	unsigned int index; /* of the counter, meter or register */
	uint32_t first;
};

/* Name and cells of the device's array of this index; false: there is none. */
typedef bool (*array_of)(const struct device *device, uint64_t index, const char **name,
			 uint32_t *size);

/* Reads device, the index (field `kind`) and first; `count` cells must be there from that on. */
int cells_read(const struct request *request, const char *kind, array_of find, uint64_t count,
	       struct cells *cells, struct failure *why);

/* How many cells of so many bytes a request wants to read: field `count`, and room for them in the answer. */
int cells_answer(const struct request *request, size_t each, struct answer *answer, uint64_t *count,
		 struct failure *why);

/* How many cells of so many bytes a request's blob holds. */
int cells_given(const struct request *request, size_t each, uint64_t *count, struct failure *why);

/* Cells of a direct counter or meter of this table; of any other, its size. */
static inline uint32_t cells_of(const struct p4k_program *program, int32_t table, uint32_t size)
{
	return table >= 0 ? program->tables[table].size + 1 : size;
}

/*
 * What each data plane brings: a cell that is there, in memory that packets work on too. A register's has
 * p4k_register_bytes(), in host order.
 */
struct p4k_meter_cell *meter_cell(const struct device *device, unsigned int index, uint32_t cell);
void *register_cell(const struct device *device, unsigned int index, uint32_t cell);

#endif
