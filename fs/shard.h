/* SPDX-License-Identifier: MIT */
/*
 * shard.h - counters that threads do not contend for: each thread counts in the shard it was given by turns, and whoever
 * wants the number adds the shards up. Several threads may share one, so the counters are atomic all the same.
 */
#ifndef LARDER_FS_SHARD_H
#define LARDER_FS_SHARD_H

#include <stdatomic.h>
#include <stdint.h>

enum { SHARDS = 8 };

extern atomic_uint shard_next; /* latency.c */

/* The calling thread's. */
static inline unsigned shard_mine(void)
{
    static _Thread_local unsigned mine; /* one more than it is; 0: none yet */
    if (mine == 0)
        mine = 1 + atomic_fetch_add_explicit(&shard_next, 1, memory_order_relaxed) % SHARDS;
    return mine - 1;
}

static inline void shard_add(atomic_uint_fast64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static inline uint64_t shard_get(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
