/* SPDX-License-Identifier: MIT */
/* pop.c - `larder pop PATH`: prints a value and removes it; of many at once one gets it. See take.h. */
#include "arguments.h"
#include "entry_path.h"
#include "take.h"
#include "value_stream.h"

#include <string.h>
#include <unistd.h>

static int pop(const struct entry_path *path)
{
    int fd;
    int result = take_entry(path->dir, path->name, &fd);
    if (result < 0)
        return entry_path_fail(path, result);
    result = stream_copy(fd, STDOUT_FILENO, NULL);
    close(fd);
    return result < 0
               ? command_fail(COMMAND_FAILED, "%s: taken, but it cannot be printed: %s", path->path, strerror(-result))
               : COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    struct entry_path path;
    int words;
    int code = arguments_parse(&command_pop, argc, argv, (const struct argument[]){{NULL}}, 1, 1, &words, NULL);
    if (code == COMMAND_DONE)
        code = entry_path_find(argv[0], 0, &path);
    if (code != COMMAND_DONE)
        return code;
    code = pop(&path);
    entry_path_release(&path);
    return code;
}

const struct command command_pop = {
    .name = "pop",
    .arguments = "PATH",
    .summary = "print a value and remove it: one gets it, the others exit 1",
    .details = "  PATH     a name in a larder\n",
    .run = run,
};
