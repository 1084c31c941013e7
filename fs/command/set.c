/* SPDX-License-Identifier: MIT */
/* set.c - `larder set PATH [VALUE]`: stores a value, lifetime and tags at once; see put.h. */
#include "put.h"

static int run(int argc, char **argv)
{
    return put_run(&command_set, false, argc, argv);
}

const struct command command_set = {
    .name = "set",
    .arguments = "PATH [VALUE] [--ttl T] [--idle T] [--tag LIST] [-p]",
    .summary = "store a value, with its lifetime and tags",
    .details = "  PATH           a name in a larder\n"
               "  VALUE          what to store, as it is; without it, what comes from standard input\n" PUT_DETAILS
               "  -p, --parents  make the directories above it that are missing\n",
    .run = run,
};
