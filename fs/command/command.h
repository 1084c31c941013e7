/* SPDX-License-Identifier: MIT */
/*
 * command.h - the verbs of the command line: one row each in main.c's table, one file each beside this one.
 *
 * main.c has dealt with --help before a verb is run. A verb writes what was asked for to stdout, and what went
 * wrong as one sentence with command_fail() to stderr.
 */
#ifndef LARDER_FS_COMMAND_H
#define LARDER_FS_COMMAND_H

#include "mountpoint.h"

#include <stdbool.h>

/* What `larder` exits with. */
enum {
    COMMAND_DONE = 0,
    COMMAND_MISS = 1, /* a miss, or "not the winner" */
    COMMAND_USAGE = 2, /* the arguments make no sense */
    COMMAND_FAILED = 3,
};

struct command {
    const char *name;
    const char *arguments; /* as the usage line shows them */
    const char *summary; /* one line, for the list of verbs */
    const char *details; /* what --help says about the arguments; lines, each with its newline */
    void (*more)(void); /* prints what comes behind that; NULL for nothing */
    int (*run)(int argc, char **argv); /* gets what stands behind the verb; returns what to exit with */
};

extern const struct command command_mount, command_umount, command_stats, command_top, command_bench, command_version;
extern const struct command command_evict, command_tag, command_clear, command_expire, command_status, command_fsck;
extern const struct command command_get, command_set, command_add, command_touch, command_info, command_incr,
    command_decr, command_pop;
extern const struct command command_backup, command_restore;
extern const struct command command_push, command_pull, command_peek;
extern const struct command command_run, command_lock, command_semaphore, command_throttle, command_barrier;

/* Prints "larder: " and the sentence on stderr, and returns `code`. */
__attribute__((format(printf, 2, 3))) int command_fail(int code, const char *format, ...);

/*
 * Reads the arguments of a verb that takes one place and switches: `long_name` like "--json" and `letter` like 'l' (0:
 * none) set *ret_flag. With `ret_place` NULL there is no place. Returns COMMAND_DONE, or has complained and returns
 * COMMAND_USAGE.
 */
int command_arguments(const struct command *command, int argc, char **argv, const char *long_name, char letter,
                      bool *ret_flag, const char **ret_place);

/* Finds the larder a path lies in. Returns COMMAND_DONE, or has complained and returns COMMAND_FAILED. */
int command_find_larder(const char *path, struct mountpoint *ret_mountpoint);

#endif
