/* SPDX-License-Identifier: MIT */
/*
 * target.h - which version an operation on attributes means, and the operations themselves.
 *
 * The kernel sends stat, chmod, setxattr and truncate for an inode, mostly without telling the handle. To whoever
 * writes the file, by a descriptor of its own or an inherited one, it is the version being written; to others what the
 * readers of this inode see, or what is published at its name. When the inode has become a writer's they are bounced
 * (stale.h), and come back with one that stands for what is published.
 */
#ifndef LARDER_FS_TARGET_H
#define LARDER_FS_TARGET_H

#include "node.h"

struct write_session;
struct handle;
struct hold;
struct pages_order;

/* One version held for a moment, and by what. */
struct target {
    struct store_version *version;
    struct write_session *session; /* not published yet: this is what is being written */
    struct handle *handle;
    struct hold *hold; /* replaced a moment ago */
    bool pinned;
};

/* Only the version the node stands for: its size becomes the kernel's inode's. */
enum { TARGET_SIZED = 1 };

/* Finds it for a file's or link's node and the asking thread. -ESTALE: the kernel should look again. -ENOENT: it has,
 * or the name is gone, and there is nothing. Let go with target_release(). */
int target_find(struct fs *fs, struct node *node, pid_t tid, unsigned flags, struct target *ret_target);
void target_release(struct fs *fs, struct target *target);

/* A directory's, file's or link's entry as the thread sees it. */
int target_entry(struct fs *fs, struct node *node, pid_t tid, struct entry *ret_entry);

/* Applies a change to a directory, file or link. */
int target_change(struct fs *fs, struct node *node, pid_t tid, const struct entry_change *change);

/* SETATTR: to_set are libfuse's FUSE_SET_ATTR_ bits; `info` is NULL or the handle of an ftruncate. *ret_order: as
 * file_write(). */
int target_setattr(struct fs *fs, struct node *node, pid_t tid, const struct stat *attr, int to_set,
                   const struct fuse_file_info *info, struct pages_order **ret_order);

#endif
