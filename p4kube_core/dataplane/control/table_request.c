/* SPDX-License-Identifier: Apache-2.0 */
#include "table_request.h"

#include <inttypes.h>

#include "field.h"

int target_read(const struct request *request, struct target *target, struct failure *why)
{
	struct device *device = wanted_device(request, "device", why);
	uint64_t index;

	if (!device || field_number(request->json, "table", 0, UINT16_MAX, &index, why) != 0)
		return -1;
	if (index >= device->program->n_tables)
		return fail(why, FAIL_NOT_FOUND, "device %" PRIu64 " has no table %" PRIu64,
			    device->id, index);
	*target = (struct target){
		.device = device,
		.spec = &device->program->tables[index],
		.table = device->tables[index],
		.direct = device->direct[index],
		.record_bytes = p4k_record_bytes(&device->program->tables[index]),
	};
	return 0;
}
