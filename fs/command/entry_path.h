/* SPDX-License-Identifier: MIT */
/*
 * entry_path.h - where a path of the command line leads: the directory it is in, open, and its name there.
 *
 * Symbolic links at its end are followed as open(2) follows them, also those that lead to nothing yet, so that an entry
 * can be made, replaced or removed where the link points. Nothing is opened to be read: that would count as a hit.
 * Only what lies in a larder is found.
 */
#ifndef LARDER_FS_ENTRY_PATH_H
#define LARDER_FS_ENTRY_PATH_H

#include "command.h"

struct entry_path {
    const char *path; /* as it was given, for sentences; not owned */
    int dir; /* O_PATH, of the directory; -1 none */
    char name[256]; /* in it; "." for the mount point itself */
};

enum { ENTRY_PATH_PARENTS = 1 }; /* makes the directories above that are missing */

/*
 * Finds it. COMMAND_DONE, whether or not there is something of that name; COMMAND_MISS, silently, when a directory above
 * it is missing; else it has complained. The caller lets go with entry_path_release() after COMMAND_DONE.
 */
int entry_path_find(const char *path, unsigned flags, struct entry_path *ret_path);

void entry_path_release(struct entry_path *path);

/* Says what went wrong with it: of a negative errno. Returns COMMAND_FAILED, or COMMAND_MISS, silently, for -ENOENT. */
int entry_path_fail(const struct entry_path *path, int result);

/* "/proc/self/fd/N/NAME": for calls that take no directory. It has room for 300 bytes. */
void entry_path_by_number(const struct entry_path *path, char *text);

#endif
