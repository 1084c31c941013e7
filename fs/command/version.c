/* SPDX-License-Identifier: MIT */
/*
 * version.c - `larder version`: of larder, of libfuse, and whether this machine can mount.
 */
#define FUSE_USE_VERSION 314

#include "command.h"

#include <fuse_lowlevel.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

static int run(int argc, char **argv)
{
    struct utsname kernel;
    bool json;

    int code = command_arguments(&command_version, argc, argv, "--json", 0, &json, NULL);
    if (code != COMMAND_DONE)
        return code;
    bool device = access("/dev/fuse", F_OK) == 0;
    uname(&kernel);
    if (json)
        printf("{\"version\":\"%s\",\"libfuse\":\"%s\",\"kernel\":\"%s\",\"fuse_device\":%s}\n", LARDER_VERSION,
               fuse_pkgversion(), kernel.release, device ? "true" : "false");
    else
        printf("larder %s\nlibfuse %s\nLinux %s, /dev/fuse is %s\n", LARDER_VERSION, fuse_pkgversion(), kernel.release,
               device ? "there" : "missing");
    return COMMAND_DONE;
}

const struct command command_version = {
    .name = "version",
    .arguments = "[--json]",
    .summary = "show the versions of larder and libfuse",
    .details = "  --json   for programs\n",
    .run = run,
};
