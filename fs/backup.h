/* SPDX-License-Identifier: MIT */
/*
 * backup.h - .larder/backup: everything as it was when the file was opened, as a tar archive (backup_stream.h).
 *
 * It is made in the thread that answers a READ, as much of it as is asked for, with no lock held but the handle's own,
 * which two who read from one descriptor share. Where it goes on is where the last READ ended: the kernel lets nobody
 * seek in it. Only root and the owner of the mount may open it, who then read entries that are for others alone.
 */
#ifndef LARDER_FS_BACKUP_H
#define LARDER_FS_BACKUP_H

#define FUSE_USE_VERSION 314
#include "state.h"

#include <fuse_lowlevel.h>

enum { BACKUPS_MAX = 8 }; /* at the same time: each keeps what is deleted meanwhile on the disk */

/* OPEN: takes the snapshot. -EMFILE when there are too many. */
int backup_open(struct fs *fs, struct fuse_file_info *info);

/* READ. -EINVAL: not where the last one ended; -ESTALE: the disk is nearly full, and its space was needed; -EIO. */
int backup_read(const struct fuse_file_info *info, char *buffer, size_t size, uint64_t offset, size_t *ret_size);

/* RELEASE; and of those whose RELEASE will never come. */
void backup_release(struct fs *fs, const struct fuse_file_info *info);
void backup_release_all(struct fs *fs);

#endif
