/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled program as device_add and device_replace name it. */
#ifndef P4K_CONTROL_PROGRAM_FILE_H
#define P4K_CONTROL_PROGRAM_FILE_H

#include <stddef.h>
#include <stdint.h>

struct program_file {
	const char *path;
	const uint8_t *manifest; /* target ebpf: the artifact's manifest.json; otherwise not looked at */
	size_t manifest_length;
};

#endif
