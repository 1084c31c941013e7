/* SPDX-License-Identifier: MIT */
/*
 * stats.c - `larder stats PATH`: copies .larder/stats, or .larder/stats.json, of the mount a path lies in to stdout.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Copies a file to stdout. Returns 0 or a negative errno of reading; main() looks after stdout's. */
static int print_file(const char *path)
{
    char buffer[16384];
    ssize_t got;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while ((got = read(fd, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)got, stdout);
    int result = got < 0 ? -errno : 0;
    close(fd);
    return result;
}

static int run(int argc, char **argv)
{
    struct mountpoint mountpoint;
    const char *place;
    char *path;
    bool json;

    int code = command_arguments(&command_stats, argc, argv, "--json", 0, &json, &place);
    if (code == COMMAND_DONE)
        code = command_find_larder(place, &mountpoint);
    if (code != COMMAND_DONE)
        return code;
    int result = asprintf(&path, "%s/.larder/stats%s", mountpoint.root, json ? ".json" : "") < 0 ? -ENOMEM : 0;
    if (result == 0) {
        result = print_file(path);
        free(path);
    }
    if (result == -ENOTCONN || result == -ECONNABORTED)
        code =
            command_fail(COMMAND_FAILED, "%s: the daemon of this mount has died; unmount it, or mount it anew", place);
    else if (result == -ENOENT && !mountpoint.whole)
        code =
            command_fail(COMMAND_FAILED, "%s: only a part of a larder is mounted there; ask the mount itself", place);
    else if (result < 0)
        code = command_fail(COMMAND_FAILED, "%s: its statistics cannot be read: %s", place, strerror(-result));
    mountpoint_release(&mountpoint);
    return code;
}

const struct command command_stats = {
    .name = "stats",
    .arguments = "PATH [--json]",
    .summary = "show what a mount holds and how it is used",
    .details = "  PATH     the mount point, or anything in the mount\n"
               "  --json   for programs\n",
    .run = run,
};
