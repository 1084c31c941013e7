/* SPDX-License-Identifier: MIT */
/* lock.c - `larder lock PATH -- COMMAND`: runs a command while nobody else holds the lock. See hold.h. */
#include "arguments.h"
#include "hold.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

static int run(int argc, char **argv)
{
    const char *timeout = NULL;
    uint64_t timeout_ms = UINT64_MAX;
    bool shared = false;
    char **rest;
    int words, fd;
    const struct argument table[] = {{"--shared", 's', &shared, NULL}, {"--timeout", 0, NULL, &timeout}, {NULL}};

    int code = arguments_parse(&command_lock, argc, argv, table, 1, 1, &words, &rest);
    if (code == COMMAND_DONE)
        code = arguments_timeout(timeout, &timeout_ms);
    if (code == COMMAND_DONE)
        code = hold_open_path(argv[0], true, &fd);
    if (code != COMMAND_DONE)
        return code;
    int result = hold_lock(fd, shared ? LOCK_SH : LOCK_EX, hold_until(timeout_ms));
    if (result == -EAGAIN)
        return COMMAND_MISS;
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s: cannot be locked: %s", argv[0], strerror(-result));
    return hold_exec(rest);
}

const struct command command_lock = {
    .name = "lock",
    .arguments = "PATH [--shared] [--timeout T] -- COMMAND...",
    .summary = "run a command while nobody else holds a lock",
    .details = "  PATH           a directory in a larder, made when it is not there\n"
               "  -s, --shared   with others who do so too, but with none who do not\n"
               "  --timeout T    exit 1 when it cannot be had within that: 0, 250ms, 10s, 5m\n",
    .run = run,
};
