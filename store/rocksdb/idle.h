/* SPDX-License-Identifier: MIT */
/*
 * idle.h - when entries with an idle lifetime were last read, in memory: reading writes nothing. Holds those alone
 * that were read since their row was written; the row is rewritten when its deadline comes up, and at a clean close.
 *
 * A hash table with one lock of its own, the last in the lock order. Any function may be called from any thread.
 */
#ifndef LARDER_ROCKSDB_IDLE_H
#define LARDER_ROCKSDB_IDLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct idle_slot {
    uint64_t version; /* 0: free */
    int64_t used_ms;
};

struct idle {
    pthread_mutex_t lock;
    struct idle_slot *slots; /* lock */
    size_t size; /* lock; a power of two, or 0 */
    _Atomic size_t count; /* changes under the lock; read without, to leave at once when there is none */
};

void idle_init(struct idle *idle);
void idle_release(struct idle *idle);

/* It was read. Without memory the time is lost, and the entry ends as if it had not been. */
void idle_renew(struct idle *idle, uint64_t version, int64_t used_ms);

/* The later of `used_ms` and what is remembered. */
int64_t idle_used_ms(struct idle *idle, uint64_t version, int64_t used_ms);

void idle_forget(struct idle *idle, uint64_t version);

/* Fills another, new one with what this remembers. -ENOMEM. */
int idle_copy(struct idle *idle, struct idle *ret_copy);

/* Calls `each` for every version remembered, without the lock: nothing else may be going on. */
void idle_walk(struct idle *idle, void (*each)(void *arg, uint64_t version), void *arg);

#endif
