/* SPDX-License-Identifier: MIT */
/* supervisor.c - see supervisor.h. One process without threads: everything here is its own. */
#include "supervisor.h"

#include "clock.h"
#include "log.h"
#include "mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PAUSE_MIN_MS = 100, /* before the first start after a crash; twice as long before each that follows within ... */
    PAUSE_MAX_MS = 10000,
    MINUTE_MS = 60000, /* ... this time */
    CRASHES_MAX = 1000, /* supervised.give_up at most */
};

struct supervisor {
    const struct supervised *what;
    int signals;
    int life[2]; /* nothing is ever written */
    pid_t worker;
    unsigned starts;
    bool mounted; /* the first one was */
    bool ending; /* a signal came */
    int64_t crashes_ms[CRASHES_MAX]; /* CLOCK_MONOTONIC, of the last minute, the oldest first */
    unsigned crashes;
};

static int64_t now_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* --- what a crash leaves behind ------------------------------------------------------------------------ */

int supervisor_reclaim(const char *mountpoint, const char *source, bool away, char *reason, size_t reason_size)
{
    struct mountpoint there;
    int result = mountpoint_find(mountpoint, &there);
    if (result < 0) {
        snprintf(reason, reason_size, "%s", strerror(-result));
        return result;
    }
    if (!mountpoint_is_root(&there) || !mountpoint_is_larder(&there) || strcmp(there.source, source) != 0) {
        snprintf(reason, reason_size, "somebody has unmounted it, or mounted something else there");
        result = -ENOENT;
    } else if (!mountpoint_is_dead(&there)) {
        snprintf(reason, reason_size, "somebody has mounted it again");
        result = -EBUSY;
    } else if (away) {
        result = mountpoint_unmount(&there, true, reason, reason_size);
    }
    mountpoint_release(&there);
    return result;
}

/* --- a worker ------------------------------------------------------------------------------------------ */

__attribute__((noreturn)) static void worker_main(const struct supervisor *self, int report_fd)
{
    const struct supervision supervision = {
        .supervisor = getppid(),
        .restarts = self->starts - 1,
        .life_fd = self->life[0],
        .report_fd = report_fd,
    };
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &child, NULL); /* the others stay blocked: one that came meanwhile is not lost */
    close(self->life[1]);
    close(self->signals);
    exit(self->what->work(self->what->arg, &supervision));
}

/* Starts one; of the first waits until it is mounted or is not. */
static int start(struct supervisor *self)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    fflush(NULL);
    self->starts++;
    self->worker = fork();
    if (self->worker == 0) {
        close(report[0]);
        worker_main(self, report[1]);
    }
    int result = self->worker < 0 ? -errno : 0;
    close(report[1]);
    if (result == 0 && !self->mounted) {
        /* a signal may be for it, too: it is not to be waited for deaf */
        struct pollfd fds[] = {{.fd = report[0], .events = POLLIN}, {.fd = self->signals, .events = POLLIN}};
        struct signalfd_siginfo info;
        while (!fds[0].revents && (poll(fds, 2, -1) > 0 || errno == EINTR))
            if (!fds[0].revents && fds[1].revents && read(self->signals, &info, sizeof info) == sizeof info &&
                info.ssi_signo != SIGCHLD) {
                self->ending = true;
                kill(self->worker, (int)info.ssi_signo);
            }
        self->mounted = self->what->heard(self->what->arg, report[0]);
    }
    close(report[0]);
    return result;
}

/* Takes one signal; true when it is one that ends all. */
static bool signal_take(struct supervisor *self)
{
    struct signalfd_siginfo info;
    if (read(self->signals, &info, sizeof info) != sizeof info || info.ssi_signo == SIGCHLD)
        return false;
    self->ending = true;
    if (self->worker > 0)
        kill(self->worker, (int)info.ssi_signo);
    return true;
}

