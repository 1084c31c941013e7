/* SPDX-License-Identifier: MIT */
/*
 * mount.c - the life of a mount:
 *
 *     check everything that can be known --> fork --> open the store --> mount --> say that it answers
 *                                                                                          |
 *     close the store <-- free the file system <-- stop the session <-- a signal, or somebody unmounts
 *
 * What can be checked beforehand is, by the process the user started: a sentence is worth more than an errno from
 * deep below, and what was refused has changed nothing. The store is opened behind the fork, since its lock and its
 * threads do not survive one. The daemon tells its outcome through a pipe, for which the first process waits. With a
 * supervisor (supervisor.h) there is one process more: the daemon forks a worker, which goes that way, and another one when
 * that has crashed.
 *
 * It knows neither FUSE messages (session.h) nor stores (store.h).
 */
#include "mount.h"

#include "confine.h"
#include "crew.h"
#include "fs.h"
#include "log.h"
#include "mountpoint.h"
#include "privileges.h"
#include "session.h"
#include "supervisor.h"
#include "systemd.h"
#include "unmounter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUSE_DEVICE "/dev/fuse"
#define FUSE_CONF   "/etc/fuse.conf"

/* How long open files hold up the end of a daemon that was told to go. */
enum { GRACE_MS = 2000 };

/* How it went, as the daemon reports it; small enough for a pipe to take it in one piece. */
struct outcome {
    int result;
    char text[768];
};

_Static_assert(sizeof(struct outcome) <= PIPE_BUF, "an outcome is written at once");

/* Sets the sentence, and returns `result`. */
__attribute__((format(printf, 3, 4))) static int fail(struct outcome *outcome, int result, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(outcome->text, sizeof outcome->text, format, args);
    va_end(args);
    return outcome->result = result;
}

/* --- checks before anything is done -------------------------------------------------------------------- */

