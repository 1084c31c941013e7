/* SPDX-License-Identifier: MIT */
/*
 * fsck.h - .larder/fsck: who opens it has the store checked, and reads what is found, a line each, while it is.
 *
 *     passed DONE TOTAL                                    so many rows of about so many, every quarter of a second
 *     found KIND TEXT                                      a finding, see store.h
 *     done ROWS ENTRIES DIRECTORIES VALUE-BYTES FINDINGS   the end; or
 *     failed TEXT
 *
 * A thread of its own checks. It waits when much is unread, and ends early when the file is closed. There is one check
 * at a time. No READ waits for longer than a quarter of a second, and it gives up its seat before it does.
 *
 * Locking: its own lock, which is the last of all, after fs->lock; nothing is called with it held.
 */
#ifndef LARDER_FS_FSCK_H
#define LARDER_FS_FSCK_H

#include "node.h"

/* OPEN: begins. -EBUSY when a check is under way. */
int fsck_open(struct fs *fs, struct fuse_file_info *info);

/* READ: copies at most `size` bytes, and sets how many; 0 is the end. -EINVAL for what was read before. */
int fsck_read(const struct fuse_file_info *info, char *buffer, size_t size, uint64_t offset, size_t *ret_got);

/* RELEASE. */
void fsck_close(struct fs *fs, const struct fuse_file_info *info);

/* The mount is about to end: so is the check, that nobody waits for it. */
void fsck_end(struct fs *fs);

/* Frees one whose RELEASE will never come. */
void fsck_release(struct fs *fs);

#endif
