/* SPDX-License-Identifier: MIT */
/*
 * archive_file.h - the file an archive is in: compressed with zstd when it is written, and whatever gzip, bzip2, xz,
 * zstd, lz4 or nobody has made of it when it is read. The only place that includes <archive.h>, of whose formats none is
 * used: what is in the file is tar.h's.
 *
 * Each is one thread's. The descriptor stays the caller's.
 */
#ifndef LARDER_FS_ARCHIVE_FILE_H
#define LARDER_FS_ARCHIVE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct archive_out;
struct archive_in;

enum { ARCHIVE_LEVEL_MOST = 19, ARCHIVE_LEVEL_USUAL = 3 };

/* Begins to write; level 0: as it is. -ENOMEM. */
int archive_out_open(int fd, int level, struct archive_out **ret_out);

/* All of it. -errno: what came before may be written, or not. */
int archive_out_write(struct archive_out *out, const void *data, size_t size);

/* Writes what is left, and ends; after a failure it only ends. NULL is harmless. *ret_bytes: how many went into the
 * file. */
int archive_out_close(struct archive_out *out, uint64_t *ret_bytes);

/* Begins to read. -ENOMEM, -EBADMSG, -errno. */
int archive_in_open(int fd, struct archive_in **ret_in);

/* Reads up to `size` bytes: how many, 0 at the end; -EBADMSG: it is damaged, or cut off; -errno. `in` is the struct. */
ssize_t archive_in_read(void *in, void *buffer, size_t size);

/* How many bytes of the file were taken. */
uint64_t archive_in_taken(const struct archive_in *in);

void archive_in_close(struct archive_in *in);

#endif
