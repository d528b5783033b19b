/* SPDX-License-Identifier: Apache-2.0 */
/* A device's way to and from its controllers: what leaves is an event (events.c), what they send is run. */
#include <inttypes.h>

#include "device.h"
#include "run.h"

int port_packet_out(struct device *device, const uint8_t *blob, size_t length, struct failure *why)
{
	if (!device->cpu)
		return fail(why, FAIL_NOT_FOUND, "device %" PRIu64 " has no cpu port", device->id);
	if (run_check(blob, length, why) != 0)
		return -1;
	return run_packets(device->cpu, blob, length, true, why);
}
