/* SPDX-License-Identifier: MIT */
/*
 * floor.c - what this machine asks for a message: no daemon that answers another process can do with less.
 *
 *     floor OUT COUNT
 *
 * A parent sends a byte through a pipe, a child sends it back through another, COUNT times, and the parent measures:
 *
 *     system call           of the parent alone, the cheapest there is
 *     one core              both pinned to the same core: each sleeps while the other runs
 *     two cores             each pinned to its own: each is woken from sleep on it
 *     two cores, no sleep   the child looks again and again instead: only the parent is woken
 *
 * The cores are the first two that it may use; where it has only one, the last two are left out. Samples go to OUT in
 * the form that samples.py reads.
 */
#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BATCH = 10, /* of which the time is taken at once: two looks at the clock take as long as a system call */
    WARM_UP = 200,
};

/* --- cores --------------------------------------------------------------------------------------------- */

/* Returns how many of the first two there are. */
static unsigned find_cores(int cores[2])
{
    cpu_set_t allowed;
    unsigned found = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        stop("sched_getaffinity");
    for (int core = 0; core < CPU_SETSIZE && found < 2; core++)
        if (CPU_ISSET(core, &allowed))
            cores[found++] = core;
    return found;
}

static void pin_to(int core)
{
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(core, &only);
    if (sched_setaffinity(0, sizeof only, &only) != 0)
        stop("sched_setaffinity");
}

/* --- who answers --------------------------------------------------------------------------------------- */

struct partner {
    pid_t pid;
    int to, from;
};

__attribute__((noreturn)) static void answer(int from, int to, bool sleeps)
{
    char byte;
    ssize_t got;
    if (!sleeps && fcntl(from, F_SETFL, O_NONBLOCK) != 0)
        stop("fcntl");
    while ((got = read(from, &byte, 1)) == 1 || (got < 0 && errno == EAGAIN))
        if (got == 1 && write(to, &byte, 1) != 1)
            break;
    _exit(0); /* the end of the file: the parent has closed its side */
}

static struct partner partner_start(int core, bool sleeps)
{
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0)
        stop("pipe");
    struct partner partner = {.pid = fork(), .to = there[1], .from = back[0]};
    if (partner.pid < 0)
        stop("fork");
    if (partner.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(there[1]);
        close(back[0]);
        pin_to(core);
        answer(there[0], back[1], sleeps);
    }
    close(there[0]);
    close(back[1]);
    return partner;
}

static void partner_end(struct partner *partner)
{
    close(partner->to);
    close(partner->from);
    waitpid(partner->pid, NULL, 0);
}

/* --- what is measured ---------------------------------------------------------------------------------- */

static void call(const struct partner *nobody)
{
    (void)nobody;
    syscall(SYS_getppid);
}

static void round_trip(const struct partner *partner)
{
    char byte = 0;
    if (write(partner->to, &byte, 1) != 1 || read(partner->from, &byte, 1) != 1)
        stop("a pipe");
}

/* Each sample is the mean of its batch. */
static void measure(const char *out, const char *name, unsigned count, void work(const struct partner *),
                    const struct partner *partner)
{
    struct samples samples;
    samples_init(&samples, count);
    for (unsigned i = 0; i < WARM_UP; i++)
        work(partner);
    samples_begin(&samples);
    while (samples.count < count) {
        uint64_t started = clock_now();
        for (unsigned i = 0; i < BATCH; i++)
            work(partner);
        uint64_t mean = (clock_now() - started) / BATCH;
        for (unsigned i = 0; i < BATCH && samples.count < count; i++)
            samples.times_ns[samples.count++] = mean;
    }
    samples_end(&samples);
    samples_write(&samples, out, name, 0);
    samples_release(&samples);
}

static void measure_trips(const char *out, const char *name, unsigned count, int core, bool sleeps)
{
    struct partner partner = partner_start(core, sleeps);
    measure(out, name, count, round_trip, &partner);
    partner_end(&partner);
}

int main(int argc, char **argv)
{
    int cores[2];
    if (argc != 3 || atoi(argv[2]) < 1) {
        fprintf(stderr, "usage: floor OUT COUNT\n");
        return 2;
    }
    unsigned count = (unsigned)atoi(argv[2]), found = find_cores(cores);
    pin_to(cores[0]);
    measure(argv[1], "system call", count, call, NULL);
    measure_trips(argv[1], "one core", count, cores[0], true);
    if (found == 2) {
        measure_trips(argv[1], "two cores", count, cores[1], true);
        measure_trips(argv[1], "two cores, no sleep", count, cores[1], false);
    }
    return 0;
}
