/* SPDX-License-Identifier: MIT */
/* add.c - `larder add PATH [VALUE]`: stores a value where there is none; of many at once, one wins. See put.h. */
#include "put.h"

static int run(int argc, char **argv)
{
    struct put_options options = {0};
    struct entry_path path;
    bool parents = false;
    int words;
    const struct argument table[] = {PUT_ARGUMENTS(options), {"--parents", 'p', &parents, NULL}, {NULL}};

    int code = arguments_parse(&command_add, argc, argv, table, 1, 2, &words, NULL);
    if (code == COMMAND_DONE)
        code = put_options_check(&options);
    if (code == COMMAND_DONE)
        code = put_find(argv[0], parents, &path);
    if (code != COMMAND_DONE)
        return code;
    code = put_value(&path, true, &options, words == 2 ? argv[1] : NULL);
    entry_path_release(&path);
    return code;
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
