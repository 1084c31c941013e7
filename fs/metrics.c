/* SPDX-License-Identifier: MIT */
/* metrics.c - see metrics.h. */
#include "metrics.h"
#include "shard.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

#define CREATE_NS 1000000LL /* from a LOOKUP to the CREATE of the same call: some 10 µs, more on a busy machine */

enum {
    PLACES = 16384, /* directories whose counters are known at once */
    PENDING = 64, /* misses that may yet turn out to be none */
    SLOT_BITS = 8, /* of a word of the table; above is the directory's id */
};

enum usage_kind { HITS, MISSES, SETS, DELETES, USAGE_KINDS };

/* The last LOOKUP of some thread that found nothing. */
struct pending {
    pthread_mutex_t lock; /* guards what follows; 0: none */
    pid_t tid;
    uint64_t dir, hash;
    int64_t at_ns; /* CLOCK_MONOTONIC */
};

struct metrics {
    struct usage_shard {
        atomic_uint_fast64_t counts[METRICS_DIRS][USAGE_KINDS];
    } __attribute__((aligned(64))) shards[SHARDS];
    atomic_uint_fast64_t places[PLACES]; /* id << SLOT_BITS | slot; 0 not known */
    atomic_uint_fast64_t moves; /* grows when a directory moves */
    struct pending pending[PENDING];
    struct hotkeys *hotkeys; /* constant */
    struct latency *latency; /* constant */
    pthread_mutex_t lock; /* guards what follows */
    unsigned named; /* directories that have counters of their own, with the root */
    char names[METRICS_DIRS][STORE_NAME_MAX + 1];
};

enum { SLOT_ROOT = 0, SLOT_OTHERS = METRICS_DIRS - 1 };

