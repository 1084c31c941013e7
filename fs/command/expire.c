/* SPDX-License-Identifier: MIT */
/*
 * expire.c - `larder expire MOUNTPOINT`: has the daemon let go of what has expired now, by LARDER_EXPIRE on the mount's
 * root. Nobody sees any of that any more; it is their space that comes back, and .larder/events that tells of them.
 */
#include "arguments.h"
#include "larder_ioctl.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* 0 or -errno; in *ret_expired how many went, in any case. */
static int expire(int fd, uint64_t *ret_expired)
{
    struct larder_expire step = {0};
    struct progress progress;
    int result = 0;
    progress_begin(&progress, "expiring", 0, PROGRESS_ENTRIES);
    for (*ret_expired = 0; result == 0 && !step.done; *ret_expired += result == 0 ? step.expired : 0) {
        result = ioctl(fd, LARDER_EXPIRE, &step) < 0 ? -errno : 0;
        progress_add(&progress, step.expired);
    }
    progress_end(&progress);
    return result;
}

static const char *explain(int result)
{
    return result == -EPERM    ? "only root and the owner of its root directory may let entries expire"
           : result == -ENOTTY ? "its daemon is of a version that cannot let entries expire when asked"
                               : strerror(-result);
}

static int run_on(const char *place, const struct mountpoint *mountpoint, bool json)
{
    uint64_t expired = 0;
    if (!mountpoint->whole)
        return command_fail(COMMAND_FAILED, "%s: only a part of a larder is mounted there; ask the mount itself",
                            place);
    int fd = open(mountpoint->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -errno : expire(fd, &expired);
    if (fd >= 0)
        close(fd);
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s: %s", place, explain(result));
    printf(json ? "{\"expired\":%" PRIu64 "}\n" : "expired %" PRIu64 " entries\n", expired);
    return COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    bool json = false;
    const struct argument table[] = {{"--json", 0, &json, NULL}, {NULL, 0, NULL, NULL}};
    struct mountpoint mountpoint;
    int words, code = arguments_parse(&command_expire, argc, argv, table, 1, 1, &words, NULL);
    if (code == COMMAND_DONE)
        code = command_find_larder(argv[0], &mountpoint);
    if (code != COMMAND_DONE)
        return code;
    code = run_on(argv[0], &mountpoint, json);
    mountpoint_release(&mountpoint);
    return code;
}

const struct command command_expire = {
    .name = "expire",
    .arguments = "PATH [--json]",
    .summary = "let go of what has expired now, and say how much that was",
    .details = "  PATH     the mount point, or anything in the mount\n"
               "  --json   for programs\n",
    .run = run,
};
