/* SPDX-License-Identifier: MIT */
/*
 * run.c - `larder run --key PATH --ttl T -- COMMAND`: what a command prints is kept, and printed again as long as it is
 * fresh.
 *
 * The entry's value is the output, so that get and cat have it, too; beside it the attribute user.run says how the
 * command ended, how long it took, and until when it is fresh: "exit=0 took_ms=1200 until_ms=1767323045000". The entry
 * itself lives longer by --stale.
 *
 *     fresh            print it
 *     almost stale     now and then, the sooner the longer it takes, one computes it anew: probabilistic early
 *                      recomputation, algorithm XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache
 *                      Stampede Prevention, VLDB 2015)
 *     stale            one computes it, the others print what there is
 *     not there        one computes it, the others wait for it
 *
 * The one is who holds flock(2) on PATH.lock, a file that is removed by whoever has held it: who waited for it sees that
 * and begins again. Who is killed frees it, and stores nothing. An evicted lock lets in a second one, which costs work,
 * but never a wrong value.
 */
#include "clock.h"
#include "hold.h"
#include "put.h"
#include "value_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char outcome_name[] = "user.run";

/* What is kept beside the output. */
struct outcome {
    int status; /* to exit with */
    int64_t took_ms;
    int64_t until_ms; /* since the epoch; INT64_MAX: for ever */
};

struct running {
    struct entry_path path;
    char lock_name[256];
    struct put_options options; /* ttl: what --ttl and --stale come to */
    char ttl_text[32];
    uint64_t ttl_ms;
    double beta;
    bool failures; /* are kept, too */
    char **command;
};

enum { NOTHING = -1 }; /* there is none to print: no exit code */

static int64_t now_ms(void)
{
    return clock_ns(CLOCK_REALTIME) / 1000000;
}

/* --- what is kept -------------------------------------------------------------------------------------- */

/* Of an open entry. What something else has stored there is fresh while it is there. */
static struct outcome outcome_get(int fd)
{
    struct outcome outcome = {0, 0, INT64_MAX};
    char text[128];
    ssize_t got = fgetxattr(fd, outcome_name, text, sizeof text - 1);
    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "exit=%d took_ms=%" SCNd64 " until_ms=%" SCNd64, &outcome.status, &outcome.took_ms,
               &outcome.until_ms) != 3)
        outcome = (struct outcome){0, 0, INT64_MAX};
    return outcome;
}

static int outcome_set(int fd, const struct outcome *outcome)
{
    char text[128];
    int size = snprintf(text, sizeof text, "exit=%d took_ms=%" PRId64 " until_ms=%" PRId64, outcome->status,
                        outcome->took_ms, outcome->until_ms);
    return fsetxattr(fd, outcome_name, text, (size_t)size, 0) < 0 ? -errno : 0;
}

/* Above 0 and at most 1, evenly. */
static double random_part(void)
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) < 0)
        bits = (uint64_t)now_ms() * 0x9e3779b97f4a7c15u;
    return (double)((bits >> 11) + 1) / (double)(UINT64_C(1) << 53);
}

/* Is it to be computed anew, by XFetch? */
static bool is_due(const struct running *running, const struct outcome *outcome)
{
    double early_ms = -(double)outcome->took_ms * running->beta * log(random_part());
    return outcome->until_ms != INT64_MAX && (double)now_ms() + early_ms >= (double)outcome->until_ms;
}

static int print_entry(const struct running *running, int fd, const struct outcome *outcome)
{
    bool reading;
    int result = stream_copy(fd, STDOUT_FILENO, &reading);
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s: %s", reading ? running->path.path : "cannot write", strerror(-result));
    return outcome->status;
}

/* --- the one who computes ------------------------------------------------------------------------------ */

/* Is what was locked still what the name means? */
static bool is_same_file(int dir, const char *name, int fd)
{
    struct stat opened, there;
    return fstat(fd, &opened) == 0 && fstatat(dir, name, &there, 0) == 0 && opened.st_ino == there.st_ino;
}

