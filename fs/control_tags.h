/* SPDX-License-Identifier: MIT */
/*
 * control_tags.h - .larder/tags: a directory for every tag that something has, in it a symbolic link for every entry that
 * has the tag. rmdir of a tag's directory invalidates it.
 *
 *     .larder/tags/users/42@4711 -> ../../../users/42
 *
 * A link is called by the entry's name and its version, so that the name is unique, and stays while the value does; of a
 * name that is too long with that the end is cut off. It leads to where the entry was when the link was read.
 *
 * Only root and the owner of the root directory may look into it: it shows names also of what is in directories that
 * others may not read.
 *
 * The nodes of tags and links are made when they are looked up, and freed when the kernel forgets them. They are found
 * by tag and version, so that a directory somebody is in stays the same one. Nothing here is believed by the kernel
 * for longer than the call that asks. The store is asked without fs->lock.
 */
#ifndef LARDER_FS_CONTROL_TAGS_H
#define LARDER_FS_CONTROL_TAGS_H

#include "node.h"

#define CONTROL_TAGS_NAME "tags"

enum { CONTROL_TAGS_TARGET_MAX = 4096 }; /* bytes of a link's target, with its NUL */

/* The node of .larder/tags, for fs->tags; NULL when out of memory. free() lets go of it. */
struct node *control_tags_new(void);

/* Frees the nodes that the kernel still knew when the mount ended. */
void control_tags_release(struct fs *fs);

/* LOOKUP of .larder/tags itself, in it, or in a tag's directory. -ENOENT. */
int control_tags_lookup(struct fs *fs, const struct node *parent, const char *text, struct fuse_entry_param *ret_entry);

/* GETATTR of those. -ENOENT: a link's entry is gone. */
int control_tags_getattr(struct fs *fs, const struct node *node, struct stat *ret_stat, double *ret_timeout);

/* READLINK, in a buffer of CONTROL_TAGS_TARGET_MAX. -EINVAL no link; -ENOENT its entry is gone; -ENAMETOOLONG. */
int control_tags_readlink(struct fs *fs, const struct node *node, char *ret_target);

/* RMDIR: invalidates the tag. -EPERM by anybody but root and the owner of the root directory, and of anything but a tag's
 * directory; -ENOENT. */
int control_tags_remove(struct fs *fs, const struct node *parent, const char *text, uid_t caller);

/* The kernel forgets `count` lookups of one of these. */
void control_tags_forget_locked(struct fs *fs, struct node *node, uint64_t count);

/* READDIR of .larder/tags, and of a tag's directory: calls `each` with what comes behind a tag (NULL: all), or behind a
 * version, until that returns not 0; which is returned. `each` must not call the store. */
typedef int control_tags_each(void *arg, const char *name, uint64_t ino, uint64_t version);
int control_tags_list(struct fs *fs, const char *after, control_tags_each *each, void *arg);
int control_tags_list_tag(struct fs *fs, const struct node *node, uint64_t after, control_tags_each *each, void *arg);

#endif