/* Waits for the end of the worker, and hands signals on to it. */
static int attend(struct supervisor *self)
{
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(self->worker, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR))
        signal_take(self);
    self->worker = 0;
    return status;
}

/* --- again --------------------------------------------------------------------------------------------- */

/* "was killed by SIGSEGV", "ended with status 1". */
static void end_describe(int status, char *text, size_t room)
{
    if (WIFSIGNALED(status))
        snprintf(text, room, "was killed by SIG%s", sigabbrev_np(WTERMSIG(status)) ?: "RT");
    else
        snprintf(text, room, "ended with status %d", WEXITSTATUS(status));
}

/* Notes a crash; how long to wait, or -1: it was one too many. */
static int crash_note(struct supervisor *self)
{
    int64_t now = now_ms(), pause = PAUSE_MIN_MS;
    unsigned past = 0;
    while (past < self->crashes && now - self->crashes_ms[past] > MINUTE_MS)
        past++;
    self->crashes -= past;
    memmove(self->crashes_ms, self->crashes_ms + past, self->crashes * sizeof self->crashes_ms[0]);
    for (unsigned i = 0; i < self->crashes && pause < PAUSE_MAX_MS; i++)
        pause *= 2;
    self->crashes_ms[self->crashes++] = now;
    if (self->crashes >= self->what->give_up || self->crashes == CRASHES_MAX)
        return -1;
    return (int)(pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS);
}

/* Waits between two workers; false when a signal came. */
static bool pause_ms(struct supervisor *self, int ms)
{
    int64_t until = now_ms() + ms, left;
    while ((left = until - now_ms()) > 0) {
        struct pollfd signals = {.fd = self->signals, .events = POLLIN};
        if (poll(&signals, 1, (int)left) > 0 && signal_take(self))
            return false;
    }
    return true;
}

/* What is to be done after an end: true, start another one. */
static bool again(struct supervisor *self, int status, int *ret_result, char *error, size_t error_size)
{
    const struct supervised *what = self->what;
    char how[64], reason[256];
    bool in_order =
        WIFEXITED(status) && WEXITSTATUS(status) != WORKER_FAILED && WEXITSTATUS(status) <= WORKER_DISPLACED;
    end_describe(status, how, sizeof how);
    if (!self->mounted || in_order) {
        *ret_result = self->mounted ? 0 : -ECHILD;
        return false;
    }
    if (self->ending) {
        snprintf(error, error_size, "%s: the daemon %s while it ended", what->mountpoint, how);
        supervisor_reclaim(what->mountpoint, what->source, true, reason, sizeof reason);
        *ret_result = -ECHILD;
        return false;
    }
    int ms = crash_note(self);
    if (ms < 0) {
        snprintf(
            error, error_size,
            "%s: the daemon %s; that was %u times within a minute, so it is not started again, and the mount stays "
            "dead until somebody mounts it anew or unmounts it",
            what->mountpoint, how, self->crashes);
        *ret_result = -ECHILD;
        return false;
    }
    log_line(STORE_LOG_ERROR, "%s: the daemon %s; starting it again in %d ms", what->mountpoint, how, ms);
    if (pause_ms(self, ms))
        return true;
    supervisor_reclaim(what->mountpoint, what->source, true, reason, sizeof reason); /* nobody else will */
    *ret_result = 0;
    return false;
}

int supervisor_run(const struct supervised *supervised, int signals, char *error, size_t error_size)
{
    struct supervisor *self = calloc(1, sizeof *self);
    if (!self)
        return -ENOMEM;
    self->what = supervised;
    self->signals = signals;
    int result = pipe2(self->life, O_CLOEXEC) < 0 ? -errno : 0;
    *error = '\0';
    if (result == 0) {
        do
            result = start(self);
        while (result == 0 && again(self, attend(self), &result, error, error_size));
        close(self->life[0]);
        close(self->life[1]);
    }
    free(self);
    return result;
}
