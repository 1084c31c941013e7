/* SPDX-License-Identifier: MIT */
/*
 * limit.h - a directory's limits as extended attributes: user.limit.bytes, user.limit.items and user.policy. Those of the
 * root are the mount's and in setting.h.
 *
 * They are listed, so that copies of a directory have its limits. Any thread may call these.
 */
#ifndef LARDER_FS_LIMIT_H
#define LARDER_FS_LIMIT_H

#include "node.h"
#include "store.h"

/* One of the three; NULL when `name` is none. */
struct limit;
const struct limit *limit_find(const char *name);

/* Its text, of LIMIT_TEXT_MAX bytes. False when it is not set. */
enum { LIMIT_TEXT_MAX = 32 };
bool limit_show(const struct limit *property, const struct store_quota *quota, char *text);

/* Calls `each`, as xattr_each() does, with those that are set. */
int limit_each(const struct store_quota *quota,
               int (*each)(void *arg, const char *name, size_t name_size, const void *value, size_t value_size),
               void *arg);

/* Reads a text, or with NULL what takes it away, and says which field it is. -EINVAL. */
int limit_parse(const struct limit *property, const char *text, size_t size, struct store_quota *ret_quota,
                unsigned *ret_field);

/* Of a directory that is not the root. -ENODATA; with `value` NULL it is taken away. `flags` are setxattr(2)'s. -EINVAL no
 * such value, or no directory. */
int limit_get(struct fs *fs, const struct node *node, const char *name, char *ret_text);
int limit_set(struct fs *fs, const struct node *node, const char *name, const char *value, size_t size, int flags);

/* Puts the smallest limit of a thing that a directory at or above the node has, with what is below that, in the place of
 * the mount's, if it is smaller. */
void limit_narrow(struct fs *fs, const struct node *node, struct store_quota *space);

#endif
