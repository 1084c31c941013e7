/* SPDX-License-Identifier: MIT */
/* constants.c - see script.h. */
#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CONSTANT(name)                                                                                                 \
    {                                                                                                                  \
#name, name                                                                                                    \
    }

static const struct {
    const char *name;
    long value;
} constants[] = {
    CONSTANT(O_RDONLY),
    CONSTANT(O_WRONLY),
    CONSTANT(O_RDWR),
    CONSTANT(O_CREAT),
    CONSTANT(O_EXCL),
    CONSTANT(O_TRUNC),
    CONSTANT(O_APPEND),
    CONSTANT(O_DIRECTORY),
    CONSTANT(O_NOFOLLOW),
    CONSTANT(O_PATH),
    CONSTANT(O_TMPFILE),
    CONSTANT(O_DIRECT),
    CONSTANT(O_SYNC),
    CONSTANT(O_DSYNC),
    CONSTANT(O_NONBLOCK),
    CONSTANT(O_CLOEXEC),
    CONSTANT(O_NOATIME),
    CONSTANT(AT_REMOVEDIR),
    CONSTANT(AT_SYMLINK_NOFOLLOW),
    CONSTANT(AT_SYMLINK_FOLLOW),
    CONSTANT(AT_EMPTY_PATH),
    CONSTANT(AT_EACCESS),
    CONSTANT(RENAME_NOREPLACE),
    CONSTANT(RENAME_EXCHANGE),
    CONSTANT(RENAME_WHITEOUT),
    CONSTANT(SEEK_SET),
    CONSTANT(SEEK_CUR),
    CONSTANT(SEEK_END),
    CONSTANT(SEEK_DATA),
    CONSTANT(SEEK_HOLE),
    CONSTANT(XATTR_CREATE),
    CONSTANT(XATTR_REPLACE),
    CONSTANT(FALLOC_FL_KEEP_SIZE),
    CONSTANT(FALLOC_FL_PUNCH_HOLE),
    CONSTANT(FALLOC_FL_COLLAPSE_RANGE),
    CONSTANT(FALLOC_FL_ZERO_RANGE),
    CONSTANT(FALLOC_FL_INSERT_RANGE),
    CONSTANT(S_IFREG),
    CONSTANT(S_IFIFO),
    CONSTANT(S_IFSOCK),
    CONSTANT(S_IFCHR),
    CONSTANT(S_IFBLK),
    CONSTANT(S_IFDIR),
    CONSTANT(S_IFLNK),
    CONSTANT(F_OK),
    CONSTANT(R_OK),
    CONSTANT(W_OK),
    CONSTANT(X_OK),
    CONSTANT(POSIX_FADV_NORMAL),
    CONSTANT(POSIX_FADV_DONTNEED),
    CONSTANT(POSIX_FADV_WILLNEED),
};

static long constant(const char *name)
{
    for (size_t i = 0; i < COUNT(constants); i++)
        if (strcmp(constants[i].name, name) == 0)
            return constants[i].value;
    char *end;
    long value = strtol(name, &end, 0);
    if (end == name || *end) {
        fprintf(stderr, "posix: what is %s?\n", name);
        abort();
    }
    return value;
}

long number(const char *text)
{
    char copy[256], *rest = copy, *name;
    long value = 0;
    snprintf(copy, sizeof copy, "%s", text);
    while ((name = strsep(&rest, "|")))
        value |= constant(name);
    return value;
}