static int check_device(struct outcome *outcome)
{
    int fd = open(FUSE_DEVICE, O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        return close(fd);
    int result = -errno;
    if (result != -ENOENT && result != -ENODEV && result != -ENXIO)
        return fail(outcome, result, FUSE_DEVICE " cannot be opened: %s", strerror(-result));
    return fail(outcome, result,
                FUSE_DEVICE " is missing; load the module (modprobe fuse), or give it to the container "
                            "(--device " FUSE_DEVICE ")");
}

/* fusermount3 lets others than root use allow_other only if a line of its configuration says so. */
static int check_allow_other(const struct mount_options *options, struct outcome *outcome)
{
    char line[256];
    bool allowed = !options->allow_other || geteuid() == 0;

    FILE *conf = allowed ? NULL : fopen(FUSE_CONF, "re");
    while (conf && !allowed && fgets(line, sizeof line, conf)) {
        char *word = strtok(line, " \t\r\n");
        allowed = word && strcmp(word, "user_allow_other") == 0;
    }
    if (conf)
        fclose(conf);
    return allowed
               ? 0
               : fail(outcome, -EPERM,
                      "allow_other is not allowed to users; as root, add the line \"user_allow_other\" to " FUSE_CONF);
}

/* Clears away larders whose daemon has died, and refuses what else is mounted right there. */
static int check_mounts(const struct mount_options *options, struct outcome *outcome, struct mountpoint *ret_mountpoint)
{
    const char *path = options->mountpoint;
    struct mountpoint there;
    char reason[256];
    int result;

    for (;;) {
        result = mountpoint_find(path, &there);
        if (result == -ENOENT)
            return fail(outcome, result, "%s: no such directory; make the mount point first", path);
        if (result < 0)
            return fail(outcome, result, "%s: %s", path, strerror(-result));
        if (!mountpoint_is_root(&there) || strcmp(there.type, "autofs") == 0)
            break;
        bool dead = mountpoint_is_dead(&there);
        if (!mountpoint_is_larder(&there)) {
            if (options->nonempty && !dead)
                break;
            result = fail(outcome, -EBUSY, "%s: something else is mounted there (%s)", path, there.type);
        } else if (!dead) {
            result = fail(outcome, -EBUSY, "%s: already mounted, from the store %s", path, there.source);
        } else if ((result = mountpoint_unmount(&there, true, reason, sizeof reason)) < 0) {
            fail(outcome, result, "%s: its daemon has died, and it cannot be unmounted: %s", path, reason);
        } else {
            log_line(STORE_LOG_WARNING, "%s: its daemon had died; cleared the mount it left behind", path);
        }
        mountpoint_release(&there);
        if (result < 0)
            return result;
    }
    *ret_mountpoint = there;
    return 0;
}

static bool directory_is_empty(const char *path)
{
    const struct dirent *item;
    bool empty = true;

    DIR *directory = opendir(path);
    while (directory && empty && (item = readdir(directory)))
        empty = strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0;
    if (directory)
        closedir(directory);
    return empty;
}

static int check_directory(const struct mount_options *options, const struct mountpoint *there, struct outcome *outcome)
{
    const char *path = options->mountpoint;
    struct stat stat;

    if (lstat(there->path, &stat) < 0) {
        int result = -errno;
        return fail(outcome, result, "%s: %s", path, strerror(-result));
    }
    if (!S_ISDIR(stat.st_mode))
        return fail(outcome, -ENOTDIR, "%s: not a directory", path);
    if (geteuid() != 0 && access(there->path, W_OK) < 0)
        return fail(outcome, -EACCES, "%s: a user can only mount on a directory he may write to", path);
    /* looking into an automount would set it off */
    if (!options->nonempty && strcmp(there->type, "autofs") != 0 && !directory_is_empty(there->path))
        return fail(outcome, -ENOTEMPTY, "%s: not empty; -o nonempty hides what is in it", path);
    return 0;
}

/* True if `path` is `directory` or lies below it; both without symbolic links. */
static bool is_within(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    return strncmp(path, directory, length) == 0 &&
           (!path[length] || path[length] == '/' || directory[length - 1] == '/');
}

/* The path without symbolic links as far as it exists, and the rest as it is. NULL without memory or permission. */
static char *path_resolve(const char *path)
{
    char *there = strdup(path), *resolved = NULL, *whole = NULL;

    while (there && !(resolved = realpath(there, NULL)) && errno == ENOENT) {
        char *slash = strrchr(there, '/');
        if (!slash || slash == there)
            break;
        *slash = '\0';
    }
    if (resolved && asprintf(&whole, "%s%s", resolved, path + strlen(there)) < 0)
        whole = NULL;
    free(there);
    free(resolved);
    return whole;
}

/* A store seen through its own mount would wait for itself for ever. */
static int check_apart(const struct mount_options *options, const struct mountpoint *there, struct outcome *outcome)
{
    const char *dir = mount_options_store_dir(options);
    char *store = dir ? path_resolve(dir) : NULL;
    int result = 0;

    if (store && strcmp(store, there->path) == 0)
        result = fail(outcome, -EINVAL, "%s: the store and the mount point must be two directories", dir);
    else if (store && is_within(store, there->path))
        result = fail(outcome, -EINVAL, "%s: the store lies within the mount point", dir);
    else if (store && is_within(there->path, store))
        result = fail(outcome, -EINVAL, "%s: the mount point lies within the store", options->mountpoint);
    free(store);
    return result;
}

/* Who may write to a directory above the store can put another in its place; there the modes of the store are of no
 * use. That is no reason to refuse: where there is one user it does no harm. */
static void warn_of_parents(const struct mount_options *options)
{
    const char *dir = mount_options_store_dir(options);
    char *path = dir ? path_resolve(dir) : NULL, *slash;
    struct stat stat;
    bool safe = true;

    while (safe && path && (slash = strrchr(path, '/')) && slash > path) {
        *slash = '\0';
        safe = lstat(path, &stat) < 0 || !(stat.st_mode & S_IWOTH) || stat.st_mode & S_ISVTX;
    }
    if (!safe)
        log_line(STORE_LOG_WARNING, "%s: anybody may write there, and so replace the store below it; chmod o-w,+t %s",
                 path, path);
    free(path);
}

/* Everything. The mount point as it is called without symbolic links goes to *ret_path, for the caller to free. */
static int check_all(const struct mount_options *options, struct outcome *outcome, char **ret_path)
{
    struct mountpoint there;

    int result = check_device(outcome);
    if (result == 0)
        result = check_allow_other(options, outcome);
    if (result == 0)
        result = check_mounts(options, outcome, &there);
    if (result < 0)
        return result;
    result = check_directory(options, &there, outcome);
    if (result == 0)
        result = check_apart(options, &there, outcome);
    if (result == 0)
        warn_of_parents(options);
    if (result == 0 && !(*ret_path = strdup(there.path)))
        result = fail(outcome, -ENOMEM, "out of memory");
    mountpoint_release(&there);
    return result;
}

/* --- the directories above the store ------------------------------------------------------------------- */

/* Makes what is missing above `path`, and sets *ret_kept to the length of the part that had been there. */
static int parents_make(const char *path, size_t *ret_kept, struct outcome *outcome)
{
    char *parent = strdup(path);
    int result = parent ? 0 : fail(outcome, -ENOMEM, "out of memory");

    *ret_kept = strlen(path);
    for (size_t i = 1; result == 0 && path[i]; i++) {
        if (path[i] != '/')
            continue;
        parent[i] = '\0';
        if (access(parent, F_OK) < 0 && errno == ENOENT) {
            if (mkdir(parent, 0755) < 0 && errno != EEXIST)
                result = fail(outcome, -errno, "%s: cannot be made: %s", parent, strerror(errno));
            else if (i < *ret_kept)
                *ret_kept = (size_t)(strrchr(parent, '/') - parent);
        }
        parent[i] = '/';
    }
    free(parent);
    return result;
}

/* Takes the directories away again that parents_make() made, as far as they are empty. */
static void parents_remove(const char *path, size_t kept)
{
    char *parent = strdup(path), *slash;

    while (parent && (slash = strrchr(parent, '/')) && slash > parent + kept) {
        *slash = '\0';
        rmdir(parent);
    }
    free(parent);
}

/* --- while it is mounted ------------------------------------------------------------------------------- */

/* Between the store, which may speak as long as it is open, and the file system, which is freed before. */
struct gone_link {
    pthread_mutex_t lock; /* held while fs_gone() runs */
    struct fs *fs; /* protected by lock; NULL when nobody listens any more */
};

static void gone_link_call(void *arg, uint64_t dir, const char *name, enum store_gone why, uint64_t version,
                           uint64_t size)
{
    struct gone_link *link = arg;

    pthread_mutex_lock(&link->lock);
    if (link->fs)
        fs_gone(link->fs, dir, name, why, version, size);
    pthread_mutex_unlock(&link->lock);
}

static void gone_link_cut(struct gone_link *link)
{
    pthread_mutex_lock(&link->lock);
    link->fs = NULL;
    pthread_mutex_unlock(&link->lock);
}

/* Blocks the signals that end a mount, in this thread and those it will start, and `also`. Returns a descriptor to read
 * them from. */
static int signals_take(int also)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (also)
        sigaddset(&set, also);
    sigprocmask(SIG_BLOCK, &set, NULL);
    /* A shell starts its background jobs deaf to SIGINT. Deafness to SIGHUP was asked for (nohup) and stays. */
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Waits until the mount is to end. `life_fd` is the supervisor's, or -1. */
static void wait_for_end(const struct mount_options *options, const struct session *session, int signals, int life_fd)
{
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
                           {.fd = session_end_fd(session), .events = POLLIN},
                           {.fd = life_fd, .events = POLLIN}};
    struct signalfd_siginfo info;

    while (poll(fds, 3, -1) < 0 && errno == EINTR)
        ;
    if (fds[0].revents && read(signals, &info, sizeof info) == sizeof info)
        log_line(STORE_LOG_INFO, "SIG%s: unmounting %s", sigabbrev_np((int)info.ssi_signo), options->mountpoint);
    else if (fds[2].revents)
        log_line(STORE_LOG_WARNING, "the supervisor has died: unmounting %s", options->mountpoint);
}

