/* SPDX-License-Identifier: MIT */
/* hold.c - see hold.h. */
#include "hold.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int64_t hold_until(uint64_t timeout_ms)
{
    return timeout_ms > INT64_MAX / 4000000 ? HOLD_FOREVER : clock_ns(CLOCK_MONOTONIC) + (int64_t)timeout_ms * 1000000;
}

bool hold_is_over(int64_t until_ns)
{
    return until_ns != HOLD_FOREVER && clock_ns(CLOCK_MONOTONIC) >= until_ns;
}

int64_t hold_left_ms(int64_t until_ns)
{
    return until_ns == HOLD_FOREVER ? INT64_MAX : (until_ns - clock_ns(CLOCK_MONOTONIC)) / 1000000;
}

static void wake(int number)
{
    (void)number;
}

/* Lets a signal end what blocks every few milliseconds, so that none is missed. */
static void wake_up_calls(bool on)
{
    const struct timeval pause = {0, on ? 5000 : 0};
    const struct itimerval timer = {pause, pause};
    struct sigaction action = {.sa_handler = on ? wake : SIG_DFL};
    if (on)
        sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    if (!on)
        sigaction(SIGALRM, &action, NULL);
}

int hold_lock(int fd, int how, int64_t until_ns)
{
    if (flock(fd, how | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK || hold_is_over(until_ns))
        return -errno;
    if (until_ns != HOLD_FOREVER)
        wake_up_calls(true);
    int result;
    do
        result = flock(fd, how) < 0 ? -errno : 0;
    while (result == -EINTR && !hold_is_over(until_ns));
    if (until_ns != HOLD_FOREVER)
        wake_up_calls(false);
    return result == -EINTR ? -EAGAIN : result;
}

int hold_open_dir(int dir, const char *name, bool kept)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | (kept ? 0 : O_CLOEXEC));
    if (fd < 0 && errno == ENOENT && (mkdirat(dir, name, 0777) == 0 || errno == EEXIST))
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | (kept ? 0 : O_CLOEXEC));
    return fd < 0 ? -errno : fd;
}

int hold_open_path(const char *text, bool kept, int *ret_fd)
{
    struct entry_path path;
    int code = entry_path_find(text, ENTRY_PATH_PARENTS, &path);
    if (code != COMMAND_DONE)
        return code == COMMAND_MISS ? command_fail(COMMAND_FAILED, "%s: its directory is gone", text) : code;
    int fd = hold_open_dir(path.dir, path.name, kept);
    if (fd == -ENOTDIR)
        code = command_fail(COMMAND_FAILED,
                            "%s: is no directory; what is held must be one, for an entry may be evicted", text);
    else if (fd < 0)
        code = command_fail(COMMAND_FAILED, "%s: %s", text, strerror(-fd));
    else
        *ret_fd = fd;
    entry_path_release(&path);
    return code;
}

int hold_exec(char **command)
{
    execvp(command[0], command);
    return command_fail(COMMAND_FAILED, "%s: cannot be run: %s", command[0], strerror(errno));
}
