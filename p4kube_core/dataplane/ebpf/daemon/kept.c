/* SPDX-License-Identifier: Apache-2.0 */
#include "kept.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "device.h"
#include "image.h"
#include "message.h"
#include "pins.h"
#include "port.h"
#include "settings.h"

static void path_of_device(char path[PATH_MAX], uint64_t id)
{
	kept_path(path, "device-%" PRIu64, id);
}

static void path_of_port(char path[PATH_MAX], const struct port *port)
{
	kept_path(path, "port-%u", port->number);
}

static int keep(const char *path, json_t *what, struct failure *why)
{
	char *text = json_dumps(what, JSON_COMPACT);
	int ret;

	json_decref(what);
	if (!text)
		return fail(why, FAIL_FULL, "no memory for what is kept");
	ret = file_write(path, text, strlen(text), why);
	free(text);
	return ret;
}

int kept_device(const struct device *device, struct failure *why)
{
	char path[PATH_MAX];

	path_of_device(path, device->id);
	return keep(path, device_keep(device), why);
}

int kept_port(const struct port *port, struct failure *why)
{
	char path[PATH_MAX];

	path_of_port(path, port);
	return keep(path, port_keep(port), why);
}

void kept_remove_device(uint64_t id)
{
	char path[PATH_MAX];

	path_of_device(path, id);
	unlink(path);
}

void kept_remove_port(const struct port *port)
{
	char path[PATH_MAX];

	path_of_port(path, port);
	unlink(path);
}

/* What a former process kept is taken up by `find`; what cannot be is forgotten. */
static void find_again(const char *name, int (*find)(const json_t *kept, struct failure *why))
{
	struct failure why = {0};
	char path[PATH_MAX];
	uint8_t *text;
	size_t length;
	json_t *kept;

	kept_path(path, "%s", name);
	text = file_read(path, MESSAGE_MAX, &length, &why);
	kept = text ? json_loadb((const char *)text, length, 0, NULL) : NULL;
	if (!kept || find(kept, &why) != 0) {
		say("%s of before cannot be taken up: %s", name, why.message);
		unlink(path);
	}
	json_decref(kept);
	free(text);
}

static void find_device(void *owner, const char *name)
{
	(void)owner;
	if (strncmp(name, "device-", 7) == 0)
		find_again(name, device_find_again);
}

static void find_port(void *owner, const char *name)
{
	(void)owner;
	if (strncmp(name, "port-", 5) == 0)
		find_again(name, port_find_again);
}

void kept_sweep(void)
{
	const struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->orphan)
			return;
	images_remove_unused();
}

/* So that a later process does not wire them to devices of these ids that are only being filled. */
static void keep_orphans(void)
{
	struct failure why = {0};
	const struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->orphan && kept_port(port, &why) != 0)
			say("port '%s': %s", port->name, why.message);
}

static int start(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.kept", settings.bpffs);
	files_of(path, find_device, NULL);
	files_of(path, find_port, NULL);
	keep_orphans();
	/* A process that ended while it exchanged a device may have hooks lead to what is no device's. */
	ports_wire_again();
	images_sweep();
	kept_sweep();
	return 0;
}

/* What is taken down after this is taken down for good. */
static void stop(void)
{
}

const struct module kept_module = {.name = "kept", .start = start, .stop = stop};
