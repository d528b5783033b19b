/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "bytes.h"
#include "cell_request.h"

#define VALUE_BYTES 8 /* on the socket, whatever the width */
#define WIDTH_MAX 64

static bool array_of_register(const struct device *device, uint64_t index, const char **name,
			      uint32_t *size)
{
	const struct p4k_program *program = device->program;

	if (index >= program->n_registers)
		return false;
	*name = program->registers[index].name;
	*size = program->registers[index].size;
	return true;
}

/* The cells of a register that is not too wide. */
static int registers_read(const struct request *request, uint64_t count, struct cells *cells,
			  const struct p4k_register_spec **spec, struct failure *why)
{
	if (cells_read(request, "register", array_of_register, count, cells, why) != 0)
		return -1;
	*spec = &cells->device->program->registers[cells->index];
	return (*spec)->width_bits <= WIDTH_MAX ?
		       0 :
		       fail(why, FAIL_UNSUPPORTED, "register '%s': want at most %d bits; it has %u",
			    (*spec)->name, WIDTH_MAX, (*spec)->width_bits);
}

static uint64_t load_value(const void *cell, size_t bytes)
{
	switch (bytes) {
	case 1:
		return __atomic_load_n((const uint8_t *)cell, __ATOMIC_RELAXED);
	case 2:
		return __atomic_load_n((const uint16_t *)cell, __ATOMIC_RELAXED);
	case 4:
		return __atomic_load_n((const uint32_t *)cell, __ATOMIC_RELAXED);
	default:
		return __atomic_load_n((const uint64_t *)cell, __ATOMIC_RELAXED);
	}
}

static void store_value(void *cell, size_t bytes, uint64_t value)
{
	switch (bytes) {
	case 1:
		__atomic_store_n((uint8_t *)cell, (uint8_t)value, __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_store_n((uint16_t *)cell, (uint16_t)value, __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n((uint32_t *)cell, (uint32_t)value, __ATOMIC_RELAXED);
		break;
	default:
		__atomic_store_n((uint64_t *)cell, value, __ATOMIC_RELAXED);
	}
}

int op_register_read(const struct request *request, struct answer *answer, struct failure *why)
{
	const struct p4k_register_spec *spec;
	struct cells cells;
	uint64_t count;

	if (cells_answer(request, VALUE_BYTES, answer, &count, why) != 0 ||
	    registers_read(request, count, &cells, &spec, why) != 0)
		return -1;
	for (uint64_t i = 0; i < count; i++)
		store64(answer->blob + i * VALUE_BYTES,
			load_value(register_cell(cells.device, cells.index,
						 cells.first + (uint32_t)i),
				   p4k_register_bytes(spec)));
	return 0;
}

int op_register_write(const struct request *request, struct answer *answer, struct failure *why)
{
	const struct p4k_register_spec *spec;
	struct cells cells;
	uint64_t count;

	(void)answer;
	if (cells_given(request, VALUE_BYTES, &count, why) != 0 ||
	    registers_read(request, count, &cells, &spec, why) != 0)
		return -1;
	for (uint64_t i = 0; i < count; i++)
		if (load64(request->blob + i * VALUE_BYTES) > UINT64_MAX >> (64 - spec->width_bits))
			return fail(why, FAIL_INVALID,
				    "register '%s': want values of %u bits; got %" PRIu64, spec->name,
				    spec->width_bits, load64(request->blob + i * VALUE_BYTES));
	for (uint64_t i = 0; i < count; i++)
		store_value(register_cell(cells.device, cells.index, cells.first + (uint32_t)i),
			    p4k_register_bytes(spec), load64(request->blob + i * VALUE_BYTES));
	return 0;
}
