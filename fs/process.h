/* SPDX-License-Identifier: MIT */
/*
 * process.h - what /proc tells of the processes that ask us.
 *
 * A request names a thread, 0 when that belongs to another pid namespace, of which nothing can be told. Whoever asks
 * has a request under way, so that the thread is still there. Nothing here asks anything of our own mount, nor follows
 * a link in /proc/PID/fd, nor reads stat or maps of a process that is not exiting: one that closes its files in
 * execve(2) holds what the kernel takes for that, and would wait for our answer for good.
 */
#ifndef LARDER_FS_PROCESS_H
#define LARDER_FS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The process a thread belongs to, 0 when it cannot be told. */
pid_t process_of(pid_t tid);

/* True when both threads belong to one process, as far as can be told. */
bool process_same(pid_t tid, pid_t other_tid);

/* True when a signal has killed the thread's process, which is closing its files just now. */
bool process_was_killed(pid_t tid);

/* The core a thread runs on, or ran on last; -1 when it cannot be told. An exception to the above: it reads stat, so it
 * may take until other requests of the process were answered. */
int process_core(pid_t tid);

/* The process a thread belongs to, as process_of(), and how many descriptors that has open: 0 when it is exiting, or it
 * cannot be told (kernels before 6.2). Any thread; keeps a descriptor each of the last few that it was asked about. */
pid_t process_look(pid_t tid, unsigned *ret_descriptors);

/*
 * Does the process have a descriptor of the file `ino` of the mount `mount_id` (as statx tells it)? `to_write`: one to
 * write. Maybe: to one of that number, in what may be another mount namespace's view of ours. Unknown: we may not look,
 * or the kernel is older than 5.14.
 */
enum process_answer { PROCESS_NO, PROCESS_YES, PROCESS_MAYBE, PROCESS_UNKNOWN };
enum process_answer process_has_file(pid_t tid, uint64_t mount_id, uint64_t ino, bool to_write);

/* The same of all processes but those that we may not look at, which are other users'. Takes as long as there are many
 * descriptors: some milliseconds. */
enum process_answer process_any_has_file(uint64_t mount_id, uint64_t ino, bool to_write);

/* The id of the mount on a directory, without asking that; 0 when it cannot be told (kernels before 5.8). */
uint64_t process_mount_id(const char *path);

#endif