/* 0 and *ret_fd; -EAGAIN somebody else is the one, when `until_ns` is over; -errno. */
static int become_the_one(const struct running *running, int64_t until_ns, int *ret_fd)
{
    for (;;) {
        int fd = openat(running->path.dir, running->lock_name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0 && (errno == ESTALE || errno == ENOENT))
            continue;
        if (fd < 0)
            return -errno;
        int result = hold_lock(fd, LOCK_EX, until_ns);
        if (result == 0 && is_same_file(running->path.dir, running->lock_name, fd)) {
            *ret_fd = fd;
            return 0;
        }
        close(fd);
        if (result < 0)
            return result;
    }
}

static void be_the_one_no_more(const struct running *running, int fd)
{
    if (is_same_file(running->path.dir, running->lock_name, fd))
        unlinkat(running->path.dir, running->lock_name, 0);
    close(fd);
}

/* --- computing ----------------------------------------------------------------------------------------- */

/* Starts the command, with what it prints coming out of *ret_fd. COMMAND_DONE or it has complained. */
static int start(const struct running *running, pid_t *ret_pid, int *ret_fd)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return command_fail(COMMAND_FAILED, "no pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    int error = posix_spawnp(ret_pid, running->command[0], &actions, NULL, running->command, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return command_fail(COMMAND_FAILED, "%s: cannot be run: %s", running->command[0], strerror(error));
    }
    *ret_fd = ends[0];
    return COMMAND_DONE;
}