/* A signal has come that ends a mount, while there was none yet. */
static bool is_to_end(int signals)
{
    struct pollfd pending = {.fd = signals, .events = POLLIN};
    return poll(&pending, 1, 0) > 0;
}

/* Lets go of what the caller had open as 0, 1 and 2, lest somebody wait for its end. */
static void outputs_leave(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
}

/* Says that the mount answers: to whoever reads the log, and, unless report_fd is -1, to the process that waits. Returns
 * false when that one is gone, and with it everybody who knew of this mount. */
static bool report_ready(const struct mount_options *options, int report_fd)
{
    const struct outcome outcome = {0};

    log_line(STORE_LOG_INFO, "%s is mounted on %s", options->store_url, options->mountpoint);
    systemd_say("READY=1\nSTATUS=%s is mounted on %s", options->store_url, options->mountpoint);
    if (report_fd < 0)
        return true;
    if (!options->foreground)
        outputs_leave();
    bool heard = options->restarts > 0 || write(report_fd, &outcome, sizeof outcome) == sizeof outcome;
    close(report_fd);
    return heard;
}

/* Confines the daemon, as it was asked for; from then on another process unmounts. */
static int confine_all(const struct mount_options *options, struct session *session, struct unmounter *unmounter,
                       struct outcome *outcome)
{
    if (!options->seccomp)
        return 0;
    session_unmounts_by(session, unmounter);
    int result = confine();
    return result < 0 ? fail(outcome, result, "seccomp cannot be had: %s", strerror(-result)) : 0;
}

