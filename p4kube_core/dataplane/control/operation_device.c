/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <limits.h>

#include "device.h"
#include "field.h"
#include "message.h"
#include "port.h"

int op_device_add(const struct request *request, struct answer *answer, struct failure *why)
{
	struct program_file file = {.manifest = request->blob, .manifest_length = request->blob_length};
	const char *name;
	uint64_t id;

	if (json_object_get(request->json, "like")) {
		file.like = wanted_device(request, "like", why);
		if (!file.like)
			return -1;
	}
	if (field_number(request->json, "id", 1, INT64_MAX, &id, why) != 0 ||
	    field_string(request->json, "object", PATH_MAX - 1, &file.path, why) != 0 ||
	    field_string(request->json, "name", DEVICE_NAME_MAX - 1, &name, why) != 0 ||
	    device_add(id, &file, name, why) != 0)
		return -1;
	device_declare(device_find(id), answer->json);
	return 0;
}

static bool is_wired(const struct device *device)
{
	const struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->device == device)
			return true;
	return false;
}

/* Another device, made and filled before, takes the place: no packet meets it half done. */
static int replace_by_staged(const struct request *request, struct device *old, struct failure *why)
{
	struct device *staged = wanted_device(request, "from", why);

	if (!staged)
		return -1;
	if (staged == old || is_wired(staged))
		return fail(why, FAIL_INVALID, "from: want another device, without ports");
	return device_exchange(old, staged, why) == 0 ? device_remove(old, why) : -1;
}

int op_device_replace(const struct request *request, struct answer *answer, struct failure *why)
{
	struct device *device = wanted_device(request, "id", why);
	struct program_file file = {.manifest = request->blob, .manifest_length = request->blob_length};
	uint64_t id;

	if (!device)
		return -1;
	id = device->id;
	if (json_object_get(request->json, "from")) {
		if (replace_by_staged(request, device, why) != 0)
			return -1;
	} else if (field_string(request->json, "object", PATH_MAX - 1, &file.path, why) != 0 ||
		   device_replace(device, &file, why) != 0) {
		return -1;
	}
	device_declare(device_find(id), answer->json);
	return 0;
}

int op_device_remove(const struct request *request, struct answer *answer, struct failure *why)
{
	struct device *device = wanted_device(request, "id", why);

	(void)answer;
	return device ? device_remove(device, why) : -1;
}

int op_device_list(const struct request *request, struct answer *answer, struct failure *why)
{
	json_t *list = json_array();
	struct device *device;

	(void)request, (void)why;
	LIST_FOREACH(device, &devices, next)
		json_array_append_new(list, device_describe(device));
	json_object_set_new(answer->json, "devices", list);
	return 0;
}
