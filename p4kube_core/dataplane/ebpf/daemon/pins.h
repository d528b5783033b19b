/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the process: what is pinned in a bpffs, and files in a directory beside it.
 *   BPFFS/programs             all programs' map
 *   BPFFS/pN/program, MAP      the N-th program and its maps
 *   BPFFS.kept/pN.o, pN.json   its object and manifest
 *   BPFFS.kept/device-ID, port-N   devices, ports and wires (kept.c)
 */
#ifndef P4K_BPF_DAEMON_PINS_H
#define P4K_BPF_DAEMON_PINS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

/* Whether a process that comes after this one would find it: its directory was not removed. */
bool pins_are_found(void);

/* Paths, printf'ed below the bpffs, or below the directory of files. */
void pin_path(char path[PATH_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));
void kept_path(char path[PATH_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Remove the pins of a directory below the bpffs, and the directory. */
void pins_remove(const char *directory);

/* Call for each file of a directory, by its name there; one that is not there has none. */
void files_of(const char *directory, void (*call)(void *owner, const char *name), void *owner);

/* A file whole; the caller frees. NULL with `why`. */
uint8_t *file_read(const char *path, size_t most, size_t *length, struct failure *why);
/* Written beside and renamed, so that it is there whole or as it was. */
int file_write(const char *path, const void *bytes, size_t length, struct failure *why);

#endif
