/* SPDX-License-Identifier: MIT */
/*
 * simulate.h - how a trace of reads would have fared in a cache of some size: under each policy, by the very code that
 * chooses in the engine (rocksdb/choose.h); under exact LRU; and under Belady's optimum. Beside store.h the only public
 * header here: it needs no store, takes no lock, and is deterministic.
 *
 * A request reads a key. If it is there that is a hit; else a miss, and the key is stored with the request's size,
 * after others have gone, one by one, until it fits. What fits at no time is not stored. Time is counted in requests.
 *
 * The engine evicts ahead, from its high watermark down to its low one (a sixteenth and an eighth below its limit), so a
 * store holds a little less than its limit; simulate_capacity.ahead does the same. And an entry costs more than its value
 * there, so that a store of the same `size=` holds a little less than is simulated.
 */
#ifndef LARDER_STORE_SIMULATE_H
#define LARDER_STORE_SIMULATE_H

#include "store.h"

struct simulate_request {
    uint64_t key; /* below trace.keys */
    uint64_t size; /* in bytes */
    uint64_t lifetime; /* when it is stored by this: for so many requests, then it expires; 0 none */
};

struct simulate_trace {
    const struct simulate_request *requests;
    size_t count;
    uint64_t keys;
};

struct simulate_capacity {
    uint64_t bytes, items; /* 0: no limit */
    bool ahead; /* evict as the engine does: what is above the high watermark goes down to the low one */
};

struct simulate_result {
    uint64_t misses;
    uint64_t bytes_missed;
};

/* What a rule is told of, and asked. `at` is the number of the request, from 0. */
struct simulate_rule {
    void (*hit)(void *arg, uint64_t key, size_t at);
    void (*stored)(void *arg, uint64_t key, size_t at, uint64_t deadline); /* UINT64_MAX: none */
    void (*gone)(void *arg, uint64_t key); /* expired, or it was the victim */
    uint64_t (*victim)(void *arg); /* one of those that are there, of which there is at least one */
};

/* Runs a trace. -ENOMEM. */
int simulate_rule(const struct simulate_trace *trace, struct simulate_capacity capacity,
                  const struct simulate_rule *rule, void *arg, struct simulate_result *ret_result);

/* A policy of the engine, not none. -ENOMEM. */
int simulate_policy(const struct simulate_trace *trace, struct simulate_capacity capacity, enum store_policy policy,
                    struct simulate_result *ret_result);

/* The least recently used goes, exactly. -ENOMEM. */
int simulate_exact_lru(const struct simulate_trace *trace, struct simulate_capacity capacity,
                       struct simulate_result *ret_result);

/* What is read next latest goes (Belady: A study of replacement algorithms for a virtual-storage computer, IBM Systems
 * Journal 5(2), 1966), or never again in its lifetime. All that is missed is stored, as in the engine, even if it were
 * wiser not to. With values of one size none has fewer misses; with several it is a rule of thumb, not the optimum,
 * which nobody can compute in time. -ENOMEM. */
int simulate_optimum(const struct simulate_trace *trace, struct simulate_capacity capacity,
                     struct simulate_result *ret_result);

#endif
