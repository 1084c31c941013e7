/* SPDX-License-Identifier: MIT */
/*
 * watchdog.h - tells systemd again and again that the mount answers, as long as it does: at half the time that systemd
 * allows (systemd.h), when since the last time
 *
 *   - requests were taken, or somebody sits ready to take one (crew.h),
 *   - the lock of all that requests work on could be had (fs->lock), and
 *   - the store has looked up a name and has taken a change, of which it finds that there is nothing to do. That one waits
 *     its turn behind whatever is being written: a disk that does not answer, or a lock that is never let go, stops it.
 *
 * A thread of its own does that, and is stuck where a request would be. It makes no request on the mount: who waits in the
 * kernel for an answer by its own process cannot be killed.
 */
#ifndef LARDER_FS_WATCHDOG_H
#define LARDER_FS_WATCHDOG_H

#include "session.h"

struct watchdog;

/* Starts it, when systemd wants it. NULL when it does not, or there is no thread to be had, which the log tells. The session,
 * its file system and the store outlive it. */
struct watchdog *watchdog_start(struct session *session);

/* Ends it; waits for the store if that is busy with it. NULL is harmless. */
void watchdog_stop(struct watchdog *watchdog);

#endif
