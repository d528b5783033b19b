/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <inttypes.h>
#include <string.h>

#include "event_ring.h"
#include "port.h"
#include "settings.h"
#include "wiring.h"

struct device_list devices = LIST_HEAD_INITIALIZER(devices);

struct device *device_find(uint64_t id)
{
	struct device *device;

	LIST_FOREACH(device, &devices, next)
		if (device->id == id)
			return device;
	return NULL;
}

int device_add(uint64_t id, const struct program_file *file, const char *name, struct failure *why)
{
	struct device *device;

	if (device_find(id))
		return fail(why, FAIL_EXISTS, "there is a device %" PRIu64 " already", id);
	device = device_make(id, file, name, file->like, why);
	if (!device)
		return -1;
	LIST_INSERT_HEAD(&devices, device, next);
	return 0;
}

static void rewire(const struct device *from, struct device *to)
{
	struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->device == from)
			port->device = to;
}

int device_replace(struct device *old, const struct program_file *file, struct failure *why)
{
	struct device *new = device_make(old->id, file, old->name, old, why);

	if (!new)
		return -1;
	rewire(old, new);
	if (wiring_publish(why) != 0) {
		rewire(new, old);
		device_free(new);
		return -1;
	}
	event_rings_drain(); /* what the old one said last */
	LIST_INSERT_AFTER(old, new, next);
	LIST_REMOVE(old, next);
	device_free(old);
	return 0;
}

int device_exchange(struct device *old, struct device *staged, struct failure *why)
{
	uint64_t id_aside = staged->id;
	char name_aside[DEVICE_NAME_MAX];

	rewire(old, staged);
	if (wiring_publish(why) != 0) {
		rewire(staged, old);
		return -1;
	}
	memcpy(name_aside, staged->name, sizeof(name_aside));
	device_name(staged, old->id, old->name);
	event_rings_drain(); /* both speak under this id at this moment: what the old one said last is among it */
	device_name(old, id_aside, name_aside);
	return 0;
}

int device_remove(struct device *device, struct failure *why)
{
	struct port *port;
	bool wired[LANES_MAX] = {false};
	unsigned int i = 0;

	LIST_FOREACH(port, &ports, next)
		wired[i++] = port->device == device;
	rewire(device, NULL);
	if (wiring_publish(why) != 0) {
		i = 0;
		LIST_FOREACH(port, &ports, next)
			if (wired[i++])
				port->device = device;
		return -1;
	}
	event_rings_drain();
	LIST_REMOVE(device, next);
	device_free(device);
	return 0;
}

static int start(void)
{
	return 0;
}

static void stop(void)
{
	struct device *device;

	while ((device = LIST_FIRST(&devices))) {
		LIST_REMOVE(device, next);
		device_free(device);
	}
}

const struct module devices_module = {.name = "devices", .start = start, .stop = stop};
