/* SPDX-License-Identifier: MIT */
/*
 * parts.h - what the workload programs in C have in common: a clock, and the samples of one operation in one process,
 * in the files that samples.py reads.
 */
#ifndef LARDER_TESTS_BENCH_PARTS_H
#define LARDER_TESTS_BENCH_PARTS_H

#include <stddef.h>
#include <stdint.h>

/* Monotonic, in ns. */
uint64_t clock_now(void);

/* Makes the kernel forget pages, names and attributes of all file systems, after writing what is dirty; waits until it
   has told daemons of it. Not what a daemon keeps in its own memory. Root alone can; else the process ends. */
void caches_drop(void);

/* Says what failed, with errno's reason, and ends the process with status 1. */
__attribute__((noreturn, format(printf, 1, 2))) void stop(const char *format, ...);

/* One operation, as one process measures it. Made once and used again for the next operation. */
struct samples {
    uint64_t start_ns, end_ns;
    uint64_t failed; /* operations */
    uint64_t wrong; /* values read that were not the ones stored */
    uint64_t *times_ns;
    size_t count, room;
};

/* Room for `room` operations. */
void samples_init(struct samples *samples, size_t room);
void samples_release(struct samples *samples);

/* Forgets what was measured, and starts the clock. */
void samples_begin(struct samples *samples);

/* One operation took from `started_ns` until now. */
void samples_add(struct samples *samples, uint64_t started_ns);

/* Stops the clock. */
void samples_end(struct samples *samples);

/* Writes them to DIRECTORY/OPERATION.WORKER, or ends the process. */
void samples_write(const struct samples *samples, const char *directory, const char *operation, unsigned worker);

#endif
