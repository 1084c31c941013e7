/* SPDX-License-Identifier: MIT */
/*
 * mount.c - `larder mount STORE MOUNTPOINT`: the arguments; mount_run() does the rest.
 */
#include "command.h"

#include "mount.h"
#include "options.h"

#include <errno.h>
#include <stdio.h>

static int run(int argc, char **argv)
{
    struct mount_options options;
    char error[1024];

    if (mount_options_parse(argc, argv, &options, error, sizeof error) < 0)
        return command_fail(COMMAND_USAGE, "%s", error);
    int result = mount_run(&options, error, sizeof error);
    mount_options_release(&options);
    if (result < 0)
        return command_fail(result == -EINVAL ? COMMAND_USAGE : COMMAND_FAILED, "%s", error);
    return COMMAND_DONE;
}

static void print_options(void)
{
    printf("\noptions behind -o:\n");
    mount_options_help(stdout);
}

const struct command command_mount = {
    .name = "mount",
    .arguments = "STORE MOUNTPOINT [-f] [-d] [-o OPTION[=VALUE],...]",
    .summary = "mount a store as a directory",
    .details =
        "  STORE          a directory (made if it is not there), rocksdb:DIRECTORY, or mem: (gone when unmounted)\n"
        "  MOUNTPOINT     an empty directory\n"
        "  -f, --foreground   stay in the foreground and log to stderr\n"
        "  -d, --debug    the same, and print every message from the kernel\n",
    .more = print_options,
    .run = run,
};
