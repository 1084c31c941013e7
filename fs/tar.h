/* SPDX-License-Identifier: MIT */
/*
 * tar.h - tar archives: pax (POSIX.1-2008) is written, and read with what GNU tar, bsdtar and old ones write besides.
 *
 *     block: header of type 'x' | blocks: records "27 SCHILY.xattr.user.ttl=900\n" ... | block: header | blocks: data
 *     block: header of type 'g' | block: record "21 comment=a sentence\n"                              for all members
 *     two blocks of zeroes: the end
 *
 * Names and attributes are bytes, here and there, in whatever locale. A record is written for what the old header has no
 * room for; extended attributes are where GNU tar, star and bsdtar put them. Numbers in blocks are octal text.
 *
 * Knows nothing of entries. A reader is one thread's.
 */
#ifndef LARDER_FS_TAR_H
#define LARDER_FS_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum {
    TAR_BLOCK = 512,
    TAR_RECORDS_MAX = 16 << 20, /* bytes of records a member that are read */
};

enum tar_type { TAR_FILE = '0', TAR_HARD_LINK = '1', TAR_SYMLINK = '2', TAR_DIRECTORY = '5' };

struct tar_attribute {
    const char *name; /* "user.ttl" */
    const void *value;
    size_t value_size;
};

struct tar_member {
    int type; /* an enum tar_type, or another character, of which nothing but the path is known */
    const char *path; /* a slash at the end of a directory's need not be written, and is not read */
    const char *target; /* of links; else "" */
    uint32_t mode; /* 07777 */
    uint32_t uid, gid;
    uint64_t size; /* bytes of data; 0 for what is no file */
    int64_t mtime_ns; /* since the epoch */
    const char *comment; /* of its own; NULL: none. Written only, see tar_reader.comment */
    bool sparse; /* read only: the data are not simply the file's */
    const struct tar_attribute *attributes;
    size_t attributes_count;
};

/* --- writing: to memory, so that whether all went well is known when that is closed ----------------------- */

/* All that comes before the data. -ENOMEM. */
int tar_put_member(FILE *out, const struct tar_member *member);

/* A comment that belongs to the archive: up to 400 bytes are two blocks. Some programs want a member behind it. -ENOMEM. */
int tar_put_comment(FILE *out, const char *text);

/* The end. */
void tar_put_end(FILE *out);

/* The zeroes behind so many bytes of data. */
static inline size_t tar_padding(uint64_t size)
{
    return (size_t)(-size % TAR_BLOCK);
}

/* --- reading --------------------------------------------------------------------------------------------- */

struct tar_reader {
    /* Reads up to `size` bytes: how many, 0 at the end, -errno. */
    ssize_t (*read)(void *arg, void *buffer, size_t size);
    void *arg;
    void (*comment)(void *arg, const char *text); /* called with each, before tar_next() gives what it belongs to, or
                                                     what comes behind; may be NULL */
    /* --- private --- */
    struct tar_member member;
    struct tar_attribute *attributes;
    size_t attributes_room;
    char *records, *long_path, *long_target; /* owned; the member's texts point into these or below */
    char path[257], target[101];
    uint64_t left; /* of the member's data, */
    size_t padding; /* and behind them */
};

/* The next member, lent until the next call; what was not read of the last one's data is skipped. 0; 1 at the end;
 * -ENODATA the archive is cut off; -EBADMSG this is no tar archive, or a damaged one; -ENOMEM; what read() says. */
int tar_next(struct tar_reader *reader, const struct tar_member **ret_member);

/* Reads data of the member: how many bytes, fewer than asked for only at their end; or as tar_next(). */
ssize_t tar_read(struct tar_reader *reader, void *buffer, size_t size);

void tar_release(struct tar_reader *reader);

#endif
