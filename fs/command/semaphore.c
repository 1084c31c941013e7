/* SPDX-License-Identifier: MIT */
/*
 * semaphore.c - `larder semaphore PATH -n N -- COMMAND`: runs a command while fewer than N others do.
 *
 * PATH is a directory with one more for each place, of which whoever is in has one locked. Who finds none free waits in
 * a line, PATH itself: its head looks at the places again and again. Whose time is over before it is the head looks once,
 * past the line: that may be held by somebody who finds a place at this very moment, and leaves others.
 */
#include "arguments.h"
#include "hold.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { PLACES_MAX = 10000 };

/* Takes a place if one is free; it stays locked in a descriptor that nobody closes. 0, -EAGAIN or -errno. */
static int take_place(int dir, int64_t places)
{
    char name[16];
    int result = -EAGAIN;
    for (int64_t i = 1; i <= places && result == -EAGAIN; i++) {
        snprintf(name, sizeof name, "%d", (int)i);
        int fd = hold_open_dir(dir, name, true);
        if (fd < 0)
            return fd;
        result = hold_lock(fd, LOCK_EX, 0);
        if (result < 0)
            close(fd);
    }
    return result;
}

static int enter(int dir, int64_t places, int64_t until_ns)
{
    const struct timespec pause = {0, 5000000};
    int result = hold_lock(dir, LOCK_EX, until_ns);
    if (result == -EAGAIN)
        return take_place(dir, places);
    if (result < 0)
        return result;
    while ((result = take_place(dir, places)) == -EAGAIN && !hold_is_over(until_ns))
        nanosleep(&pause, NULL);
    close(dir);
    return result;
}

static int run(int argc, char **argv)
{
    const char *timeout = NULL, *places_text = NULL;
    uint64_t timeout_ms = UINT64_MAX;
    int64_t places = 0;
    char **rest;
    int words, dir;
    const struct argument table[] = {{"--number", 'n', NULL, &places_text}, {"--timeout", 0, NULL, &timeout}, {NULL}};

    int code = arguments_parse(&command_semaphore, argc, argv, table, 1, 1, &words, &rest);
    if (code == COMMAND_DONE)
        code = arguments_number("-n", places_text, 1, &places);
    if (code == COMMAND_DONE && (places == 0 || places > PLACES_MAX))
        code = arguments_fail(&command_semaphore, "-n must say how many, up to %d", PLACES_MAX);
    if (code == COMMAND_DONE)
        code = arguments_timeout(timeout, &timeout_ms);
    if (code == COMMAND_DONE)
        code = hold_open_path(argv[0], false, &dir);
    if (code != COMMAND_DONE)
        return code;
    int result = enter(dir, places, hold_until(timeout_ms));
    if (result == -EAGAIN)
        return COMMAND_MISS;
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s: cannot be entered: %s", argv[0], strerror(-result));
    return hold_exec(rest);
}

const struct command command_semaphore = {
    .name = "semaphore",
    .arguments = "PATH -n N [--timeout T] -- COMMAND...",
    .summary = "run a command while fewer than N others do",
    .details = "  PATH             a directory in a larder, made when it is not there\n"
               "  -n, --number N   how many may run at once\n"
               "  --timeout T      exit 1 when there is no place within that: 0, 250ms, 10s, 5m\n",
    .run = run,
};
