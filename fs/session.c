/* SPDX-License-Identifier: MIT */
/* session.c - see session.h. libfuse takes messages apart and mounts; who reads and answers them is our own. */
#include "session.h"
#include "events.h"
#include "fsck.h"
#include "greeting.h"
#include "log.h"
#include "notify.h"
#include "ops.h"
#include "pages.h"
#include "process.h"
#include "transport.h"
#include "unmounter.h"
#include "watchdog.h"

#include <errno.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

struct session {
    struct fs *fs;
    struct fuse_session *fuse;
    const char *mountpoint;
    struct unmounter *unmounter; /* who does it, or NULL */
    bool attached; /* and nobody here has detached it yet */
    struct greeting greeting;
    struct transport *transport;
    struct crew *crew; /* of those who answer; NULL: not begun */
    struct watchdog *watchdog; /* NULL: nobody wants to know */
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

/* --- replies ------------------------------------------------------------------------------------------- */

/* What libfuse writes, from any thread: replies, and what we tell the kernel unasked. */
static ssize_t write_message(int fd, struct iovec *iov, int count, void *userdata)
{
    const struct fs *fs = userdata;
    struct session *session = fs->session;
    struct fuse_out_header *header = iov[0].iov_base;
    if (header->unique & TRANSPORT_OWN)
        return session->transport->kind->reply(session->transport, header, iov, count);
    if (session->greeting.unique && header->unique == session->greeting.unique)
        greeting_answer(&session->greeting, iov, count);
    return writev(fd, iov, count);
}

static ssize_t read_message(int fd, void *buffer, size_t size, void *userdata)
{
    (void)userdata;
    return read(fd, buffer, size);
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
    static const struct fuse_custom_io io = {.writev = write_message, .read = read_message};
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
    if (fuse_session_mount(session->fuse, session->mountpoint) < 0)
        return errno ? -errno : -EIO;
    return fuse_session_custom_io(session->fuse, &io, fuse_session_fd(session->fuse));
}

/* Answers the kernel's first message, INIT. */
static int greet(struct session *session)
{
    struct fuse_buf request = {0};
    int result;
    while ((result = fuse_session_receive_buf(session->fuse, &request)) == -EINTR)
        ;
    if (result == 0)
        result = -ENODEV;
    if (result > 0)
        result = greeting_read(&session->greeting, request.mem, request.size);
    if (result == 0)
        fuse_session_process_buf(session->fuse, &request);
    free(request.mem);
    return result == 0 && fuse_session_exited(session->fuse) ? -ENODEV : result;
}

/* Detaches the mount point, so that nobody new comes in; open files stay. Once: what is there afterwards is another's. */
static void detach(struct session *session)
{
    if (!session->attached)
        return;
    session->attached = false;
    if (session->unmounter && session->unmounter->pid) {
        unmounter_unmount(session->unmounter);
        return;
    }
    if (geteuid() == 0) {
        umount2(session->mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW);
        return;
    }
    pid_t child = fork();
    if (child == 0)
        unmounter_detach(session->mountpoint);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* The transport that was asked for, or of `auto` the best one to be had. */
static int transport_choose(const struct mount_options *options, bool uring, struct transport **ret_transport,
                            char *error, size_t error_size)
{
    int result = uring ? transport_uring_new(ret_transport) : -EAGAIN;
    if (result == 0)
        return 0;
    if (options->transport == TRANSPORT_URING) {
        snprintf(error, error_size, "transport=uring cannot be had: %s",
                 result == -EPERM && transport_uring_switch() == 'N' ? "it is switched off in " TRANSPORT_URING_SWITCH
                                                                       " (root can echo Y into that)"
                 : result == -EPERM
                     ? "this process may not use io_uring (kernel.io_uring_disabled forbids it, or a container)"
                 : result == -EOPNOTSUPP ? "that takes Linux 6.14 or later, and a build with liburing"
                                         : strerror(-result));
        return result;
    }
    if (uring && result == -EPERM && transport_uring_switch() == 'N')
        log_line(STORE_LOG_INFO, "larder is faster over io_uring, which root can switch on for mounts to come: "
                                 "echo Y > " TRANSPORT_URING_SWITCH);
    result = transport_dev_new(options->spin_us, ret_transport);
    if (result < 0)
        snprintf(error, error_size, "%s", strerror(-result));
    return result;
}

/* Everything up to a mount that answers. */
static int begin(struct session *session, const struct mount_options *options)
{
    struct fs *fs = session->fs;
    struct transport *transport = session->transport;
    events_begin(fs);
    session->greeting.wanted = FUSE_PARALLEL_DIROPS | transport->kind->init_flags;
    int result = greet(session);
    if (result == 0 && transport->kind->init_flags & ~session->greeting.agreed)
        result = -EOPNOTSUPP;
    fs->fuse = session->fuse;
    fs->mount_id = result == 0 ? process_mount_id(options->mountpoint) : 0;
    struct notify *notify = NULL;
    if (result == 0)
        result = notify_start(fs, session->fuse, &notify);
    fs_lock(fs); /* the store may be telling of what is gone already */
    fs->notify = notify;
    fs->ending = false; /* as a mount that failed before this one left it */
    fs_unlock(fs);
    session->crew = result == 0 ? crew_new(options->threads) : NULL;
    if (result == 0 && !session->crew)
        result = -ENOMEM;
    if (result < 0)
        return result;
    transport->fs = fs;
    transport->fuse = session->fuse;
    transport->crew = session->crew;
    transport->fd = fuse_session_fd(session->fuse);
    transport_note_cores(transport);
    fs->transport = transport->kind->name;
    return transport->kind->start(transport);
}

static int mount_with(struct fs *fs, const struct mount_options *options, bool uring, struct session **ret_session,
                      char *error, size_t error_size)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session) {
        snprintf(error, error_size, "out of memory");
        return -ENOMEM;
    }
    fs->session = session;
    session->fs = fs;
    session->mountpoint = options->mountpoint;
    int result = transport_choose(options, uring, &session->transport, error, error_size);
    if (result < 0) {
        free(session);
        return result;
    }
    result = mount_it(session, options);
    session->attached = result == 0;
    if (result == 0)
        result = begin(session, options);
    if (result < 0) {
        snprintf(error, error_size, "cannot mount on %s: %s", options->mountpoint, strerror(-result));
        detach(session);
        session_stop(session, 0);
        return result;
    }
    *ret_session = session;
    return 0;
}

