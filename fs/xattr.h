/* SPDX-License-Identifier: MIT */
/*
 * xattr.h - extended attributes: user.ttl and its kin, which are properties of the entry written as text, and any other
 * user.*, which are kept as they are. Values in units.h's formats.
 */
#ifndef LARDER_FS_XATTR_H
#define LARDER_FS_XATTR_H

#include "node.h"

/* GETXATTR by thread `tid`: the value, for the caller to free. -ENODATA; -EOPNOTSUPP outside user.*. */
int xattr_get(struct fs *fs, struct node *node, pid_t tid, const char *name, char **ret_value, size_t *ret_size);

/* LISTXATTR: the names, each with its NUL, for the caller to free. Only what a copy should carry along is listed. */
int xattr_list(struct fs *fs, struct node *node, pid_t tid, char **ret_names, size_t *ret_size);

/* Calls `each` with every attribute of an entry that a copy should carry along: those LISTXATTR tells of, and of what has
 * one user.expires, its deadline, which holds only when it is set behind user.ttl: in that order. What `each` returns, if
 * not zero, ends it and is returned. */
int xattr_each(const struct entry *entry,
               int (*each)(void *arg, const char *name, size_t name_size, const void *value, size_t value_size),
               void *arg);

/* SETXATTR; `flags` are setxattr(2)'s. -EINVAL a malformed value, -EPERM a computed one, -EOPNOTSUPP outside user.*. */
int xattr_set(struct fs *fs, struct node *node, pid_t tid, const char *name, const char *value, size_t size, int flags);

/* REMOVEXATTR. */
int xattr_remove(struct fs *fs, struct node *node, pid_t tid, const char *name);

#endif
