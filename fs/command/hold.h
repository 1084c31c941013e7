/* SPDX-License-Identifier: MIT */
/*
 * hold.h - locks among processes: the kernel's flock(2), which it frees when the last process that has the descriptor
 * open has ended, however it ended.
 *
 * What is locked for long is a directory: it is one kernel inode for as long as it exists, while a file becomes another
 * one when it is replaced, and may be evicted.
 */
#ifndef LARDER_FS_HOLD_H
#define LARDER_FS_HOLD_H

#include "entry_path.h"

#include <stdint.h>

/* Until when to wait; since CLOCK_MONOTONIC began, in ns. */
#define HOLD_FOREVER INT64_MAX
int64_t hold_until(uint64_t timeout_ms); /* from now; UINT64_MAX: for ever */
bool hold_is_over(int64_t until_ns);
int64_t hold_left_ms(int64_t until_ns);

/* Takes flock's LOCK_SH or LOCK_EX on a descriptor. 0, -EAGAIN it is held and the time is over (`until_ns` 0: at once),
 * -errno. */
int hold_lock(int fd, int how, int64_t until_ns);

/* Opens a directory below another one, which is made when it is not there. A descriptor, kept by exec when `kept`; or
 * -errno. */
int hold_open_dir(int dir, const char *name, bool kept);

/* Opens, and makes if need be, the directory of a path of the command line; COMMAND_DONE or it has complained. */
int hold_open_path(const char *path, bool kept, int *ret_fd);

/* Runs a command in place of this process, which what it holds goes with. Returns only when that cannot be done. */
int hold_exec(char **command);

#endif
