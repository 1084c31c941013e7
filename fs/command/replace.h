/* SPDX-License-Identifier: MIT */
/*
 * replace.h - what `larder set` does where something must be there: the file is opened to be replaced, and stored with
 * LARDER_REPLACE, which names the version that it replaces. Nothing is ever made.
 */
#ifndef LARDER_FS_REPLACE_H
#define LARDER_FS_REPLACE_H

#include "put.h"

/* What is to be replaced, and by what. All zeroes: nothing is asked. */
struct replace_options {
    bool only; /* whatever is there */
    bool append, prepend; /* the value is joined to what is there, which keeps its deadline unless there is a new ttl */
    int64_t version; /* only this user.version; 0 any */
};

/* COMMAND_DONE; COMMAND_MISS when nothing is there, or not that version; or it has complained. `value` NULL: what comes
 * from standard input. */
int replace_value(const struct entry_path *path, const struct replace_options *how, const struct put_options *options,
                  const char *value);

#endif
