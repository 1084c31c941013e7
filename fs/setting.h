/* SPDX-License-Identifier: MIT */
/*
 * setting.h - what a running mount can be told: extended attributes of its root directory that belong to the mount, not
 * to the directory. They have the names of a directory's limits: user.limit.bytes, user.limit.items, user.policy. They are not listed, so that copies of the root do not carry them along,
 * and they end with the mount: the next one begins with its options.
 */
#ifndef LARDER_FS_SETTING_H
#define LARDER_FS_SETTING_H

#include "node.h"

/* Is this attribute of this node a setting? */
bool setting_is(const struct fs *fs, const struct node *node, const char *name);

/* Its value, for the caller to free. -ENODATA no limit of items; -ENOMEM. */
int setting_get(struct fs *fs, const char *name, char **ret_value, size_t *ret_size);

/* Sets it for user `uid`, or with `value` NULL goes back to what the mount's options say. `flags` are setxattr(2)'s.
 * -EPERM unless root or the owner of the root directory asks, -EROFS on a mount that may only be read, -EINVAL no such
 * policy or limit, -EEXIST, -ENODATA by the flags. */
int setting_set(struct fs *fs, uid_t uid, const char *name, const char *value, size_t size, int flags);

#endif
