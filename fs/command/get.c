/* SPDX-License-Identifier: MIT */
/*
 * get.c - `larder get PATH`: the value of an entry to standard output, or exit 1 and nothing. A hit, or a miss.
 *
 * Version, lifetime and value are all asked of the one descriptor, so that they belong together whatever becomes of the
 * name meanwhile.
 */
#include "arguments.h"
#include "entry_path.h"
#include "larder_ioctl.h"
#include "value_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct getting {
    struct entry_path path;
    const char *ttl; /* to give it; NULL none */
    bool touch, version;
};

/* A new lifetime starts the clock, too. */
static int renew(const struct getting *getting, int fd)
{
    int result = getting->ttl     ? fsetxattr(fd, "user.ttl", getting->ttl, strlen(getting->ttl), 0)
                 : getting->touch ? futimens(fd, NULL)
                                  : 0;
    return result < 0 ? -errno : 0;
}

/* A line with the version. */
static int print_version(int fd)
{
    uint64_t version;
    int result = stream_version(fd, &version);
    if (result < 0)
        return result;
    printf("%" PRIu64 "\n", version);
    fflush(stdout);
    return 0;
}

static int print(const struct getting *getting, int fd)
{
    bool reading = true;
    int result = getting->version ? print_version(fd) : 0;
    if (result == 0) /* after that: to give it a lifetime changes no version */
        result = renew(getting, fd);
    if (result == 0)
        result = stream_copy(fd, STDOUT_FILENO, &reading);
    if (result < 0 && !reading)
        return command_fail(COMMAND_FAILED, "cannot write: %s", strerror(-result));
    return result < 0 ? entry_path_fail(&getting->path, result) : COMMAND_DONE;
}

static int get(const struct getting *getting)
{
    int fd = openat(getting->path.dir, getting->path.name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return entry_path_fail(&getting->path, -errno);
    int code = print(getting, fd);
    close(fd);
    return code;
}

static int run(int argc, char **argv)
{
    struct getting getting = {0};
    uint64_t ms;
    int words;
    const struct argument table[] = {{"--ttl", 't', NULL, &getting.ttl},
                                     {"--touch", 0, &getting.touch, NULL},
                                     {"--with-version", 0, &getting.version, NULL},
                                     {NULL}};

    int code = arguments_parse(&command_get, argc, argv, table, 1, 1, &words, NULL);
    if (code == COMMAND_DONE)
        code = arguments_duration("--ttl", getting.ttl, &ms);
    if (code == COMMAND_DONE)
        code = entry_path_find(argv[0], 0, &getting.path);
    if (code != COMMAND_DONE)
        return code;
    code = get(&getting);
    entry_path_release(&getting.path);
    return code;
}

const struct command command_get = {
    .name = "get",
    .arguments = "PATH [--ttl T] [--touch] [--with-version]",
    .summary = "print a value; exit 1 when it is not there",
    .details = "  PATH            a name in a larder\n"
               "  -t, --ttl T     give it a new lifetime: 90, 90s, 15m, 2h, 7d, 250ms; 0 or none for ever\n"
               "  --touch         start the clock of the one it has anew\n"
               "  --with-version  print its user.version first, on a line of its own, for larder-set(1)\n",
    .run = run,
};
