/* SPDX-License-Identifier: Apache-2.0 */
#include "kept.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "device.h"
#include "field.h"
#include "message.h"
#include "pins.h"
#include "port.h"
#include "settings.h"


int kept_write(struct failure *why)
{
	json_t *all = json_pack("{s:[], s:[]}", "devices", "ports");
	struct device *device;
	char path[PATH_MAX];
	struct port *port;
	char *text;
	int ret;

	LIST_FOREACH(device, &devices, next)
		json_array_append_new(json_object_get(all, "devices"),
				      json_pack("{s:I, s:s, s:I}", "id", (json_int_t)device->id, "name",
						device->name, "generation",
						(json_int_t)device->generation));
	LIST_FOREACH(port, &ports, next)
		json_array_append_new(json_object_get(all, "ports"), port_keep(port));
	text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	if (!text)
		return fail(why, FAIL_FULL, "no memory for what is kept");
	kept_path(path, "wiring");
	ret = file_write(path, text, strlen(text), why);
	free(text);
	return ret;
}

static void find_device(const json_t *kept)
{
	struct failure why = {0};
	uint64_t id, generation;
	const char *name;

	if (field_number(kept, "id", 1, INT64_MAX, &id, &why) != 0 ||
	    field_number(kept, "generation", 1, INT64_MAX, &generation, &why) != 0 ||
	    field_string(kept, "name", DEVICE_NAME_MAX - 1, &name, &why) != 0 ||
	    device_find_again(id, name, generation, &why) != 0)
		say("a device of before cannot be taken up: %s", why.message);
}

static int start(void)
{
	struct failure why = {0};
	struct device *device;
	char path[PATH_MAX];
	const json_t *at;
	uint8_t *text;
	size_t length, i;
	json_t *kept;

	kept_path(path, "wiring");
	text = file_read(path, MESSAGE_MAX, &length, &why);
	if (!text)
		return 0; /* the first process here */
	kept = json_loadb((const char *)text, length, 0, NULL);
	free(text);
	json_array_foreach(json_object_get(kept, "devices"), i, at)
		find_device(at);
	json_array_foreach(json_object_get(kept, "ports"), i, at)
		if (port_find_again(at, &why) != 0)
			say("a port of before cannot be taken up: %s", why.message);
	LIST_FOREACH(device, &devices, next)
		ports_wire_again(device);
	json_decref(kept);
	return 0;
}

/* What is taken down after this is taken down for good; pins.c removes the file. */
static void stop(void)
{
}

const struct module kept_module = {.name = "kept", .start = start, .stop = stop};
