/* SPDX-License-Identifier: MIT */
/*
 * unmounter.h - a process that waits to unmount for a daemon that may not (confine.h). It is started before the daemon has
 * given anything up, holds nothing open, and goes with the daemon, however that goes.
 */
#ifndef LARDER_FS_UNMOUNTER_H
#define LARDER_FS_UNMOUNTER_H

#include <sys/types.h>

struct unmounter {
    pid_t pid; /* 0: none, the caller does it itself */
    int fd;
};

/* Detaches a mount point, so that nobody new comes in; open files stay. By umount2(2), or with fusermount3 for a user.
 * For who may start programs and does not go on: it does not return. */
__attribute__((noreturn)) void unmounter_detach(const char *mountpoint);

/* Starts it; for before there are other threads. 0 or -errno. */
int unmounter_start(const char *mountpoint, struct unmounter *ret_unmounter);

/* Has it unmount, unless it is none, and waits until it has. */
void unmounter_unmount(struct unmounter *unmounter);

/* Ends it, if it is there still. */
void unmounter_end(struct unmounter *unmounter);

#endif
