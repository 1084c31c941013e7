/* SPDX-License-Identifier: MIT */
/*
 * value_stream.h - carries values of any size between files and the standard streams, a piece at a time.
 */
#ifndef LARDER_FS_VALUE_STREAM_H
#define LARDER_FS_VALUE_STREAM_H

#include <stddef.h>
#include <stdint.h>

/* Writes all of it. 0 or -errno. */
int stream_write(int fd, const void *data, size_t size);

/* Copies from one to the other until the end of the first. 0; -errno, and *ret_reading (may be NULL) says of which. */
int stream_copy(int from, int to, _Bool *ret_reading);

/* The version of what will be read from `fd`, at least: LARDER_TELL_VERSION. 0 or -errno. */
int stream_version(int fd, uint64_t *ret_version);

#endif
