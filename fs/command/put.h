/* SPDX-License-Identifier: MIT */
/*
 * put.h - what `larder set` and `larder add` share, and whatever else stores a value: open, lifetime and tags, value,
 * close. They become visible together, when the file is closed.
 */
#ifndef LARDER_FS_PUT_H
#define LARDER_FS_PUT_H

#include "arguments.h"
#include "entry_path.h"

/* What an entry gets besides its value; NULL: what it has or inherits. Not owned. */
struct put_options {
    const char *ttl, *idle, *tags;
};

/* Rows of a table of arguments for them. */
#define PUT_ARGUMENTS(options)                                                                                         \
    {"--ttl", 't', NULL, &(options).ttl}, {"--idle", 0, NULL, &(options).idle},                                        \
    {                                                                                                                  \
        "--tag", 0, NULL, &(options).tags                                                                              \
    }

/* Lines of --help for them. */
#define PUT_DETAILS                                                                                                    \
    "  -t, --ttl T    lifetime: 90, 90s, 15m, 2h, 7d, 250ms; 0 or none for ever\n"                                     \
    "  --idle T       it goes when it was not read for this long\n"                                                    \
    "  --tag LIST     labels, separated by commas\n"

/* Do the durations make sense? COMMAND_DONE, or it has complained. */
int put_options_check(const struct put_options *options);

/* Sets lifetime and tags of an open file. COMMAND_DONE, or it has complained. */
int put_attributes(int fd, const struct put_options *options, const char *path);

/* What is to be there for a set. COMMAND_MISS when it is otherwise. */
enum put_over { PUT_OVER_ANYTHING, PUT_OVER_NOTHING, PUT_OVER_SOMETHING };

/* Opens what is to be stored, and gives it its lifetime and tags. Then put_close() must follow. */
int put_open(const struct entry_path *path, enum put_over over, const struct put_options *options, int *ret_fd);

/* Stores what was written to it, when `code` is COMMAND_DONE, else nothing. Returns `code`, or has complained. */
int put_close(int fd, const struct entry_path *path, int code);

/* Writes a value to it: `value`, or NULL what comes from standard input. COMMAND_DONE, or it has complained. */
int put_write(int fd, const struct entry_path *path, const char *value);

/* All of it. */
int put_value(const struct entry_path *path, bool exclusive, const struct put_options *options, const char *value);

/* Where to: finds what `text` names, with `parents` also where directories above it are missing. COMMAND_DONE, or it has
 * complained. */
int put_find(const char *text, bool parents, struct entry_path *ret_path);

#endif
