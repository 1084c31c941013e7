/* SPDX-License-Identifier: MIT */
/*
 * supervisor.h - a process that sees another one do the work, and starts it again when it has crashed:
 *
 *     start --> it is mounted --crash--> wait, longer each time --> start ...
 *       |            |                         '--too many in a minute--> give up
 *       '--refused   '--unmounted, a signal--> the end of both
 *
 * Only one that was mounted once is started again: what is refused at first is told to whoever asked for it. While there
 * is no worker the dead mount stays where it is: whoever comes gets ENOTCONN, and writes nothing into the directory below.
 * The next worker takes it away as late as it can, when its store is open. That the dead mount is gone by then, or another
 * one in its place, means that somebody wanted it so, and is the end.
 *
 * The worker has the reading end of a pipe that its supervisor alone can write to: when that dies, the worker ends, too.
 */
#ifndef LARDER_FS_SUPERVISOR_H
#define LARDER_FS_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What a worker is told by its supervisor. */
struct supervision {
    pid_t supervisor;
    unsigned restarts; /* how many came before it */
    int life_fd; /* readable (POLLHUP) as soon as the supervisor is gone */
    int report_fd; /* to write to how it went, once; for the first worker somebody reads it */
};

/* How a worker ends that was not killed. */
enum worker_end {
    WORKER_ENDED, /* in order */
    WORKER_FAILED, /* something was wrong: may be tried again */
    WORKER_DISPLACED, /* somebody has unmounted, or has mounted something else there */
};

struct supervised {
    const char *mountpoint, *source; /* without symbolic links; as it stands in the list of mounts */
    unsigned give_up; /* so many crashes within a minute are too many; at least 1 */
    /* In the worker, with the supervisor's descriptors closed but for those it is given. Its result ends the process. */
    enum worker_end (*work)(void *arg, const struct supervision *supervision);
    /* In the supervisor, when the first worker has written to its report_fd or has ended: true when it is mounted. */
    bool (*heard)(void *arg, int report_fd);
    void *arg;
};

/*
 * Runs workers until one ends in order, is displaced, or a signal comes: SIGTERM, SIGINT and SIGHUP are handed on, and end
 * both. `signals` is a signalfd(2) of these and SIGCHLD, all of which are blocked. To be called without threads.
 *
 * Returns 0; -ECHILD with one sentence in `error` when it gave up, or the worker crashed as it ended; the same with an
 * empty one when the first worker was not mounted, of which heard() knows more; another negative errno.
 */
int supervisor_run(const struct supervised *supervised, int signals, char *error, size_t error_size);

/*
 * Looks whether the dead mount that a crash left is there, and takes it away if `away` is set. Returns 0; -ENOENT, nothing
 * of that kind is there any more; -EBUSY, it is mounted and answers; another negative errno, it cannot be unmounted, or
 * looked at. All but 0 with a reason.
 */
int supervisor_reclaim(const char *mountpoint, const char *source, bool away, char *reason, size_t reason_size);

#endif
