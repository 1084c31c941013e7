/* SPDX-License-Identifier: MIT */
/* read_only.c - a mount that cannot be written. What is there: the file f with "text", 0666, the directory d, 0777, and
 * in it another, e, and the link l to f. */
#include "posix.h"

#include <errno.h>

static const struct row read_only_rows[] = {
    {"holds f text; readlink l f; lists d e"},
    {"open A f O_WRONLY", EROFS},
    {"open A f O_RDWR", EROFS},
    {"open A f O_RDONLY|O_TRUNC", EROFS},
    {"open A f O_RDWR|O_APPEND", EROFS},
    {"open A l O_WRONLY", EROFS},
    {"open A new O_RDWR|O_CREAT", EROFS},
    {"open A f O_RDONLY|O_CREAT; read A text"},
    {"open A f O_RDONLY|O_CREAT|O_EXCL", EEXIST},
    {"open A new O_RDONLY", ENOENT},
    {"open A . O_TMPFILE|O_RDWR", EROFS},
    {"creat A f", EROFS},
    {"truncate f 0", EROFS},
    {"mkdir new", EROFS},
    {"mkdir d", EEXIST},
    {"rmdir d/e", EROFS},
    {"unlink f", EROFS},
    {"unlink new", EROFS},
    {"rename f new", EROFS},
    {"rename f f", EROFS},
    {"rename f {other}/f", EXDEV},
    {"link f new", EROFS},
    {"symlink t new", EROFS},
    {"mknod new S_IFREG|0600", EROFS},
    {"mknod new S_IFIFO|0600", EROFS},
    {"chmod f 0600", EROFS},
    {"open A f O_RDONLY; fchmod A 0600", EROFS},
    {"chown f 1001 1001", EROFS},
    {"lchown l 1001 1001", EROFS},
    {"utimens f now now", EROFS},
    {"utimens f 5 6", EROFS},
    {"setxattr f user.x y", EROFS},
    {"removexattr f user.x", EROFS},
    {"access f W_OK", EROFS},
    {"access f R_OK"},
    {"access d W_OK", EROFS},
    {"as 1001; access f W_OK AT_EACCESS", EROFS},
    {"open A f O_RDONLY; fsync A"},
};

const struct table read_only_table = {
    .name = "read_only", .rows = read_only_rows, .count = COUNT(read_only_rows), .read_only = true};
