/* SPDX-License-Identifier: MIT */
/*
 * script.h - the language of rows: calls separated by "; ", arguments by spaces. commands.c has them all.
 *
 *   ""        an empty argument
 *   {ab*3}    ababab
 *   {other}   a directory on another file system         {self}  the directory of the row
 *   A ... H   descriptors
 *   O_RDWR|O_CREAT, 0644, ...  numbers
 *
 * A call succeeds or fails with an errno; one that looks whether something is as it should be (holds, mode, ...) fails
 * with MISMATCH.
 */
#ifndef LARDER_TESTS_POSIX_SCRIPT_H
#define LARDER_TESTS_POSIX_SCRIPT_H

#include "posix.h"

/* The number that a text means: "5", "0644", "O_RDWR|O_CREAT". Aborts when it means none. */
long number(const char *text);

/* A command. argv[0] is its name; argv[argc] is NULL. Returns 0, an errno or MISMATCH. */
typedef int command_fn(int argc, char **argv);
struct command {
    const char *name;
    int least, most; /* arguments */
    command_fn *run;
};
extern const struct command call_commands[], look_commands[]; /* each ends with a name of NULL */

/* The descriptor of a name: "A". "." is AT_FDCWD. NULL aborts when it is no such name. */
int *descriptor(const char *name);

#endif
