/* SPDX-License-Identifier: MIT */
/*
 * mountpoint.h - what is mounted at a place, and taking it off again. Works on mounts whose daemon has died, and
 * sends nothing to any daemon but where it says so.
 */
#ifndef LARDER_FS_MOUNTPOINT_H
#define LARDER_FS_MOUNTPOINT_H

#include <stdbool.h>
#include <stddef.h>

/* The type of every larder in /proc/self/mountinfo. */
#define MOUNTPOINT_TYPE "fuse.larder"

/* The mount a path lies in. */
struct mountpoint {
    char *path; /* what was asked for, absolute and without symbolic links; owned, as all that follow */
    char *root; /* where the mount is mounted */
    char *type; /* as the kernel names it: "ext4", "fuse.larder" */
    char *source; /* what is mounted, for a larder its store */
    char *device; /* the file system's number, "0:42", the same for every mount of it */
    bool whole; /* it shows its file system from the root on; false for a bind mount of a part */
    bool elsewhere; /* the same file system is mounted somewhere else too */
};

/* Finds the mount a path lies in. Returns 0, or as open(2) has it: -ENOENT, -ENOTDIR, -EACCES, ... */
int mountpoint_find(const char *path, struct mountpoint *ret_mountpoint);

/* A copy of all but `elsewhere`. 0 or -ENOMEM. */
int mountpoint_copy(const struct mountpoint *mountpoint, struct mountpoint *ret_copy);

/* Calls `each` for every larder that is mounted from its root on, in the order of mounting, with what /proc tells: nobody
 * is asked. `path` is the root. What `each` returns, if not 0, ends it and is returned. -ENOMEM, or of reading /proc. */
int mountpoint_each(int (*each)(void *arg, const struct mountpoint *mountpoint), void *arg);

/* Frees what it owns and zeroes it. */
void mountpoint_release(struct mountpoint *mountpoint);

/* It is a larder. */
bool mountpoint_is_larder(const struct mountpoint *mountpoint);

/* The path is where the mount is mounted, not something within. */
bool mountpoint_is_root(const struct mountpoint *mountpoint);

/* Its daemon has died or was cut off: every access answers ENOTCONN. Asks the daemon, and so waits for it. */
bool mountpoint_is_dead(const struct mountpoint *mountpoint);

/*
 * Unmounts what is mounted at its root; lazily: from the names at once, from the kernel when the last file in it
 * is closed. By the kernel as root, by fusermount3 otherwise. Returns 0; -EBUSY; -ENOENT when fusermount3 is
 * not installed; another negative errno with its reason in `reason`.
 */
int mountpoint_unmount(const struct mountpoint *mountpoint, bool lazily, char *reason, size_t reason_size);

#endif
