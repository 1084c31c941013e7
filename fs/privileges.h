/* SPDX-License-Identifier: MIT */
/*
 * privileges.h - what a daemon that root has started does without. It goes on as root, to whom the store belongs, but of
 * what root may it keeps only this:
 *
 *     sys_admin         to unmount at the end
 *     sys_ptrace        to see whether a writer was killed, whoever's it was, and which files a caller has open
 *     dac_read_search   likewise (/proc/PID/fd is its owner's); and to enter directories above the store
 *
 * and what it has given up neither it nor a program it starts can get back (no_new_privs). To run after everybody else for
 * a while, and then no more, takes sys_nice (crew.h), or a limit of its own that gives it the right to just that: where that
 * may not be set, as in a container without sys_resource, it keeps sys_nice, too.
 *
 * A daemon that a user has started has no privileges, and unmounts with the help of a program that has (fusermount3), so
 * that it may not refuse new ones.
 *
 * Core dumps are left on: they are written for the user whose the store is, who may read what is in it anyway.
 */
#ifndef LARDER_FS_PRIVILEGES_H
#define LARDER_FS_PRIVILEGES_H

#include <stdio.h>

/* Gives them up, for the calling thread and those it starts: for before there are others. 0; -errno; 0 at once when the
 * user is not root. */
int privileges_drop(void);

/* Writes the names of those that the calling thread has, with commas between them, as capabilities(7) has them but without
 * "cap_"; "none". One that it should not have is a number: "cap41". */
void privileges_write(FILE *out);

#endif
