/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled program as device_add and device_replace name it. */
#ifndef P4K_CONTROL_PROGRAM_FILE_H
#define P4K_CONTROL_PROGRAM_FILE_H

#include <stddef.h>
#include <stdint.h>

struct device;

struct program_file {
	const char *path;
	struct device *like; /* whose place it is to take; NULL: nobody's */
	const uint8_t *manifest; /* the artifact's manifest.json; target dpdk can do without */
	size_t manifest_length;
};

#endif
