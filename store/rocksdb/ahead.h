/* SPDX-License-Identifier: MIT */
/*
 * ahead.h - chunks of large values that are read from front to back, fetched before they are asked for.
 *
 * Who reads a value in sequence gets a stream. A thread fetches its next chunks, up to AHEAD_BYTES, while the reader
 * hands on those it has: the two share the work between two cores, and a disk that is waited for keeps nobody waiting
 * who has something to do.
 *
 *     chunk   ..  taken  | next: ready, ready, being loaded | loaded: not begun  ..  next + window |  ..  end
 *
 * What the reader wants and nobody has begun to load it reads itself, so that it never waits behind what it does not
 * need. A chunk is known by version and change (store/FORMAT.md): one that was loaded before or while somebody wrote to
 * the value has the old number, and nobody asks for it any more. So nothing need be told of writes.
 *
 * All functions may be called from any thread. The lock is one of the last in the engine's order, and not held while
 * anything is read.
 */
#ifndef LARDER_ROCKSDB_AHEAD_H
#define LARDER_ROCKSDB_AHEAD_H

#include "db.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    AHEAD_STREAMS = 4, /* values read ahead at a time; the one that was not read for longest gives way */
    AHEAD_SLOTS = 64, /* chunks of each */
    AHEAD_BYTES = 2 << 20, /* of each: AHEAD_SLOTS chunks of the usual size */
};

struct ahead_slot {
    enum { AHEAD_FREE, AHEAD_LOADING, AHEAD_READY } state;
    uint64_t chunk;
    struct slice slice; /* READY: without data if the chunk is missing, which is zeroes */
};

struct ahead_stream {
    uint64_t version, change; /* version 0: none */
    uint64_t next, loaded, end; /* see above */
    uint64_t turn; /* grows with each use */
    struct ahead_slot slots[AHEAD_SLOTS]; /* by the chunk's number, modulo */
};

struct ahead {
    const struct db *db;
    uint64_t window; /* chunks: less than slots, for readers that are a little out of order; 0: chunks are too large */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wanted; /* for the thread */
    pthread_cond_t ready; /* for readers */
    bool stopping, sleeping;
    unsigned waiting; /* readers */
    uint64_t turn;
    struct ahead_stream streams[AHEAD_STREAMS];
};

/* Starts the thread. 0 or -errno; then there is nothing to stop. */
int ahead_start(struct ahead *ahead, const struct db *db, uint32_t chunk_bytes);
void ahead_stop(struct ahead *ahead);

/* A read in sequence comes to chunk `first` of a value that has `end` chunks. */
void ahead_follow(struct ahead *ahead, uint64_t version, uint64_t change, uint64_t first, uint64_t end);

/* Takes a chunk that was fetched, or is being. False when it was not: the caller reads it. The slice, which may have no
 * data, is the caller's to release. */
bool ahead_take(struct ahead *ahead, uint64_t version, uint64_t change, uint64_t chunk, struct slice *ret_slice);

/* Nobody reads the version any more. */
void ahead_forget(struct ahead *ahead, uint64_t version);

#endif