void session_unmounts_by(struct session *session, struct unmounter *unmounter)
{
    session->unmounter = unmounter;
}

int session_mount(struct fs *fs, const struct mount_options *options, struct session **ret_session, char *error,
                  size_t error_size)
{
    struct sigaction wake = {.sa_handler = wake_up}; /* without SA_RESTART */
    sigaction(SIGUSR1, &wake, NULL);
    if (!options->debug)
        fuse_set_log_func(log_fuse);
    bool uring = options->transport != TRANSPORT_DEV;
    int result = mount_with(fs, options, uring, ret_session, error, error_size);
    if (result < 0 && uring && options->transport == TRANSPORT_AUTO) /* whatever the kernel had against io_uring */
        result = mount_with(fs, options, false, ret_session, error, error_size);
    if (result == 0)
        (*ret_session)->watchdog = watchdog_start(*ret_session);
    return result;
}

/* --- ending -------------------------------------------------------------------------------------------- */

bool session_ended(const struct session *session)
{
    return crew_ended(session->crew);
}

int session_end_fd(const struct session *session)
{
    return crew_end_fd(session->crew);
}

bool session_answers(struct session *session, uint64_t *turns)
{
    static const char name[] = "watchdog";
    const struct entry_change nothing = {
        .set = ENTRY_SET_XATTR, .xattr_name = "larder.watchdog", .xattr_how = ENTRY_XATTR_REMOVE};
    struct fs *fs = session->fs;
    struct entry entry;
    if (!crew_answers(session->crew, turns))
        return false;
    fs_lock(fs);
    fs_unlock(fs);
    if (store_lookup(fs->store, STORE_ROOT, name, &entry) == 0)
        entry_release(&entry);
    store_change_dir(fs->store, STORE_ROOT, &nothing, NULL); /* -ENODATA; nobody can have set it: it is not user.* */
    return true;
}

void session_stop(struct session *session, int grace_ms)
{
    bool begun = session->crew;
    if (begun && !session_ended(session)) {
        detach(session);
        events_end(session->fs); /* else who reads them keeps the mount */
        fsck_end(session->fs); /* likewise */
        for (int waited = 0; waited < grace_ms && !session_ended(session); waited += 10)
            usleep(10000);
    }
    bool forced = !begun || !session_ended(session);

    /* While they still answer: a notification may wait for what a request holds. */
    events_end(session->fs);
    pages_settle(session->fs);
    fs_lock(session->fs);
    struct notify *notify = session->fs->notify;
    session->fs->notify = NULL;
    fs_unlock(session->fs);
    notify_stop(notify);

    watchdog_stop(session->watchdog); /* it may wait for the store, so nobody waits for it before this */
    if (session->fuse)
        fuse_session_exit(session->fuse);
    crew_stop(session->crew);
    session->transport->kind->free(session->transport); /* lets go of /dev/fuse */
    if (session->fuse && !forced)
        fuse_session_unmount(session->fuse); /* finds that it is unmounted, and frees what it knows */
    if (session->fuse)
        fuse_session_destroy(session->fuse); /* closes /dev/fuse: whoever waits for us gets ENOTCONN */
    free(session);
}
