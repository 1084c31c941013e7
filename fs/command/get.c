/* SPDX-License-Identifier: MIT */
/* get.c - `larder get PATH`: the value of an entry to standard output, or exit 1 and nothing. A hit, or a miss. */
#include "arguments.h"
#include "entry_path.h"
#include "value_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int print(const struct entry_path *path)
{
    bool reading;
    int fd = openat(path->dir, path->name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return entry_path_fail(path, -errno);
    int result = stream_copy(fd, STDOUT_FILENO, &reading);
    close(fd);
    if (result < 0 && !reading)
        return command_fail(COMMAND_FAILED, "cannot write: %s", strerror(-result));
    return result < 0 ? entry_path_fail(path, result) : COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    struct entry_path path;
    int words;
    int code = arguments_parse(&command_get, argc, argv, (const struct argument[]){{NULL}}, 1, 1, &words, NULL);
    if (code == COMMAND_DONE)
        code = entry_path_find(argv[0], 0, &path);
    if (code != COMMAND_DONE)
        return code;
    code = print(&path);
    entry_path_release(&path);
    return code;
}

const struct command command_get = {
    .name = "get",
    .arguments = "PATH",
    .summary = "print a value; exit 1 when it is not there",
    .details = "  PATH     a name in a larder\n",
    .run = run,
};
