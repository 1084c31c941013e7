/* SPDX-License-Identifier: MIT */
/*
 * throttle.c - `larder throttle PATH --rate N/T -- COMMAND`: runs a command, after a wait when more than N have begun
 * in the last T.
 *
 * The generic cell rate algorithm (ITU-T I.371): one number says when the next one would be due if all came evenly,
 * T/N apart; who comes no earlier than T - T/N before that need not wait. It is an entry in the directory PATH, which is
 * locked while it is changed. When it is evicted, the count begins anew.
 */
#include "arguments.h"
#include "clock.h"
#include "hold.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static const char due_name[] = "due";

/* "100/1m", "5/s": how many in how many ms. */
static int parse_rate(const char *text, int64_t *ret_count, uint64_t *ret_ms)
{
    char count[32], duration[64];
    const char *slash = text ? strchr(text, '/') : NULL;
    if (!slash || slash == text || (size_t)(slash - text) >= sizeof count)
        return -EINVAL;
    memcpy(count, text, (size_t)(slash - text));
    count[slash - text] = '\0';
    bool unit_alone = slash[1] && (slash[1] < '0' || slash[1] > '9');
    snprintf(duration, sizeof duration, "%s%s", unit_alone ? "1" : "", slash + 1);
    char *end;
    errno = 0;
    long long number = strtoll(count, &end, 10);
    if (errno || *end || number < 1 || duration_parse(duration, ret_ms) < 0 || *ret_ms > INT64_MAX / 1000000)
        return -EINVAL;
    *ret_count = number;
    return 0;
}

static int64_t read_due(int dir)
{
    char text[32] = "";
    int fd = openat(dir, due_name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    return got > 0 ? strtoll(text, NULL, 10) : 0;
}

static int write_due(int dir, int64_t due_ns)
{
    int fd = openat(dir, due_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int result = dprintf(fd, "%" PRId64, due_ns) < 0 ? -errno : 0;
    return close(fd) < 0 && result == 0 ? -errno : result;
}

/* When the caller may begin, in ns since the epoch. */
static int book(int dir, int64_t count, int64_t interval_ns, int64_t *ret_begin_ns)
{
    int result = hold_lock(dir, LOCK_EX, HOLD_FOREVER);
    if (result < 0)
        return result;
    int64_t now_ns = clock_ns(CLOCK_REALTIME), apart_ns = interval_ns / count;
    int64_t due_ns = read_due(dir), begin_ns;
    if (due_ns < now_ns)
        due_ns = now_ns;
    begin_ns = due_ns - (interval_ns - apart_ns);
    if (begin_ns < now_ns)
        begin_ns = now_ns;
    result = write_due(dir, due_ns + apart_ns);
    flock(dir, LOCK_UN);
    if (result == 0)
        *ret_begin_ns = begin_ns;
    return result;
}

static int run(int argc, char **argv)
{
    const char *rate = NULL;
    int64_t count = 1, begin_ns = 0;
    uint64_t interval_ms = 0;
    char **rest;
    int words, dir;
    const struct argument table[] = {{"--rate", 'r', NULL, &rate}, {NULL}};

    int code = arguments_parse(&command_throttle, argc, argv, table, 1, 1, &words, &rest);
    if (code == COMMAND_DONE && parse_rate(rate, &count, &interval_ms) < 0)
        code = arguments_fail(&command_throttle, "--rate must say how many in what time, as in 100/1m");
    if (code == COMMAND_DONE)
        code = hold_open_path(argv[0], false, &dir);
    if (code != COMMAND_DONE)
        return code;
    int result = book(dir, count, (int64_t)interval_ms * 1000000, &begin_ns);
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s: the rate cannot be kept there: %s", argv[0], strerror(-result));
    const struct timespec begin = {begin_ns / 1000000000, begin_ns % 1000000000};
    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &begin, NULL) == EINTR)
        ;
    return hold_exec(rest);
}

const struct command command_throttle = {
    .name = "throttle",
    .arguments = "PATH --rate N/T -- COMMAND...",
    .summary = "run a command, but no more than N in a time T",
    .details = "  PATH             a directory in a larder, made when it is not there\n"
               "  -r, --rate N/T   how many may begin in what time: 5/s, 100/1m; who comes too early waits\n",
    .run = run,
};
