/* SPDX-License-Identifier: MIT */
/*
 * permission.h - what a caller may, where the kernel does not know that it should ask: for all else it checks owners,
 * groups and modes itself (default_permissions).
 */
#ifndef LARDER_FS_PERMISSION_H
#define LARDER_FS_PERMISSION_H

#include "node.h"

/* May a user change, and see, what belongs to the mount as a whole: its policy, its tags, what happens in it? Root may, and
 * whoever owns the root directory. 0; -EPERM; or what the store answers. */
int permission_whole(struct fs *fs, uid_t uid);

/* May who sent a request remove files from a directory, as unlink(2) has it: write to it and search it? *ret_own_only: with
 * the sticky bit, only those that are the caller's. 0; -EACCES; -ENOENT: the directory is gone. */
int permission_remove(struct fs *fs, fuse_req_t request, uint64_t dir, bool *ret_own_only);

/* May who sent a request set the limits of a directory? They bind those who use it, so it takes more than to write to it:
 * who may write to the directory it is in may, with the sticky bit only that one's owner. 0; -EPERM; -ENOENT. */
int permission_limit(struct fs *fs, fuse_req_t request, uint64_t dir);

struct handle;

/*
 * The caller has changed the value of an open file, or truncated it as it was opened: when that is not root, what is set-user-id
 * or set-group-id is so no more. The kernel sees to that where its page cache or a SETATTR is in between, else it leaves
 * it to us. Not under fs->lock.
 */
void permission_drop_privileges(struct fs *fs, fuse_req_t request, const struct handle *handle);

/* The same for a change of size or owner through the name, which goes on from the entry it finds. `owner_only`: of another's
 * file no bit is taken, but -EPERM returned, as chown(2) does. 0, or -errno: a file that is gone meanwhile needs nothing.
 * Not under fs->lock. */
int permission_drop_setid(struct fs *fs, fuse_req_t request, struct node *node, bool owner_only);

#endif
