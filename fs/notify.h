/* SPDX-License-Identifier: MIT */
/*
 * notify.h - tells the kernel what went stale: entries that expired, were evicted or invalidated, which it would
 * otherwise go on showing to stat for as long as it was told to believe them. (Opening asks us every time.)
 *
 * The store tells of each that is gone; of those that a tag's invalidation killed only when their space comes back. So
 * all the names that the kernel knows are looked at then, whether something is still there.
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

/* Something was invalidated: has all names looked at, and what is gone told to the kernel. */
void notify_doubt_locked(struct notify *notify);

/* Waits until the kernel was told of what was queued before, but not for long: it may be waiting for us. Not under
 * fs->lock. */
void notify_settle(struct fs *fs);

/* There is something held now; see stale.h. */
void notify_wake_locked(struct notify *notify);

#endif
