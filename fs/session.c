/* SPDX-License-Identifier: MIT */
/* session.c - see session.h. libfuse takes messages apart and mounts; the loop is our own. */
#include "session.h"
#include "check.h"
#include "log.h"
#include "notify.h"
#include "ops.h"
#include "pages.h"
#include "process.h"

#include <errno.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

struct session {
    struct fs *fs;
    struct fuse_session *fuse;
    const char *mountpoint;
    int end_fd;
    pthread_t *workers;
    unsigned worker_count;
    atomic_uint running;
};

/* What libfuse has to say goes where our own lines go. */
static void log_fuse(enum fuse_log_level level, const char *format, va_list args)
{
    char line[512];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    log_line(level <= FUSE_LOG_ERR       ? STORE_LOG_ERROR
             : level == FUSE_LOG_WARNING ? STORE_LOG_WARNING
                                         : STORE_LOG_INFO,
             "%s", line);
}

/* Only there to end a read(2); see session_stop(). */
static void wake_up(int signal)
{
    (void)signal;
}

/* --- workers ------------------------------------------------------------------------------------------- */

static void *work(void *arg)
{
    struct session *session = arg;
    struct fuse_buf request = {0};
    sigset_t wake;
    sigemptyset(&wake);
    sigaddset(&wake, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &wake, NULL);

    while (!fuse_session_exited(session->fuse)) {
        int result = fuse_session_receive_buf(session->fuse, &request);
        if (result > 0) {
            requests_count(session->fs, ((const struct fuse_in_header *)request.mem)->opcode);
            fuse_session_process_buf(session->fuse, &request);
            check_some(session->fs);
        } else if (result != -EINTR && result != -EAGAIN)
            break; /* 0: unmounted */
    }
    free(request.mem);
    if (atomic_fetch_sub(&session->running, 1) == 1) {
        uint64_t one = 1;
        if (write(session->end_fd, &one, sizeof one) < 0)
            abort(); /* an eventfd takes a one */
    }
    return NULL;
}

static int start_workers(struct session *session, unsigned count)
{
    session->workers = calloc(count, sizeof *session->workers);
    if (!session->workers)
        return -ENOMEM;
    atomic_store(&session->running, count);
    for (; session->worker_count < count; session->worker_count++) {
        int error = pthread_create(&session->workers[session->worker_count], NULL, work, session);
        if (error) {
            atomic_fetch_sub(&session->running, count - session->worker_count);
            return -error;
        }
    }
    return 0;
}

/* --- mounting ------------------------------------------------------------------------------------------ */

/* libfuse's own form of the mount's options. */
static int fuse_args(const struct mount_options *options, struct fuse_args *args)
{
    char *list = NULL, *name = NULL;
    int failed = fuse_opt_add_arg(args, "larder");
    failed |= asprintf(&name, "fsname=%s", options->store_url) < 0;
    failed = failed || fuse_opt_add_opt_escaped(&list, name) || fuse_opt_add_opt(&list, "subtype=larder") ||
             fuse_opt_add_opt(&list, "default_permissions,nosuid,nodev") ||
             (options->allow_other && fuse_opt_add_opt(&list, "allow_other")) ||
             (options->read_only && fuse_opt_add_opt(&list, "ro")) ||
             (options->no_exec && fuse_opt_add_opt(&list, "noexec")) || fuse_opt_add_arg(args, "-o") ||
             fuse_opt_add_arg(args, list) || (options->debug && fuse_opt_add_arg(args, "-d"));
    free(list);
    free(name);
    return failed ? -ENOMEM : 0;
}

static int mount_it(struct session *session, const struct mount_options *options)
{
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    int result = fuse_args(options, &args);
    if (result == 0) {
        session->fuse = fuse_session_new(&args, &ops, sizeof ops, session->fs);
        result = session->fuse ? 0 : -EINVAL;
    }
    fuse_opt_free_args(&args);
    if (result < 0)
        return result;
    errno = 0;
    return fuse_session_mount(session->fuse, session->mountpoint) < 0 ? (errno ? -errno : -EIO) : 0;
}

