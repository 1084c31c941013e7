/* SPDX-License-Identifier: MIT */
/* add.c - `larder add PATH [VALUE]`: stores a value where there is none; of many at once, one wins. See put.h. */
#include "put.h"

static int run(int argc, char **argv)
{
    return put_run(&command_add, true, argc, argv);
}

const struct command command_add = {
    .name = "add",
    .arguments = "PATH [VALUE] [--ttl T] [--idle T] [--tag LIST] [-p]",
    .summary = "store a value where there is none: one wins, the others exit 1",
    .details = "  PATH           a name in a larder\n"
               "  VALUE          what to store, as it is; without it, what comes from standard input\n" PUT_DETAILS
               "  -p, --parents  make the directories above it that are missing\n",
    .run = run,
};
