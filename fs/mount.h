/* SPDX-License-Identifier: MIT */
/*
 * mount.h - the life of a mount, from the checks before it to the closing of the store.
 */
#ifndef LARDER_FS_MOUNT_H
#define LARDER_FS_MOUNT_H

#include "options.h"

/*
 * Mounts. In the foreground it returns when the mount has ended; otherwise when the mount answers, and a process of its
 * own carries on with it. SIGTERM, SIGINT and SIGHUP unmount and flush. A dead larder at the mount point is cleared
 * away, with a line about it in the log.
 *
 * Returns 0, or a negative errno with one sentence in `error` (-EINVAL: the arguments do not fit together), after
 * which nothing has changed. To be called in a process without threads.
 */
int mount_run(const struct mount_options *options, char *error, size_t error_size);

#endif
