/* SPDX-License-Identifier: MIT */
/*
 * notify.h - tells the kernel what went stale: entries that expired or were evicted, which it would otherwise go on
 * showing to stat for as long as it was told to believe them. (Opening asks us every time.)
 *
 * It also lets go of versions held for opens under way (stale.h).
 *
 * A thread of its own does it: a notification waits for the kernel's lock of the directory, which a request that waits
 * for us may hold. It holds no lock of ours while it notifies.
 */
#ifndef LARDER_FS_NOTIFY_H
#define LARDER_FS_NOTIFY_H

#include "node.h"

/* Starts the thread. 0 or -errno. */
int notify_start(struct fs *fs, struct fuse_session *session, struct notify **ret_notify);

/* Ends the thread; what is queued is dropped. The kernel must answer: before the workers end, or after the mount is
 * gone. NULL is harmless. */
void notify_stop(struct notify *notify);

/* Queues "forget what you know of this name". Each name stands in the queue once, so that it is no longer than the
 * table of names. */
void notify_name_locked(struct notify *notify, struct name *name);

/* There is something held now; see stale.h. */
void notify_wake_locked(struct notify *notify);

#endif
