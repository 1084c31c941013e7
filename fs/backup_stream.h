/* SPDX-License-Identifier: MIT */
/*
 * backup_stream.h - a whole store, as it was at one moment, as a tar archive (tar.h) that is made while it is read.
 *
 *     store_snapshot_next() --> header, attributes --> waiting text --> reader
 *     store_snapshot_read() ----------------------------------------------^
 *
 * A member an entry, the root first as "./", a directory before what is in it. Attributes are what listxattr shows (limits
 * of directories as they are when they are read), and user.expires, so that a lifetime ends when it would have ended. So `tar -x --xattrs` understands it.
 *
 * It begins with a comment, BACKUP_BEGIN. At its end comes the root once more, which does no harm, with a comment that
 * counts what there is: an archive that has the first and not the second was cut off, even if it ends well for tar.
 *
 * In memory there is the header of one member, whatever the sizes of values. Of one thread at a time.
 */
#ifndef LARDER_FS_BACKUP_STREAM_H
#define LARDER_FS_BACKUP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct backup_stream;

#define BACKUP_BEGIN "larder backup 1"

enum { BACKUP_END_SIZE = 5 * 512 }; /* bytes: the root with the comment, and the end */

/* Counts of what is in one. */
struct backup_count {
    uint64_t entries; /* files, links and directories, the root, too */
    uint64_t bytes; /* of files' values */
};

/* Takes the snapshot: what is done from here on is not in it. -ENOMEM, -EIO. */
int backup_stream_open(struct store *store, struct backup_stream **ret_stream);

/* Lets go of it; NULL is harmless. */
void backup_stream_close(struct backup_stream *stream);

/* Reads on: fills the buffer, unless the end comes. -ESTALE as store_snapshot_next() says, -EIO, -ENOMEM; and so does
 * whatever is read after that. */
int backup_stream_read(struct backup_stream *stream, void *buffer, size_t size, size_t *ret_size);

/* Is this the comment at the end? */
bool backup_comment_parse(const char *text, struct backup_count *ret_count);

/* Are these the last BACKUP_END_SIZE bytes of an archive that is whole? */
bool backup_end_parse(const char *bytes, struct backup_count *ret_count);

#endif
