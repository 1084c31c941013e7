/* SPDX-License-Identifier: MIT */
/*
 * fs.h - one mounted file system: the store, the live nodes, the options, and what they share. The other headers in fs/
 * are its parts; this one ties them together.
 */
#ifndef LARDER_FS_FS_H
#define LARDER_FS_FS_H

#include "options.h"

#include <stdint.h>

struct fs;

/* Makes the file system's own state, before there is a store (the store's options need fs_gone and this pointer).
 * Returns 0 or -ENOMEM. `options` must outlive it. */
int fs_new(const struct mount_options *options, struct fs **ret_fs);

/* Gives it its store, once, before session_mount(). The store must outlive it. */
void fs_set_store(struct fs *fs, struct store *store);

/* Lets go of every node, handle and pin and frees it; the session is gone, the store still open. NULL is harmless. */
void fs_free(struct fs *fs);

/* Has the kernel forget what it knows of a place where a version may be gone, 0 whichever; unless what it knows is another
 * one. Not under fs->lock. */
void fs_forget_place(struct fs *fs, uint64_t dir, const char *text, uint64_t version);

/* For store_options.gone: tells the kernel that an entry expired, was evicted or invalidated. `arg` is the struct fs. */
void fs_gone(void *arg, uint64_t dir, const char *name, enum store_gone why, uint64_t version, uint64_t size);

#endif
