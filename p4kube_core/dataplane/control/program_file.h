/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled program as device_add and device_replace name it. */
#ifndef P4K_CONTROL_PROGRAM_FILE_H
#define P4K_CONTROL_PROGRAM_FILE_H

#include <stddef.h>
#include <stdint.h>

struct device;

struct program_file {
	const char *path;
	struct device *like; /* target ebpf: whose place it is to take; NULL: nobody's. Otherwise not looked at */
	const uint8_t *manifest; /* target ebpf: the artifact's manifest.json; otherwise not looked at */
	size_t manifest_length;
};

#endif