/* Makes room where the mount before this one has crashed, or with `away` false sees whether it may. In the outcome:
 * -ESTALE, somebody has decided otherwise. */
static int reclaim(const struct mount_options *options, bool away, struct outcome *outcome)
{
    char reason[256];
    int result = supervisor_reclaim(options->mountpoint, options->store_url, away, reason, sizeof reason);

    if (result == -ENOENT || result == -EBUSY)
        return fail(outcome, -ESTALE, "%s: %s", options->mountpoint, reason);
    if (result < 0)
        return fail(outcome, result, "%s: its daemon has died, and it cannot be unmounted: %s", options->mountpoint,
                    reason);
    return 0;
}

/* Opens the store, mounts it, and returns when it is unmounted and closed. `life_fd` is the supervisor's, `report_fd` is
 * where to say that it answers; -1: none. */
static int serve(const struct mount_options *options, int life_fd, int report_fd, struct outcome *outcome)
{
    const char *dir = mount_options_store_dir(options);
    struct gone_link link = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct store *store = NULL;
    struct session *session;
    struct store_error error;
    size_t kept = dir ? strlen(dir) : 0;
    bool made = false;
    struct unmounter unmounter = {0};

    int signals = signals_take(0);
    if (signals < 0)
        return fail(outcome, -errno, "cannot wait for signals: %s", strerror(errno));
    int result = options->restarts > 0 ? reclaim(options, false, outcome) : 0;
    if (result == 0 && dir)
        result = parents_make(dir, &kept, outcome);
    if (result < 0)
        goto out;
    /* whatever the medium makes is its owner's alone */
    umask(077);
    if (options->seccomp && (result = unmounter_start(options->mountpoint, &unmounter)) < 0) {
        fail(outcome, result, "no process to unmount by: %s", strerror(-result));
        goto out;
    }
    /* in a directory that may be another's, where we may soon make nothing */
    made = dir && mkdir(dir, 0700) == 0;
    if ((result = privileges_drop()) < 0) {
        fail(outcome, result, "cannot give up privileges: %s", strerror(-result));
        goto out;
    }

    if ((result = fs_new(options, &link.fs)) < 0) {
        fail(outcome, result, "out of memory");
        goto out;
    }
    const struct store_options store_options = {
        .limit_bytes = options->size_bytes,
        .limit_items = options->items,
        .policy = options->policy,
        .ttl_ms = options->ttl_ms,
        .cache_bytes = options->cache_bytes,
        .min_free_bytes = options->min_free_bytes,
        .sync = options->sync,
        .recreate = options->recreate,
        .gone = gone_link_call,
        .gone_arg = &link,
        .waits = crew_blocks,
        .log = log_store_line,
    };
    systemd_say("STATUS=opening %s", options->store_url);
    if ((result = store_open(options->store_url, &store_options, &store, &error)) < 0) {
        fail(outcome, result, "%s", error.text);
        goto out;
    }
    if (is_to_end(signals)) {
        result = fail(outcome, -EINTR, "%s: a signal came before it was mounted", options->mountpoint);
        goto out;
    }
    /* As late as can be: what is there while nothing is mounted is the directory below. */
    if (options->restarts > 0 && (result = reclaim(options, true, outcome)) < 0)
        goto out;
    fs_set_store(link.fs, store);
    if ((result = session_mount(link.fs, options, &session, outcome->text, sizeof outcome->text)) < 0) {
        outcome->result = result;
        goto out;
    }
    result = confine_all(options, session, &unmounter, outcome);
    if (result == 0 && report_ready(options, report_fd))
        wait_for_end(options, session, signals, life_fd);
    systemd_say("STOPPING=1\nSTATUS=unmounting %s", options->mountpoint);
    session_stop(session, GRACE_MS);
    unmounter_end(&unmounter);
    if (result == 0)
        log_line(STORE_LOG_INFO, "%s is unmounted", options->mountpoint);
out:;
    struct fs *fs = link.fs;
    unmounter_end(&unmounter);
    gone_link_cut(&link);
    fs_free(fs);
    store_close(store);
    if (result < 0 && made)
        rmdir(dir);
    if (result < 0 && dir)
        parents_remove(dir, kept);
    close(signals);
    return result;
}

