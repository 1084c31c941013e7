/* SPDX-License-Identifier: MIT */
/*
 * ioctl.h - IOCTL of files: what larder_ioctl.h offers to programs, each in one step that no other writer can come
 * between.
 */
#ifndef LARDER_FS_IOCTL_H
#define LARDER_FS_IOCTL_H

#include "file.h"

enum { IOCTL_MAX = 512 }; /* bytes of the largest argument, of files and directories (dir_ioctl.h) */

/*
 * Carries out a command on an open file. `argument` has room for IOCTL_MAX bytes and begins with what the kernel
 * has copied in; what the command changes there is its answer. 0 or -errno; -ENOTTY another command, as other files have
 * it.
 */
int file_ioctl(struct fs *fs, struct handle *handle, fuse_req_t request, unsigned command, void *argument);

#endif
