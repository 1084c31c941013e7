/* SPDX-License-Identifier: MIT */
/*
 * latency.h - how long requests take: one histogram an operation, counted without a lock.
 *
 * What is timed is the daemon's own part: from the moment a request is in its hands to the moment it has answered it (or
 * has put it aside to be answered by another thread, as a read of .larder/events that waits). What the kernel takes to
 * bring the request and to wake the caller is not in it; scripts/bench measures that from outside.
 *
 * Buckets grow logarithmically, LATENCY_STEPS an octave (as in Tene's HdrHistogram), so that a percentile, which is the
 * end of its bucket, is too high by at most a quarter:
 *
 *     bucket 0 < 512 ns <= 1 < 640 <= 2 < 768 <= 3 < 896 <= 4 < 1024 <= 5 < 1280 ... < 17 s <= the last
 *
 * Threads write to shards of their own, picked in turn by a thread's first request; whoever shows the numbers adds them
 * up. The operations are requests by their kind, but an open to read, which is a get, is told apart from other opens.
 */
#ifndef LARDER_FS_LATENCY_H
#define LARDER_FS_LATENCY_H

#include <stddef.h>
#include <stdint.h>

struct latency;

enum {
    LATENCY_STEPS = 4, /* buckets an octave */
    LATENCY_OCTAVES = 25, /* from 2^9 ns on */
    LATENCY_BUCKETS = 2 + LATENCY_STEPS * LATENCY_OCTAVES,
};

enum latency_operation {
    LATENCY_GET, /* OPEN to read */
    LATENCY_OPEN, /* any other OPEN */
    LATENCY_LOOKUP,
    LATENCY_CREATE,
    LATENCY_READ,
    LATENCY_WRITE,
    LATENCY_FLUSH, /* where a set is published */
    LATENCY_RELEASE,
    LATENCY_UNLINK,
    LATENCY_RENAME,
    LATENCY_ATTRIBUTES, /* GETATTR, SETATTR, GETXATTR, SETXATTR ... */
    LATENCY_DIRECTORY, /* MKDIR, RMDIR, READDIR, READDIRPLUS ... */
    LATENCY_OTHER,
    LATENCY_OPERATIONS,
};

/* Makes one; NULL when out of memory. */
struct latency *latency_new(void);
void latency_free(struct latency *latency);

/* The operation of a request as it came, at least a header and its own arguments. */
enum latency_operation latency_operation(const void *message);

/* As it is called in what users read: "get", "open" ... */
const char *latency_name(enum latency_operation operation);

/* Counts one that took `ns`. From any thread. */
void latency_count(struct latency *latency, enum latency_operation operation, int64_t ns);

/* One operation's histogram, added up. */
struct histogram {
    uint64_t count, sum_ns;
    uint64_t buckets[LATENCY_BUCKETS];
};
void latency_read(const struct latency *latency, enum latency_operation operation, struct histogram *ret_histogram);

/* The bucket that a duration falls into, and where a bucket ends (what falls into it is shorter); the last one ends at
 * UINT64_MAX. In ns. */
unsigned histogram_bucket(int64_t ns);
uint64_t histogram_end_ns(unsigned bucket);

/* The duration that a part (0 to 1) of them does not exceed, in ns; 0 of none. */
uint64_t histogram_percentile_ns(const struct histogram *histogram, double part);

#endif