/* Answers the kernel's first message, INIT. */
static int greet(struct session *session)
{
    struct fuse_buf request = {0};
    int result;
    while ((result = fuse_session_receive_buf(session->fuse, &request)) == -EINTR)
        ;
    if (result > 0)
        fuse_session_process_buf(session->fuse, &request);
    free(request.mem);
    return result > 0 && !fuse_session_exited(session->fuse) ? 0 : result < 0 ? result : -ENODEV;
}

/* Detaches the mount point, so that nobody new comes in; open files stay. */
static void detach(const struct session *session)
{
    if (geteuid() == 0) {
        umount2(session->mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW);
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        execlp("fusermount3", "fusermount3", "-u", "-q", "-z", "--", session->mountpoint, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

int session_mount(struct fs *fs, const struct mount_options *options, struct session **ret_session, char *error,
                  size_t error_size)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session) {
        snprintf(error, error_size, "out of memory");
        return -ENOMEM;
    }
    if (!options->debug)
        fuse_set_log_func(log_fuse);
    session->fs = fs;
    session->mountpoint = options->mountpoint;
    session->end_fd = eventfd(0, EFD_CLOEXEC);
    struct sigaction wake = {.sa_handler = wake_up}; /* without SA_RESTART */
    sigaction(SIGUSR1, &wake, NULL);

    int result = session->end_fd < 0 ? -errno : mount_it(session, options);
    bool mounted = result == 0;
    if (result == 0)
        result = greet(session);
    fs->fuse = session->fuse;
    fs->mount_id = result == 0 ? process_mount_id(options->mountpoint) : 0;
    if (result == 0)
        result = notify_start(fs, session->fuse, &fs->notify);
    if (result == 0)
        result = start_workers(session, options->threads);
    if (result < 0) {
        snprintf(error, error_size, "cannot mount on %s: %s", options->mountpoint, strerror(-result));
        if (mounted)
            detach(session);
        session_stop(session, 0);
        return result;
    }
    *ret_session = session;
    return 0;
}

/* --- ending -------------------------------------------------------------------------------------------- */

bool session_ended(const struct session *session)
{
    return atomic_load(&session->running) == 0;
}

int session_end_fd(const struct session *session)
{
    return session->end_fd;
}

/* Waits for a worker to end, for at most `ms`. */
static bool joined(pthread_t worker, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + (int64_t)ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return pthread_timedjoin_np(worker, NULL, &until) == 0;
}

void session_stop(struct session *session, int grace_ms)
{
    if (session->worker_count > 0 && !session_ended(session)) {
        detach(session);
        for (int waited = 0; waited < grace_ms && !session_ended(session); waited += 10)
            usleep(10000);
    }
    bool forced = session->worker_count == 0 || !session_ended(session);

    /* While the workers still answer: a notification may wait for what a request holds. */
    pages_settle(session->fs);
    fs_lock(session->fs);
    struct notify *notify = session->fs->notify;
    session->fs->notify = NULL;
    fs_unlock(session->fs);
    notify_stop(notify);

    if (session->fuse)
        fuse_session_exit(session->fuse);
    for (unsigned i = 0; i < session->worker_count; i++)
        while (!joined(session->workers[i], 10)) /* it may have looked just before the signal: once more */
            pthread_kill(session->workers[i], SIGUSR1);
    if (session->fuse && !forced)
        fuse_session_unmount(session->fuse); /* finds that it is unmounted, and frees what it knows */
    if (session->fuse)
        fuse_session_destroy(session->fuse); /* closes /dev/fuse: whoever waits for us gets ENOTCONN */
    if (session->end_fd >= 0)
        close(session->end_fd);
    free(session->workers);
    free(session);
}
