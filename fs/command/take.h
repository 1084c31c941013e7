/* SPDX-License-Identifier: MIT */
/* take.h - takes an entry out of a larder: of many who try, one gets it. */
#ifndef LARDER_FS_TAKE_H
#define LARDER_FS_TAKE_H

/* Removes the entry of this name in a directory that is open, and opens what it held to be read. 0 and *ret_fd; -ENOENT:
 * it is not there, or another one was quicker; -errno. */
int take_entry(int dir, const char *name, int *ret_fd);

#endif
