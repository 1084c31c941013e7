/* SPDX-License-Identifier: MIT */
/* latency.c - see latency.h. */
#include "latency.h"
#include "shard.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BIT = 9 }; /* 512 ns */

struct latency {
    struct latency_shard {
        struct {
            atomic_uint_fast64_t sum_ns;
            atomic_uint_fast64_t buckets[LATENCY_BUCKETS];
        } operations[LATENCY_OPERATIONS];
    } __attribute__((aligned(64))) shards[SHARDS];
};

static const char *const names[LATENCY_OPERATIONS] = {
    [LATENCY_GET] = "get",
    [LATENCY_OPEN] = "open",
    [LATENCY_LOOKUP] = "lookup",
    [LATENCY_CREATE] = "create",
    [LATENCY_READ] = "read",
    [LATENCY_WRITE] = "write",
    [LATENCY_FLUSH] = "flush",
    [LATENCY_RELEASE] = "release",
    [LATENCY_UNLINK] = "unlink",
    [LATENCY_RENAME] = "rename",
    [LATENCY_ATTRIBUTES] = "attributes",
    [LATENCY_DIRECTORY] = "directory",
    [LATENCY_OTHER] = "other",
};

atomic_uint shard_next;

struct latency *latency_new(void)
{
    struct latency *latency = aligned_alloc(64, sizeof *latency);
    if (latency)
        memset(latency, 0, sizeof *latency);
    return latency;
}

void latency_free(struct latency *latency)
{
    free(latency);
}

/* --- operations ---------------------------------------------------------------------------------------- */

static enum latency_operation opened(const void *message)
{
    const struct fuse_open_in *open = (const void *)((const char *)message + sizeof(struct fuse_in_header));
    return (open->flags & O_ACCMODE) == O_WRONLY || open->flags & O_TRUNC ? LATENCY_OPEN : LATENCY_GET;
}

enum latency_operation latency_operation(const void *message)
{
    switch (((const struct fuse_in_header *)message)->opcode) {
    case FUSE_OPEN:
        return opened(message);
    case FUSE_LOOKUP:
        return LATENCY_LOOKUP;
    case FUSE_CREATE:
        return LATENCY_CREATE;
    case FUSE_READ:
        return LATENCY_READ;
    case FUSE_WRITE:
        return LATENCY_WRITE;
    case FUSE_FLUSH:
        return LATENCY_FLUSH;
    case FUSE_RELEASE:
        return LATENCY_RELEASE;
    case FUSE_UNLINK:
        return LATENCY_UNLINK;
    case FUSE_RENAME:
    case FUSE_RENAME2:
        return LATENCY_RENAME;
    case FUSE_GETATTR:
    case FUSE_SETATTR:
    case FUSE_GETXATTR:
    case FUSE_SETXATTR:
    case FUSE_LISTXATTR:
    case FUSE_REMOVEXATTR:
        return LATENCY_ATTRIBUTES;
    case FUSE_MKDIR:
    case FUSE_RMDIR:
    case FUSE_OPENDIR:
    case FUSE_READDIR:
    case FUSE_READDIRPLUS:
    case FUSE_RELEASEDIR:
        return LATENCY_DIRECTORY;
    default:
        return LATENCY_OTHER;
    }
}

const char *latency_name(enum latency_operation operation)
{
    return names[operation];
}

/* --- histograms ---------------------------------------------------------------------------------------- */

unsigned histogram_bucket(int64_t ns)
{
    if (ns < 1 << FIRST_BIT)
        return 0;
    unsigned octave = 63 - (unsigned)__builtin_clzll((uint64_t)ns);
    unsigned step = (unsigned)((uint64_t)ns >> (octave - 2)) % LATENCY_STEPS;
    unsigned bucket = 1 + (octave - FIRST_BIT) * LATENCY_STEPS + step;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

uint64_t histogram_end_ns(unsigned bucket)
{
    if (bucket == LATENCY_BUCKETS - 1)
        return UINT64_MAX;
    return (uint64_t)(LATENCY_STEPS + bucket % LATENCY_STEPS) << (FIRST_BIT - 2 + bucket / LATENCY_STEPS);
}

void latency_count(struct latency *latency, enum latency_operation operation, int64_t ns)
{
    struct latency_shard *shard = &latency->shards[shard_mine()];
    shard_add(&shard->operations[operation].buckets[histogram_bucket(ns)], 1);
    shard_add(&shard->operations[operation].sum_ns, ns > 0 ? (uint64_t)ns : 0);
}

void latency_read(const struct latency *latency, enum latency_operation operation, struct histogram *ret_histogram)
{
    struct histogram sum = {0};
    for (unsigned i = 0; i < SHARDS; i++) {
        const struct latency_shard *shard = &latency->shards[i];
        sum.sum_ns += shard_get(&shard->operations[operation].sum_ns);
        for (unsigned bucket = 0; bucket < LATENCY_BUCKETS; bucket++)
            sum.buckets[bucket] += shard_get(&shard->operations[operation].buckets[bucket]);
    }
    for (unsigned bucket = 0; bucket < LATENCY_BUCKETS; bucket++)
        sum.count += sum.buckets[bucket];
    *ret_histogram = sum;
}

uint64_t histogram_percentile_ns(const struct histogram *histogram, double part)
{
    double wanted = part * (double)histogram->count;
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < LATENCY_BUCKETS - 1; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen > 0 && (double)seen >= wanted)
            return histogram_end_ns(bucket);
    }
    return seen < histogram->count ? histogram_end_ns(LATENCY_BUCKETS - 2) : 0;
}