struct metrics *metrics_new(void)
{
    struct metrics *metrics = aligned_alloc(64, sizeof *metrics);
    if (!metrics)
        return NULL;
    memset(metrics, 0, sizeof *metrics);
    pthread_mutex_init(&metrics->lock, NULL);
    for (unsigned i = 0; i < PENDING; i++)
        pthread_mutex_init(&metrics->pending[i].lock, NULL);
    metrics->named = 1;
    strcpy(metrics->names[SLOT_ROOT], METRICS_ROOT);
    strcpy(metrics->names[SLOT_OTHERS], METRICS_OTHERS);
    metrics->hotkeys = hotkeys_new();
    metrics->latency = latency_new();
    if (metrics->hotkeys && metrics->latency)
        return metrics;
    metrics_free(metrics);
    return NULL;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    hotkeys_free(metrics->hotkeys);
    latency_free(metrics->latency);
    for (unsigned i = 0; i < PENDING; i++)
        pthread_mutex_destroy(&metrics->pending[i].lock);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

/* --- which directory in the root ------------------------------------------------------------------------- */

/* The counters of a directory in the root, by its name. */
static unsigned slot_of_name(struct metrics *metrics, const char *name)
{
    pthread_mutex_lock(&metrics->lock);
    unsigned slot = SLOT_ROOT + 1;
    while (slot < metrics->named && strcmp(metrics->names[slot], name) != 0)
        slot++;
    if (slot == metrics->named && slot < SLOT_OTHERS)
        strcpy(metrics->names[metrics->named++], name);
    pthread_mutex_unlock(&metrics->lock);
    return slot;
}

/* Goes up from a directory to the one in the root. One that is gone meanwhile counts among the others. */
static unsigned slot_by_climbing(struct fs *fs, uint64_t dir)
{
    enum { DEPTH_MAX = 100000 };
    char name[STORE_NAME_MAX + 1];
    uint64_t parent = dir;
    for (unsigned depth = 0; parent != STORE_ROOT; depth++) {
        dir = parent;
        if (depth == DEPTH_MAX || store_dir_place(fs->store, dir, &parent, name) < 0)
            return SLOT_OTHERS;
    }
    return slot_of_name(fs->metrics, name);
}

static unsigned slot_of(struct fs *fs, uint64_t dir)
{
    struct metrics *metrics = fs->metrics;
    if (dir == STORE_ROOT)
        return SLOT_ROOT;
    atomic_uint_fast64_t *place = &metrics->places[dir * 0x9e3779b97f4a7c15u >> 50];
    uint64_t known = atomic_load_explicit(place, memory_order_relaxed);
    if (known >> SLOT_BITS == dir)
        return known & ((1 << SLOT_BITS) - 1);
    uint64_t moves = atomic_load(&metrics->moves);
    unsigned slot = slot_by_climbing(fs, dir);
    atomic_store(place, dir << SLOT_BITS | slot);
    if (atomic_load(&metrics->moves) != moves) /* it may be elsewhere by now */
        atomic_store(place, 0);
    return slot;
}

void metrics_moved(struct fs *fs)
{
    struct metrics *metrics = fs->metrics;
    atomic_fetch_add(&metrics->moves, 1);
    for (unsigned i = 0; i < PLACES; i++)
        atomic_store_explicit(&metrics->places[i], 0, memory_order_relaxed);
}

/* --- counting ------------------------------------------------------------------------------------------ */

static void count(struct fs *fs, uint64_t dir, enum usage_kind kind)
{
    struct metrics *metrics = fs->metrics;
    shard_add(&metrics->shards[shard_mine()].counts[slot_of(fs, dir)][kind], 1);
}

void metrics_hit(struct fs *fs, uint64_t dir, const char *name)
{
    count(fs, dir, HITS);
    hotkeys_record(fs->metrics->hotkeys, dir, name);
}

void metrics_set(struct fs *fs, uint64_t dir)
{
    count(fs, dir, SETS);
}

void metrics_delete(struct fs *fs, uint64_t dir)
{
    count(fs, dir, DELETES);
}

static struct pending *pending_of(struct metrics *metrics, pid_t tid)
{
    return &metrics->pending[(unsigned)tid % PENDING];
}

void metrics_miss(struct fs *fs, pid_t tid, uint64_t dir, const char *name)
{
    struct pending *pending = pending_of(fs->metrics, tid);
    if (tid == 0) {
        count(fs, dir, MISSES);
        return;
    }
    pthread_mutex_lock(&pending->lock);
    uint64_t counted = pending->dir;
    pending->tid = tid;
    pending->dir = dir;
    pending->hash = place_hash(dir, name);
    pending->at_ns = clock_ns(CLOCK_MONOTONIC);
    pthread_mutex_unlock(&pending->lock);
    if (counted)
        count(fs, counted, MISSES);
}

void metrics_makes(struct fs *fs, pid_t tid, uint64_t dir, const char *name)
{
    struct pending *pending = pending_of(fs->metrics, tid);
    if (tid == 0)
        return;
    pthread_mutex_lock(&pending->lock);
    if (pending->tid == tid && pending->dir == dir && pending->hash == place_hash(dir, name) &&
        clock_ns(CLOCK_MONOTONIC) - pending->at_ns < CREATE_NS)
        pending->dir = 0;
    pthread_mutex_unlock(&pending->lock);
}

/* Whoever asks sees all misses: a thread that is creating just now may be counted, which a second look would not mend. */
static void settle(struct fs *fs)
{
    for (unsigned i = 0; i < PENDING; i++) {
        struct pending *pending = &fs->metrics->pending[i];
        pthread_mutex_lock(&pending->lock);
        uint64_t counted = pending->dir;
        pending->dir = 0;
        pthread_mutex_unlock(&pending->lock);
        if (counted)
            count(fs, counted, MISSES);
    }
}

/* --- showing ------------------------------------------------------------------------------------------- */

static void add_slot(const struct metrics *metrics, unsigned slot, struct usage *usage)
{
    for (unsigned i = 0; i < SHARDS; i++) {
        const atomic_uint_fast64_t *counts = metrics->shards[i].counts[slot];
        usage->hits += shard_get(&counts[HITS]);
        usage->misses += shard_get(&counts[MISSES]);
        usage->sets += shard_get(&counts[SETS]);
        usage->deletes += shard_get(&counts[DELETES]);
    }
}

void metrics_usage(struct fs *fs, struct usage *ret_usage)
{
    struct usage usage = {0};
    settle(fs);
    for (unsigned slot = 0; slot < METRICS_DIRS; slot++)
        add_slot(fs->metrics, slot, &usage);
    *ret_usage = usage;
}

bool metrics_dir_usage(struct fs *fs, unsigned n, char *ret_name, struct usage *ret_usage)
{
    struct metrics *metrics = fs->metrics;
    struct usage usage = {0};
    pthread_mutex_lock(&metrics->lock);
    unsigned slot = n < metrics->named ? n : SLOT_OTHERS;
    bool there = n <= metrics->named;
    if (there)
        strcpy(ret_name, metrics->names[slot]);
    pthread_mutex_unlock(&metrics->lock);
    if (!there)
        return false;
    add_slot(metrics, slot, &usage);
    *ret_usage = usage;
    return true;
}

struct hotkeys *metrics_hotkeys(struct metrics *metrics)
{
    return metrics->hotkeys;
}

struct latency *metrics_latency(struct metrics *metrics)
{
    return metrics->latency;
}