/* Copies what it prints to the entry (-1: none any more) and to standard output. False when the entry has failed. */
static bool copy_output(int from, int entry)
{
    char buffer[64 << 10];
    bool stored = entry >= 0;
    ssize_t got;
    while ((got = read(from, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR)) {
        if (got < 0)
            continue;
        stored = stored && stream_write(entry, buffer, (size_t)got) == 0;
        if (stream_write(STDOUT_FILENO, buffer, (size_t)got) < 0)
            break; /* the command learns of it by SIGPIPE */
    }
    return stored && got == 0;
}

static int status_of(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return COMMAND_FAILED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Runs the command, prints and keeps what it prints. What cannot be kept is printed all the same. */
static int compute(const struct running *running)
{
    int output = -1, entry = -1;
    pid_t pid = -1;
    int64_t began_ms = now_ms();
    int code = start(running, &pid, &output);
    if (code != COMMAND_DONE)
        return code;
    if (put_open(&running->path, PUT_OVER_ANYTHING, &running->options, &entry) != COMMAND_DONE)
        entry = -1;
    bool stored = copy_output(output, entry);
    close(output);
    int status = status_of(pid);
    struct outcome outcome = {.status = status, .took_ms = now_ms() - began_ms, .until_ms = INT64_MAX};
    if (running->ttl_ms != UINT64_MAX)
        outcome.until_ms = now_ms() + (int64_t)running->ttl_ms;
    bool keep = stored && (status == 0 || running->failures) && outcome_set(entry, &outcome) == 0;
    if (entry >= 0)
        put_close(entry, &running->path, keep ? COMMAND_DONE : COMMAND_MISS);
    return status;
}

/* --- the verb ------------------------------------------------------------------------------------------ */

/* Prints what there is, unless this process is to compute it anew: then NOTHING, and *ret_lock is held. `hold`: it is
 * held already, if not -1. */
static int print_or_hold(const struct running *running, int *lock)
{
    int fd = openat(running->path.dir, running->path.name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? NOTHING : entry_path_fail(&running->path, -errno);
    struct outcome outcome = outcome_get(fd);
    int status = NOTHING;
    bool due = is_due(running, &outcome);
    if (!due || (*lock < 0 && become_the_one(running, 0, lock) < 0))
        status = print_entry(running, fd, &outcome);
    close(fd);
    return status;
}

static int run_key(const struct running *running)
{
    int lock = -1;
    int status = print_or_hold(running, &lock);
    if (status == NOTHING && lock < 0) { /* a miss: wait for the one who computes it, or be that */
        int result = become_the_one(running, HOLD_FOREVER, &lock);
        if (result < 0)
            return command_fail(COMMAND_FAILED, "%s: cannot be locked: %s", running->path.path, strerror(-result));
        status = print_or_hold(running, &lock);
    }
    if (status == NOTHING)
        status = compute(running);
    if (lock >= 0)
        be_the_one_no_more(running, lock);
    return status;
}

/* How long the entry lives: as long as it is fresh, and then as long as it may be stale. */
static int set_lifetime(struct running *running, const char *ttl, const char *stale)
{
    uint64_t stale_ms = 0;
    int code = arguments_duration("--ttl", ttl, &running->ttl_ms);
    if (code == COMMAND_DONE)
        code = arguments_timeout(stale, &stale_ms);
    if (code != COMMAND_DONE)
        return code;
    if (running->ttl_ms == UINT64_MAX || stale_ms == UINT64_MAX)
        strcpy(running->ttl_text, "none");
    else
        snprintf(running->ttl_text, sizeof running->ttl_text, "%" PRIu64 "ms", running->ttl_ms + stale_ms);
    running->options.ttl = running->ttl_text;
    return COMMAND_DONE;
}

static int set_beta(struct running *running, const char *text)
{
    char *end = NULL;
    running->beta = text ? strtod(text, &end) : 1;
    if (text && (end == text || *end || !(running->beta >= 0 && running->beta <= 1000)))
        return command_fail(COMMAND_USAGE, "--beta: '%s' is no number from 0 to 1000", text);
    return COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    struct running running = {0};
    const char *key = NULL, *ttl = NULL, *beta = NULL, *stale = NULL;
    bool parents = false;
    int words;
    const struct argument table[] = {{"--key", 'k', NULL, &key},
                                     {"--ttl", 't', NULL, &ttl},
                                     {"--beta", 0, NULL, &beta},
                                     {"--stale", 0, NULL, &stale},
                                     {"--tag", 0, NULL, &running.options.tags},
                                     {"--failures", 0, &running.failures, NULL},
                                     {"--parents", 'p', &parents, NULL},
                                     {NULL}};

    int code = arguments_parse(&command_run, argc, argv, table, 0, 0, &words, &running.command);
    if (code == COMMAND_DONE && (!key || !ttl))
        code = arguments_fail(&command_run, "%s is missing", key ? "--ttl" : "--key");
    if (code == COMMAND_DONE)
        code = set_lifetime(&running, ttl, stale);
    if (code == COMMAND_DONE)
        code = set_beta(&running, beta);
    if (code == COMMAND_DONE &&
        (code = entry_path_find(key, parents ? ENTRY_PATH_PARENTS : 0, &running.path)) == COMMAND_MISS)
        return command_fail(COMMAND_FAILED, "%s: its directory is not there; -p makes it", key);
    if (code != COMMAND_DONE)
        return code;
    int size = snprintf(running.lock_name, sizeof running.lock_name, "%s.lock", running.path.name);
    if ((size_t)size >= sizeof running.lock_name)
        code = command_fail(COMMAND_USAGE, "%s: the name is too long for '.lock' behind it", key);
    else
        code = run_key(&running);
    entry_path_release(&running.path);
    return code;
}

const struct command command_run = {
    .name = "run",
    .arguments = "--key PATH --ttl T [--beta B] [--stale S] [--failures] [--tag LIST] [-p] -- COMMAND...",
    .summary = "print what a command prints, and keep it",
    .details = "  -k, --key PATH  a name in a larder, where the output is kept\n"
               "  -t, --ttl T     how long it is fresh: 90, 90s, 15m, 2h, 7d, 250ms; 0 or none for ever\n"
               "  --beta B        how eagerly to compute it anew before that, so that not all do at once; 1, 0 never\n"
               "  --stale S       for so long after that, print the old one while one computes it anew; 0\n"
               "  --failures      keep the output of a command that fails, too\n"
               "  --tag LIST      labels, separated by commas\n"
               "  -p, --parents   make the directories above it that are missing\n",
    .run = run,
};
