/* SPDX-License-Identifier: MIT */
/* run.c - the processes of the torture, and their account; see torture.h. */
#include "torture.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    REPORTS_MAX = 4, /* of each fault, described on stderr */
    GRACE_S = 20, /* for a worker to end after the time is over; what it does takes milliseconds */
    KILL_S = 5,
};

struct shared *shared;
struct worker *self;

static const char *const kind_names[KINDS] = {
    [OVERWRITE] = "overwrite",
    [READ_BACK] = "read-back",
    [REPLACE] = "replace",
    [ADD] = "add",
    [UNLINK] = "unlink",
    [MOVE] = "move",
    [SWAP] = "swap",
    [EXPIRE] = "expire",
    [LASTING] = "lasting",
    [BRIEF] = "brief",
    [FILL] = "fill",
    [READ] = "read",
    [PREAD] = "pread",
    [HOLD] = "hold",
    [MAP] = "map",
    [APPEND] = "append",
    [APPEND_READ] = "append-read",
    [FOLLOW] = "follow",
};

static const char *const fault_names[FAULTS] = {
    [TORN] = "torn",   [ZEROED] = "zeroed",     [EMPTY] = "empty", [SIZES] = "wrong sizes", [CHANGED] = "changed",
    [STALE] = "stale", [SIGBUSES] = "SIGBUSes", [HANGS] = "hangs", [ERRORS] = "errors",
};

/* --- random numbers and time --------------------------------------------------------------------------- */

uint64_t random_next(struct random *random)
{
    uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t random_below(struct random *random, uint64_t limit)
{
    return random_next(random) % limit;
}

uint64_t below(uint64_t limit)
{
    return random_below(&self->random, limit);
}

int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool is_over(void)
{
    return monotonic_ns() >= shared->end_ns;
}

/* --- the account --------------------------------------------------------------------------------------- */

void count(enum kind kind)
{
    atomic_fetch_add(&shared->done[kind], 1);
}

void report(enum fault fault, const char *format, ...)
{
    if (atomic_fetch_add(&shared->faults[fault], 1) >= REPORTS_MAX)
        return;
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    double seconds = (double)(monotonic_ns() - shared->start_ns) / 1e9;
    if (self)
        fprintf(stderr, "torture: %.6f s: %s %d, %s: %s: %s\n", seconds, self->role, self->number,
                kind_names[self->doing], fault_names[fault], text);
    else
        fprintf(stderr, "torture: %.6f s: %s: %s\n", seconds, fault_names[fault], text);
}

void report_error(const char *call, const char *name)
{
    report(ERRORS, "%s %s: %s", call, name, strerror(errno));
}

bool print_counts(void)
{
    enum { READS_PER_ZEROED = 500 };
    unsigned long faults = 0, reads = shared->done[READ] + shared->done[PREAD];
    for (int i = 0; i < KINDS; i++)
        if (shared->planned[i])
            printf("%lu %s, ", shared->done[i], kind_names[i]);
    printf("%lu misses:", shared->misses);
    for (int i = 0; i < FAULTS; i++) {
        printf("%s %lu %s", i ? "," : "", shared->faults[i], fault_names[i]);
        if (i != ZEROED || shared->faults[i] > reads / READS_PER_ZEROED)
            faults += shared->faults[i];
    }
    printf("\n");
    return faults == 0;
}

bool leave_out(char *kinds)
{
    for (char *kind, *rest = kinds; (kind = strsep(&rest, ","));) {
        int i = 0;
        while (i < KINDS && strcmp(kind, kind_names[i]) != 0)
            i++;
        if (i == KINDS)
            return false;
        shared->wanted[i] = false;
    }
    return true;
}

/* --- workers ------------------------------------------------------------------------------------------- */

void work(const struct job *jobs, size_t count)
{
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!shared->wanted[jobs[i].kind])
            continue;
        sum += jobs[i].weight;
        shared->planned[jobs[i].kind] = true;
    }
    while (sum > 0 && !is_over()) {
        unsigned at = (unsigned)below(sum);
        for (size_t i = 0; i < count; i++) {
            unsigned weight = shared->wanted[jobs[i].kind] ? jobs[i].weight : 0;
            if (at < weight) {
                self->doing = jobs[i].kind;
                jobs[i].run();
                break;
            }
            at -= weight;
        }
    }
}

static void start(struct worker *worker, const struct role *role, int number)
{
    worker->role = role->name;
    worker->number = number;
    worker->random.state = (uint64_t)monotonic_ns() + (uint64_t)(worker - shared->workers) * 0x9e3779b9u;
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        report_error("fork", role->name);
    } else if (pid > 0) {
        worker->pid = pid;
    } else {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(0);
        self = worker;
        role->run();
        _exit(0);
    }
}

static struct worker *worker_of(pid_t pid)
{
    for (int i = 0; i < WORKERS_MAX; i++)
        if (shared->workers[i].pid == pid)
            return &shared->workers[i];
    return NULL;
}

static void account_for(pid_t pid, int status)
{
    struct worker *worker = worker_of(pid);
    if (!worker)
        return;
    worker->pid = 0;
    if (status != 0)
        report(ERRORS, "%s %d ended with status %#x, last at %s", worker->role, worker->number, (unsigned)status,
               kind_names[worker->doing]);
}

/* Waits until all workers are gone or the time is over; false in the latter case. */
static bool wait_until(int64_t end_ns)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        int status;
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            account_for(pid, status);
        if (pid < 0)
            return true;
        int64_t left = end_ns - monotonic_ns();
        if (left <= 0)
            return false;
        sigtimedwait(&child, NULL, &(struct timespec){left / 1000000000, left % 1000000000});
    }
}

/* What a process waits for in the kernel, as far as /proc shows it. */
static void describe(pid_t pid, char *text, size_t size)
{
    static const char *const files[] = {"wchan", "syscall", "stack"};
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        char path[64], said[1024];
        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, files[i]);
        FILE *file = fopen(path, "r");
        size_t got = file ? fread(said, 1, sizeof(said) - 1, file) : 0;
        if (file)
            fclose(file);
        said[got] = '\0';
        size_t length = strlen(text);
        snprintf(text + length, size - length, "\n  %s: %s", files[i], said);
    }
}

void run_roles(const struct role *roles, size_t count)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    struct worker *worker = shared->workers;
    for (size_t i = 0; i < count; i++)
        for (int number = 0; number < roles[i].count && worker < shared->workers + WORKERS_MAX; number++)
            start(worker++, &roles[i], number);

    if (wait_until(shared->end_ns + GRACE_S * INT64_C(1000000000)))
        return;
    for (worker = shared->workers; worker < shared->workers + WORKERS_MAX; worker++) {
        char text[3500];
        if (worker->pid == 0)
            continue;
        describe(worker->pid, text, sizeof(text));
        report(HANGS, "%s %d (process %d), at %s, has not ended:%s", worker->role, worker->number, (int)worker->pid,
               kind_names[worker->doing], text);
        kill(worker->pid, SIGKILL);
        worker->pid = 0; /* how it ends is no news */
    }
    /* One whose request the file system has taken up cannot be killed before it is answered: not our problem. */
    wait_until(monotonic_ns() + KILL_S * INT64_C(1000000000));
}
