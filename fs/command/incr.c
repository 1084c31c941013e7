/* SPDX-License-Identifier: MIT */
/*
 * incr.c - `larder incr PATH [N]` and `larder decr PATH [N]`: add to a number, as one step among all processes.
 *
 * The daemon adds to what is there (LARDER_ADD). Where nothing is, the first number is created as any file is with
 * O_EXCL, of which one wins; who loses finds it a moment later. A winner that is killed before it is done leaves
 * nothing, and another one wins.
 */
#include "larder_ioctl.h"
#include "put.h"
#include "value_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long to wait for somebody who is creating the entry. */
enum { PATIENCE_S = 10, PAUSE_NS = 500000 };

struct adding {
    struct entry_path path;
    struct put_options options; /* of an entry that it makes */
    int64_t by, first;
    int64_t value; /* the sum */
};

/* Adds to what is there. -ENOENT when nothing is, -EAGAIN when something else is there by now. */
static int add_to_it(struct adding *adding)
{
    struct larder_add add = {.by = adding->by};
    int fd = openat(adding->path.dir, adding->path.name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = ioctl(fd, LARDER_ADD, &add) < 0 ? -errno : 0;
    close(fd);
    adding->value = add.value;
    return result;
}

/* Makes it. COMMAND_MISS when somebody else does. */
static int make_it(struct adding *adding)
{
    char text[32];
    int fd;
    if (__builtin_add_overflow(adding->first, adding->by, &adding->value))
        return command_fail(COMMAND_FAILED, "%s: the sum would be too large for a number of 64 bits",
                            adding->path.path);
    int code = put_open(&adding->path, PUT_OVER_NOTHING, &adding->options, &fd);
    if (code != COMMAND_DONE)
        return code;
    snprintf(text, sizeof text, "%" PRId64, adding->value);
    int result = stream_write(fd, text, strlen(text));
    return put_close(fd, &adding->path, result < 0 ? entry_path_fail(&adding->path, result) : COMMAND_DONE);
}

static int fail(const struct adding *adding, int result)
{
    const char *path = adding->path.path;
    if (result == -EINVAL)
        return command_fail(COMMAND_FAILED, "%s: its value is no whole number of 64 bits", path);
    if (result == -EOVERFLOW)
        return command_fail(COMMAND_FAILED, "%s: the sum would be too large for a number of 64 bits", path);
    if (result == -EBUSY)
        return command_fail(COMMAND_FAILED, "%s: others have been writing to it for %d s without a pause", path,
                            PATIENCE_S);
    if (result == -EAGAIN || result == -ENOENT)
        return command_fail(COMMAND_FAILED, "%s: somebody has been creating it for %d s and is not done", path,
                            PATIENCE_S);
    return entry_path_fail(&adding->path, result);
}

static int add(struct adding *adding)
{
    const struct timespec pause = {0, PAUSE_NS};
    time_t end = time(NULL) + PATIENCE_S;
    int result, code = COMMAND_MISS;
    do {
        result = add_to_it(adding);
        if (result == 0)
            return COMMAND_DONE;
        if (result == -ENOENT && (code = make_it(adding)) != COMMAND_MISS)
            return code;
        if (result != -ENOENT && result != -EAGAIN && result != -ESTALE && result != -EBUSY)
            break;
        nanosleep(&pause, NULL);
    } while (time(NULL) < end);
    return fail(adding, result);
}

static int run_verb(const struct command *command, bool down, int argc, char **argv)
{
    struct adding adding = {.by = 1};
    const char *first = NULL;
    bool parents = false;
    int words;
    const struct argument table[] = {
        {"--default", 'd', NULL, &first}, PUT_ARGUMENTS(adding.options), {"--parents", 'p', &parents, NULL}, {NULL}};

    int code = arguments_parse(command, argc, argv, table, 1, 2, &words, NULL);
    if (code == COMMAND_DONE && words == 2)
        code = arguments_number("N", argv[1], -INT64_MAX, &adding.by);
    if (code == COMMAND_DONE)
        code = arguments_number("--default", first, INT64_MIN, &adding.first);
    if (code == COMMAND_DONE)
        code = put_options_check(&adding.options);
    if (code == COMMAND_DONE)
        code = put_find(argv[0], parents, &adding.path);
    if (code != COMMAND_DONE)
        return code;
    adding.by = down ? -adding.by : adding.by;
    code = add(&adding);
    if (code == COMMAND_DONE)
        printf("%" PRId64 "\n", adding.value);
    entry_path_release(&adding.path);
    return code;
}

static int incr_run(int argc, char **argv)
{
    return run_verb(&command_incr, false, argc, argv);
}

static int decr_run(int argc, char **argv)
{
    return run_verb(&command_decr, true, argc, argv);
}

#define DETAILS                                                                                                        \
    "  PATH           a name in a larder; its value is a whole number, of 64 bits with a sign\n"                       \
    "  N              how much; 1\n"                                                                                   \
    "  -d, --default D  what it is taken for when it is not there; 0\n"                                                \
    " of an entry that is not there yet (one that is keeps its own, and goes when it would have gone):\n" PUT_DETAILS  \
    "  -p, --parents  make the directories above it that are missing\n"

const struct command command_incr = {
    .name = "incr",
    .arguments = "PATH [N] [--default D] [--ttl T] [--idle T] [--tag LIST] [-p]",
    .summary = "add to a number, and print the sum",
    .details = DETAILS,
    .run = incr_run,
};

const struct command command_decr = {
    .name = "decr",
    .arguments = "PATH [N] [--default D] [--ttl T] [--idle T] [--tag LIST] [-p]",
    .summary = "subtract from a number, and print the difference",
    .details = DETAILS,
    .run = decr_run,
};
