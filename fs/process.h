/* SPDX-License-Identifier: MIT */
/*
 * process.h - what /proc tells of the processes that ask us.
 *
 * A request names a thread, 0 when that belongs to another pid namespace, of which nothing can be told. Whoever asks
 * has a request under way, so that the thread is still there; nothing here asks anything of our own mount.
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

/* How many descriptors the thread's process has open; 0 when it is exiting, or cannot be told (kernels before 6.2). */
unsigned process_descriptors(pid_t tid);

/* Does the process have a descriptor to write to the file `ino` of the device `device` (as of statx)? */
enum process_answer { PROCESS_NO, PROCESS_YES, PROCESS_UNKNOWN };
enum process_answer process_writes_file(pid_t tid, uint64_t device, uint64_t ino);

/* The device of a directory's file system, without asking that; 0 when it cannot be told. */
uint64_t process_device(const char *path);

#endif
