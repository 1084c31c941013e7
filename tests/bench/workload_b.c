/* SPDX-License-Identifier: MIT */
/*
 * workload_b.c - workload B: what each operation on an entry costs, from C.
 *
 *     workload_b DIR OUT PROCESSES SIZE KEYS [cold]
 *
 * PROCESSES processes share KEYS keys of SIZE bytes each in one directory below DIR, and do one operation on each of
 * their keys in one phase after the other, starting each phase together; where the operation can be repeated, again and
 * again for a while:
 *
 *     set new      open a name that is not there to create it, write, close
 *     get cold     open, read, close: the first time since the kernel has forgotten names, attributes and pages
 *     get warm     the same, once more
 *     stat         of a key that was read just before, which may have changed its access time
 *     stat warm    once more
 *     overwrite    open to truncate, write, close
 *     rename-over  write another name, rename it over the key
 *     miss cold    open a name that is not there and was never asked for
 *     miss warm    the same name again
 *     unlink
 *
 * Without "cold" the kernel's caches are left as they are and the two cold phases left out, as are those in which it
 * cannot drop them. Every value read is compared with what was stored, outside of what is timed. Samples go to OUT in
 * the form that samples.py reads.
 */
#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Many processes on few processors take turns of some milliseconds: with less than a few turns each, they would run one
   after the other. */
#define AT_LEAST_NS UINT64_C(40000000)

enum {
    SAMPLES_MIN = 50000,
    PROCESSES_MAX = 64,
    WARM_UP_KEYS = 50,
    WARM_UP_NAMES = 1000, /* what is added to a worker's number meanwhile, so that its keys have names of their own */
};

struct worker {
    const char *out;
    unsigned number;
    size_t size;
    unsigned keys; /* of this worker */
    uint64_t version; /* of the values that are stored now */
    uint8_t *value, *buffer; /* `size` bytes; one more, to notice what is too long */
    pthread_barrier_t *barrier;
    struct samples samples;
};

/* --- values and names ---------------------------------------------------------------------------------- */

/* Every eight bytes tell the key and the version: a value that is torn or mixed cannot look right. */
static uint64_t word_of(const struct worker *worker, unsigned key)
{
    return ((uint64_t)(worker->number + 1) << 56 | worker->version << 40 | key) * UINT64_C(0x9e3779b97f4a7c15);
}

static void value_make(struct worker *worker, unsigned key)
{
    uint64_t word = word_of(worker, key);
    for (size_t at = 0; at < worker->size; at += sizeof word)
        memcpy(worker->value + at, &word, worker->size - at < sizeof word ? worker->size - at : sizeof word);
}

struct name {
    char text[64];
};

static struct name name_of(const struct worker *worker, const char *kind, unsigned key)
{
    struct name name;
    snprintf(name.text, sizeof name.text, "%s-%u-%06u", kind, worker->number, key);
    return name;
}

/* --- operations: true when done ------------------------------------------------------------------------ */

static bool set(const struct worker *worker, const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0)
        return false;
    bool written = write(fd, worker->value, worker->size) == (ssize_t)worker->size;
    return close(fd) == 0 && written;
}

static bool get(const struct worker *worker, const char *name, size_t *ret_size)
{
    size_t got = 0;
    ssize_t more;
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return false;
    do {
        more = read(fd, worker->buffer + got, worker->size + 1 - got);
        got += more > 0 ? (size_t)more : 0;
    } while (more > 0 && got < worker->size); /* who has it all does not ask for the end */
    close(fd);
    *ret_size = got;
    return more >= 0;
}

/* --- phases: one operation on one key, timed ----------------------------------------------------------- */

typedef void operation_on(struct worker *worker, unsigned key);

static void done(struct worker *worker, uint64_t started, bool well)
{
    samples_add(&worker->samples, started);
    worker->samples.failed += !well;
}

static void phase_set(struct worker *worker, unsigned key)
{
    struct name name = name_of(worker, "key", key);
    value_make(worker, key);
    uint64_t started = clock_now();
    done(worker, started, set(worker, name.text));
}

static void phase_get(struct worker *worker, unsigned key)
{
    struct name name = name_of(worker, "key", key);
    size_t size = 0;
    uint64_t started = clock_now();
    bool well = get(worker, name.text, &size);
    done(worker, started, well);
    value_make(worker, key);
    worker->samples.wrong += well && (size != worker->size || memcmp(worker->buffer, worker->value, size) != 0);
}

static void phase_stat(struct worker *worker, unsigned key)
{
    struct name name = name_of(worker, "key", key);
    struct stat status;
    uint64_t started = clock_now();
    int result = stat(name.text, &status);
    done(worker, started, result == 0);
    worker->samples.wrong += result == 0 && status.st_size != (off_t)worker->size;
}

static void phase_rename(struct worker *worker, unsigned key)
{
    struct name name = name_of(worker, "key", key), temporary = name_of(worker, "tmp", key);
    value_make(worker, key);
    uint64_t started = clock_now();
    bool well = set(worker, temporary.text) && rename(temporary.text, name.text) == 0;
    done(worker, started, well);
}

static void phase_miss(struct worker *worker, unsigned key)
{
    struct name name = name_of(worker, "none", key);
    uint64_t started = clock_now();
    int fd = open(name.text, O_RDONLY);
    done(worker, started, fd < 0 && errno == ENOENT);
    if (fd >= 0)
        close(fd);
}

