/* SPDX-License-Identifier: Apache-2.0 */
#include "cell_request.h"

#include <inttypes.h>
#include <stdlib.h>

#include "field.h"

#define CELLS_BYTES_MAX (MESSAGE_MAX / 2)

int cells_read(const struct request *request, const char *kind, array_of find, uint64_t count,
	       struct cells *cells, struct failure *why)
{
	struct device *device = wanted_device(request, "device", why);
	uint64_t index, first;
	const char *name;
	uint32_t size;

	if (!device || field_number(request->json, kind, 0, UINT16_MAX, &index, why) != 0 ||
	    field_number_or(request->json, "first", 0, UINT32_MAX, 0, &first, why) != 0)
		return -1;
	if (!find(device, index, &name, &size))
		return fail(why, FAIL_NOT_FOUND, "device %" PRIu64 " has no %s %" PRIu64, device->id,
			    kind, index);
	if (first > size || count > size - first)
		return fail(why, FAIL_INVALID,
			    "%s '%s' has %u cells; wanted %" PRIu64 " from %" PRIu64, kind, name, size,
			    count, first);
	*cells = (struct cells){device, (unsigned int)index, (uint32_t)first};
	return 0;
}

int cells_answer(const struct request *request, size_t each, struct answer *answer, uint64_t *count,
		 struct failure *why)
{
	if (field_number(request->json, "count", 0, CELLS_BYTES_MAX / each, count, why) != 0)
		return -1;
	answer->blob_length = *count * each;
	answer->blob = malloc(answer->blob_length + 1);
	return answer->blob ? 0 : fail(why, FAIL_FULL, "no memory for the answer");
}

int cells_given(const struct request *request, size_t each, uint64_t *count, struct failure *why)
{
	*count = request->blob_length / each;
	return request->blob_length % each == 0 ?
		       0 :
		       fail(why, FAIL_INVALID, "want %zu bytes a cell; got %zu bytes", each,
			    request->blob_length);
}