/* --- with a supervisor --------------------------------------------------------------------------------- */

/* What a supervisor and its workers go by. */
struct watched {
    const struct mount_options *options;
    int report_fd; /* the daemon's, for the supervisor; -1 in the foreground */
    struct outcome outcome; /* the first worker's */
};

static enum worker_end work(void *arg, const struct supervision *supervision)
{
    const struct watched *watched = arg;
    struct mount_options options = *watched->options;
    struct outcome outcome = {0};

    if (watched->report_fd >= 0)
        close(watched->report_fd);
    options.supervisor = supervision->supervisor;
    options.restarts = supervision->restarts;
    int result = serve(&options, supervision->life_fd, supervision->report_fd, &outcome);
    if (result == 0)
        return WORKER_ENDED;
    if (supervision->restarts > 0)
        log_line(result == -ESTALE ? STORE_LOG_WARNING : STORE_LOG_ERROR, "%s", outcome.text);
    else if (write(supervision->report_fd, &outcome, sizeof outcome) < 0)
        log_line(STORE_LOG_WARNING, "nobody waited for that");
    return result == -ESTALE ? WORKER_DISPLACED : WORKER_FAILED;
}

/* The first worker is mounted, or has said why not, or has died. */
static bool first_heard(void *arg, int report_fd)
{
    struct watched *watched = arg;
    struct outcome *outcome = &watched->outcome;
    ssize_t got;

    while ((got = read(report_fd, outcome, sizeof *outcome)) < 0 && errno == EINTR)
        ;
    if (got != sizeof *outcome)
        fail(outcome, -ECHILD, "the daemon died before the mount was ready");
    if (outcome->result == 0 && watched->report_fd >= 0) {
        outputs_leave();
        if (write(watched->report_fd, outcome, sizeof *outcome) < 0)
            log_line(STORE_LOG_WARNING, "nobody waited for the mount");
    }
    return outcome->result == 0;
}

