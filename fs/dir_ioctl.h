/* SPDX-License-Identifier: MIT */
/*
 * dir_ioctl.h - IOCTL of directories: what larder_ioctl.h offers to programs for many entries at once, a step at a time,
 * so that the program can be interrupted, and can tell how far it is.
 */
#ifndef LARDER_FS_DIR_IOCTL_H
#define LARDER_FS_DIR_IOCTL_H

#include "node.h"

/*
 * Carries out a command on a directory. `argument` has room for IOCTL_MAX bytes (ioctl.h) and begins with what the
 * kernel has copied in; what the command changes there is its answer. 0 or -errno; -ENOTTY another command, or a
 * directory of .larder.
 */
int dir_ioctl(struct fs *fs, struct node *node, fuse_req_t request, unsigned command, void *argument);

#endif