static void phase_unlink(struct worker *worker, unsigned key)
{
    struct name name = name_of(worker, "key", key);
    uint64_t started = clock_now();
    done(worker, started, unlink(name.text) == 0);
}

static const struct phase {
    const char *name;
    operation_on *operation;
    bool cold; /* the caches are dropped before it */
    bool again; /* can be repeated: the keys are gone through until AT_LEAST_NS are over */
    bool stores; /* values of a new version */
} phases[] = {
    {"set new", phase_set, .stores = true},
    {"get cold", phase_get, .cold = true},
    {"get warm", phase_get, .again = true},
    {"stat", phase_stat},
    {"stat warm", phase_stat, .again = true},
    {"overwrite", phase_set, .again = true, .stores = true},
    {"rename-over", phase_rename, .again = true, .stores = true},
    {"miss cold", phase_miss, .cold = true},
    {"miss warm", phase_miss, .again = true},
    {"unlink", phase_unlink},
};

/* --- a worker ------------------------------------------------------------------------------------------ */

static void run_phase(struct worker *worker, const struct phase *phase)
{
    worker->version += phase->stores;
    if (phase->cold && worker->number == 0)
        caches_drop();
    pthread_barrier_wait(worker->barrier);
    samples_begin(&worker->samples);
    do {
        for (unsigned key = 0; key < worker->keys; key++)
            phase->operation(worker, key);
    } while (phase->again && clock_now() < worker->samples.start_ns + AT_LEAST_NS &&
             worker->samples.count + worker->keys <= worker->samples.room);
    samples_end(&worker->samples);
    pthread_barrier_wait(worker->barrier);
}

/* Code, daemon and store have been through everything once before the clock counts. */
static void warm_up(struct worker *worker)
{
    unsigned keys = worker->keys;
    worker->keys = keys < WARM_UP_KEYS ? keys : WARM_UP_KEYS;
    worker->number += WARM_UP_NAMES;
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        struct phase phase = phases[i];
        phase.cold = phase.again = false;
        run_phase(worker, &phase);
    }
    worker->number -= WARM_UP_NAMES;
    worker->keys = keys;
}

static void work(struct worker *worker, bool cold)
{
    worker->value = malloc(worker->size + 1);
    worker->buffer = malloc(worker->size + 1);
    if (!worker->value || !worker->buffer)
        stop("memory for values of %zu bytes", worker->size);
    memset(worker->buffer, 1, worker->size + 1);
    samples_init(&worker->samples, worker->keys > SAMPLES_MIN ? worker->keys : SAMPLES_MIN);
    warm_up(worker);
    for (const struct phase *phase = phases; phase < phases + sizeof phases / sizeof *phases; phase++) {
        /* Without dropping, a first miss is as cold as can be; a first get is not. */
        if (phase->cold && !cold && phase->operation == phase_get)
            continue;
        struct phase this = *phase;
        this.cold &= cold;
        run_phase(worker, &this);
        samples_write(&worker->samples, worker->out, phase->name, worker->number);
    }
    samples_release(&worker->samples);
    free(worker->value);
    free(worker->buffer);
}

/* --- all of them --------------------------------------------------------------------------------------- */

static pthread_barrier_t *barrier_new(unsigned processes)
{
    pthread_barrierattr_t shared;
    pthread_barrier_t *barrier = mmap(NULL, sizeof *barrier, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (barrier == MAP_FAILED)
        stop("mmap");
    pthread_barrierattr_init(&shared);
    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(barrier, &shared, processes);
    pthread_barrierattr_destroy(&shared);
    return barrier;
}

/* Returns whether all ended well. One that does not ends all: the others would wait for it at the barrier for ever. */
static bool wait_for_all(unsigned processes, pid_t *pids)
{
    bool well = true;
    for (unsigned ended = 0; ended < processes; ended++) {
        int status;
        pid_t pid = wait(&status);
        for (unsigned i = 0; i < processes; i++)
            pids[i] = pids[i] == pid ? 0 : pids[i];
        if (status == 0)
            continue;
        well = false;
        for (unsigned i = 0; i < processes; i++)
            if (pids[i])
                kill(pids[i], SIGKILL);
    }
    return well;
}

int main(int argc, char **argv)
{
    if (argc < 6 || argc > 7) {
        fprintf(stderr, "usage: workload_b DIR OUT PROCESSES SIZE KEYS [cold]\n");
        return 2;
    }
    unsigned processes = (unsigned)atoi(argv[3]), keys = (unsigned)atoi(argv[5]);
    if (processes < 1 || processes > PROCESSES_MAX) {
        fprintf(stderr, "workload_b: 1 to %d processes\n", PROCESSES_MAX);
        return 2;
    }
    struct worker worker = {
        .out = argv[2],
        .size = (size_t)atol(argv[4]),
        .keys = keys > processes ? keys / processes : 1,
        .barrier = barrier_new(processes),
    };
    pid_t pids[PROCESSES_MAX];
    if (chdir(argv[1]) != 0 || mkdir("cells", 0755) != 0 || chdir("cells") != 0)
        stop("%s", argv[1]);
    for (worker.number = 0; worker.number < processes; worker.number++) {
        pids[worker.number] = fork();
        if (pids[worker.number] < 0)
            stop("fork");
        if (pids[worker.number] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            work(&worker, argc == 7);
            exit(0);
        }
    }
    return wait_for_all(processes, pids) ? 0 : 1;
}
