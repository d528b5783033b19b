/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes that are complete or fail, and end by a deadline whatever the other side does. */
#ifndef P4K_CNI_STREAM_H
#define P4K_CNI_STREAM_H

#include <stdint.h>
#include <sys/types.h>

/* Milliseconds of a clock that nobody sets. */
int64_t clock_ms(void);

/* Bytes read, fewer than `room` only at the end of the stream; -1 with errno, ETIMEDOUT at the deadline. */
ssize_t stream_read(int fd, void *into, size_t room, int64_t deadline_ms);

/* 0: all is written; -1 with errno, ETIMEDOUT at the deadline. */
int stream_write(int fd, const void *from, size_t length, int64_t deadline_ms);

#endif