static int supervise(const struct mount_options *options, int report_fd, struct outcome *outcome)
{
    struct watched watched = {.options = options, .report_fd = report_fd};
    const struct supervised supervised = {
        .mountpoint = options->mountpoint,
        .source = options->store_url,
        .give_up = options->supervise,
        .work = work,
        .heard = first_heard,
        .arg = &watched,
    };
    int signals = signals_take(SIGCHLD);

    signal(SIGCHLD, SIG_DFL);
    if (signals < 0)
        return fail(outcome, -errno, "cannot wait for signals: %s", strerror(errno));
    int result = supervisor_run(&supervised, signals, outcome->text, sizeof outcome->text);
    close(signals);
    if (result < 0 && !*outcome->text)
        *outcome = watched.outcome;
    if (result < 0 && !*outcome->text)
        fail(outcome, result, "no supervisor: %s", strerror(-result));
    return result < 0 ? outcome->result = outcome->result ? outcome->result : result : 0;
}

/* The whole of it, by whichever process is to carry on with the mount. */
static int carry_on(const struct mount_options *options, int report_fd, struct outcome *outcome)
{
    return options->supervise ? supervise(options, report_fd, outcome) : serve(options, -1, report_fd, outcome);
}

/* --- the daemon ---------------------------------------------------------------------------------------- */

/* The rest of the daemon's life. What the user's process had open is let go, lest somebody wait for its end. */
__attribute__((noreturn)) static void daemon_run(const struct mount_options *options, int report_fd)
{
    struct outcome outcome = {0};

    setsid();
    if (chdir("/") < 0)
        log_line(STORE_LOG_WARNING, "/: %s", strerror(errno));
    if (report_fd != STDERR_FILENO + 1)
        report_fd = dup3(report_fd, STDERR_FILENO + 1, O_CLOEXEC);
    close_range(STDERR_FILENO + 2, UINT_MAX, 0);
    log_to_syslog();
    int result = carry_on(options, report_fd, &outcome);
    if (result < 0) {
        log_line(STORE_LOG_ERROR, "%s", outcome.text);
        if (write(report_fd, &outcome, sizeof outcome) < 0)
            log_line(STORE_LOG_WARNING, "nobody waited for that");
    }
    exit(result < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Waits for what the daemon has to say. */
static int daemon_wait(pid_t pid, int report_fd, struct outcome *outcome)
{
    struct outcome heard;
    ssize_t got;
    int status = 0;

    while ((got = read(report_fd, &heard, sizeof heard)) < 0 && errno == EINTR)
        ;
    if (got == sizeof heard) {
        *outcome = heard;
        if (heard.result < 0)
            waitpid(pid, &status, 0);
        return heard.result;
    }
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
        return fail(outcome, -ECHILD, "the daemon died before the mount was ready: %s", strsignal(WTERMSIG(status)));
    return fail(outcome, -ECHILD, "the daemon ended before the mount was ready");
}

static int daemon_start(const struct mount_options *options, struct outcome *outcome)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(outcome, -errno, "no pipe to the daemon: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        daemon_run(options, ends[1]);
    }
    close(ends[1]);
    int result = pid < 0 ? fail(outcome, -errno, "no process for the daemon: %s", strerror(errno))
                         : daemon_wait(pid, ends[0], outcome);
    close(ends[0]);
    return result;
}

int mount_run(const struct mount_options *options, char *error, size_t error_size)
{
    struct mount_options resolved = *options;
    struct outcome outcome = {0};

    systemd_begin();
    int result = check_all(options, &outcome, &resolved.mountpoint);
    if (result < 0) {
        snprintf(error, error_size, "%s", outcome.text);
        return result;
    }
    result = options->foreground ? carry_on(&resolved, -1, &outcome) : daemon_start(&resolved, &outcome);
    if (result == -EINTR && options->foreground) {
        log_line(STORE_LOG_INFO, "%s", outcome.text);
        result = 0; /* it was told to end, and did */
    }
    if (result < 0)
        snprintf(error, error_size, "%s", *outcome.text ? outcome.text : strerror(-result));
    free(resolved.mountpoint);
    return result;
}
