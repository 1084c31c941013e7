/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - the background thread: lets due entries expire, kills what was invalidated, makes room, deletes the chunks
 * of dead versions, sweeps what a crash left behind, and tells options.gone.
 *
 * It sleeps until the next deadline it knows of or until it is woken; waking it costs its waker, so the hot path
 * does so only when the moment it has planned to wake at is too late. Nothing here takes a version's lock.
 */
#ifndef LARDER_ROCKSDB_KEEPER_H
#define LARDER_ROCKSDB_KEEPER_H

#include "store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct engine;

/* Chunks to delete, and the room that comes back when they are. */
struct reap {
    struct reap *next;
    uint64_t version;
    uint64_t chunks; /* numbers 0 to chunks - 1 may be there */
    uint64_t cost;
};

/* An entry that went without anybody asking, to be told. */
struct goner {
    struct goner *next;
    uint64_t dir, version, size;
    enum store_gone why;
    char name[];
};

struct keeper {
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows; last in the lock order */
    pthread_cond_t woken; /* for the keeper */
    pthread_cond_t settled; /* for those in keeper_settle() */
    bool stopping;
    uint64_t settles_wanted, settles_done; /* full passes asked for and made */
    bool settle_failed; /* the last of those made left something undone */
    bool lost; /* chunks of dead versions of which nobody knows any more: the next opening has to sweep */
    struct reap *reaps;
    struct goner *goners, **goners_end;
    _Atomic int64_t wake_ms; /* CLOCK_MONOTONIC; changes under the lock, read without */

    pthread_mutex_t expiring; /* guards the next; taken before the mutation mutex */
    int64_t deadline_cursor_ms; /* no deadline row that was seen is older */

    /* The keeper's own. */
    bool disk_full; /* and said so */
    uint64_t sweep_next, sweep_end; /* versions in between without an entry are a crash's leavings */
    uint64_t reaped_low, reaped_high, reaped_bytes; /* versions deleted since data was last compacted */
};

/* Versions below `sweep_end` are swept: those without an entry lose their chunks. 0: nothing to sweep. */
int keeper_start(struct engine *engine, uint64_t sweep_end);
/* Ends the thread, after everything dead is deleted; false when there may be more to sweep at the next opening. */
bool keeper_stop(struct engine *engine);
/* Frees what it has. Between the two there is no thread, but everything may still be handed to it. */
void keeper_release(struct engine *engine);

/* Wakes it in `in_ms` milliseconds at the latest. */
void keeper_wake(struct engine *engine, int64_t in_ms);

/* Hands over chunks of a version nobody holds and no entry has. */
void keeper_reap(struct engine *engine, uint64_t version, uint64_t chunks, uint64_t cost);

/* Has options.gone called, soon, from the keeper's thread. */
void keeper_tell(struct engine *engine, uint64_t dir, const char *name, enum store_gone why, uint64_t version,
                 uint64_t size);

/* Waits for a full pass that begins now. -EIO when not all could be done. */
int keeper_settle(struct engine *engine);

#endif
