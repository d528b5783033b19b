/* SPDX-License-Identifier: Apache-2.0 */
/* Meters and registers as memory: their maps are mapped here. */
#include "cell_request.h"

#include "../../dpdk/runtime/p4k_meter.h"

struct p4k_meter_cell *meter_cell(const struct device *device, unsigned int index, uint32_t cell)
{
	return array_cell(&device->meters[index], cell);
}

void *register_cell(const struct device *device, unsigned int index, uint32_t cell)
{
	return array_cell(&device->registers[index], cell);
}
