/* SPDX-License-Identifier: MIT */
/*
 * torture.h - what the parts of the torture share: its processes, the kinds of things they do, and what may go wrong.
 *
 * Each process has a role (writer, reader, holder ...) and does the jobs of that role at random until the time is over.
 * A job belongs to a kind, by which it is counted and can be left out. All processes share one block of memory
 * (`shared`): the counts, what each is doing just now, and what the writers have published.
 */
#ifndef LARDER_TORTURE_H
#define LARDER_TORTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SHARED_NAMES = 4, /* of a kind that everybody writes; few, so that everybody is in everybody's way */
    WORKERS_MAX = 64,
    PIECE_MAX = 13000, /* bytes a read; pieces of a write are up to four times as large */
    NAME_SIZE = 32,
    SESSIONS = 1 << 20, /* append sessions told apart at a time */
};

enum kind {
    OVERWRITE, /* O_WRONLY|O_TRUNC, several writes, close */
    READ_BACK, /* O_RDWR|O_TRUNC, and reads what it wrote before it closes */
    REPLACE, /* writes a new name (O_EXCL) and renames it over */
    ADD, /* O_EXCL */
    UNLINK,
    MOVE, /* renames one value over another */
    SWAP, /* RENAME_EXCHANGE */
    EXPIRE, /* user.ttl, on a path or before a close */
    LASTING, /* numbered values of a name with one writer */
    BRIEF, /* the same, with a lifetime each */
    FILL, /* writes many other names */
    READ, /* reads to the end in pieces of odd sizes */
    PREAD, /* fstat, then preads at random offsets */
    HOLD, /* keeps handles for up to seconds, and reads by instalments */
    MAP, /* keeps mappings likewise */
    APPEND, /* O_WRONLY|O_APPEND */
    APPEND_READ, /* O_RDWR|O_APPEND, and reads what it appended */
    FOLLOW, /* reads on while others append */
    KINDS
};

enum fault {
    TORN, /* cut off, mixed, out of place, or with something behind its end */
    ZEROED, /* zeroes where lines were appended a moment ago: the kernel's doing, and rare (see print_counts()) */
    EMPTY, /* which no writer ever published */
    SIZES, /* fstat says another size than the value read has */
    CHANGED, /* one handle or mapping shows two values */
    STALE, /* older than what was published before the open, or past its deadline */
    SIGBUSES, /* a page of a mapping could not be had */
    HANGS,
    ERRORS, /* a failing call, other than the ENOENT of a miss; a process that died */
    FAULTS
};

struct random {
    uint64_t state;
};

struct worker {
    const char *role;
    int number; /* among those of its role */
    pid_t pid;
    struct random random;
    _Atomic(enum kind) doing;
};

struct shared {
    atomic_ulong done[KINDS], faults[FAULTS], misses;
    bool wanted[KINDS];
    atomic_bool planned[KINDS]; /* wanted, and some role has it: is counted, even if it never came to that */
    bool no_eviction; /* what nobody removes must be there */
    int writers;
    int64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
    int64_t start_ms; /* CLOCK_REALTIME, as deadlines are */
    struct worker workers[WORKERS_MAX];
    atomic_uint_fast64_t lasting[WORKERS_MAX], brief[WORKERS_MAX]; /* see names.h */
    atomic_uint next_session;
    atomic_uint_fast64_t behind[SESSIONS]; /* which value an append session's lines were seen behind */
};

extern struct shared *shared;
extern struct worker *self; /* in a child */

struct job {
    enum kind kind;
    unsigned weight;
    void (*run)(void);
};

struct role {
    const char *name;
    int count;
    void (*run)(void);
};

/* Forks the workers, waits for them and reports those that failed or hang. */
void run_roles(const struct role *roles, size_t count);

/* What a role does: jobs that are wanted, at random by their weights, until the time is over. */
void work(const struct job *jobs, size_t count);

bool is_over(void);
int64_t monotonic_ns(void);

/* A job of this kind was done. */
void count(enum kind kind);

/* Counts a fault; the first few of each are described on stderr. */
__attribute__((format(printf, 2, 3))) void report(enum fault fault, const char *format, ...);

/* A system call failed: errno says why. */
void report_error(const char *call, const char *name);

/*
 * Prints the counts, in one line. True when there was no fault.
 *
 * One that is known and is not ours to mend is allowed for once in 500 reads: a file system that tells Linux a new size
 * while another write goes on may have its pages cut off at the older one (fs/pages.c, grow()).
 */
bool print_counts(void);

/* Leaves kinds out, named in a list with commas. False when one is unknown. */
bool leave_out(char *kinds);

uint64_t random_next(struct random *random);
uint64_t random_below(struct random *random, uint64_t limit);
uint64_t below(uint64_t limit); /* of this worker's random numbers */

/* The roles. */
void writer_run(void);
void filler_run(void);
void reader_run(void);
void holder_run(void);
void mapper_run(void);
void live_prepare(void); /* before they start */
void live_writer_run(void);
void appender_run(void);
void live_reader_run(void);
void follower_run(void);

#endif
