/* SPDX-License-Identifier: MIT */
/*
 * simulate.c - simulate_policy(): the engine's choice of who goes next, run on a trace. What the engine keeps in the
 * version family and the deadline family is in arrays here, by the number of the set; choose.h and policy.h are those of
 * the engine, asked for one victim at a time.
 */
#include "simulate.h"
#include "choose.h"
#include "heap.h"

#include <errno.h>

enum { STEP = 4 }; /* a set takes two numbers, as in the engine, one of them for an inode; both even */

/* The version family and the deadline family, in memory. */
struct simulated {
    struct policy policy;
    struct chooser chooser;
    struct choice choice;
    uint64_t hand;
    uint64_t items;
    uint64_t *versions; /* by key; 0 it is not there */
    uint64_t count; /* of sets */
    uint64_t *keys; /* by set, from 1 */
    uint64_t *alive; /* by set: itself, or one behind it from which to look on */
    uint64_t at; /* where the last look through them stands */
    struct heap deadlines;
    bool failed;
};

/* The first set from this one on whose version is there; behind the last if there is none. */
static uint64_t next_alive(struct simulated *sim, uint64_t set)
{
    while (set <= sim->count && sim->alive[set] != set) {
        uint64_t next = sim->alive[set];
        if (next <= sim->count)
            sim->alive[set] = sim->alive[next];
        set = next;
    }
    return set;
}

static bool stored(void *arg, bool again, uint64_t from, uint64_t *ret_version)
{
    struct simulated *sim = arg;
    uint64_t from_set = again ? (from + STEP - 1) / STEP : sim->at + 1;
    sim->at = next_alive(sim, from_set ? from_set : 1);
    *ret_version = sim->at * STEP;
    return sim->at <= sim->count;
}

static bool ending(void *arg, bool again, uint64_t *ret_version)
{
    struct simulated *sim = arg;
    struct heap *deadlines = &sim->deadlines;
    while (again && deadlines->count > 0) {
        uint64_t set = deadlines->items[0].value;
        *ret_version = set * STEP;
        if (sim->alive[set] == set)
            return true;
        heap_drop(deadlines);
    }
    return false; /* of one victim at a time the second is not asked for */
}

static bool held(void *arg, uint64_t version)
{
    (void)arg;
    (void)version;
    return false;
}

static void hit(void *arg, uint64_t key, size_t at)
{
    struct simulated *sim = arg;
    (void)at;
    if (policy_hit(&sim->policy, sim->versions[key]))
        policy_grow(&sim->policy);
}

static void put(void *arg, uint64_t key, size_t at, uint64_t deadline)
{
    struct simulated *sim = arg;
    (void)at;
    uint64_t set = ++sim->count;
    sim->keys[set] = key;
    sim->alive[set] = set;
    sim->versions[key] = set * STEP;
    policy_stored(&sim->policy, set * STEP, ++sim->items);
    if (deadline != UINT64_MAX && !heap_put(&sim->deadlines, deadline, set))
        sim->failed = true;
}

static void gone(void *arg, uint64_t key)
{
    struct simulated *sim = arg;
    uint64_t set = sim->versions[key] / STEP;
    policy_forget(&sim->policy, set * STEP);
    sim->alive[set] = set + 1;
    sim->versions[key] = 0;
    sim->items--;
}

static uint64_t victim(void *arg)
{
    struct simulated *sim = arg;
    const struct queue queue = {sim, stored, ending, held};
    do {
        choose(&sim->chooser, &queue, sim->hand, 1, false, &sim->choice);
        sim->hand = sim->choice.hands[sim->choice.count];
    } while (sim->choice.count == 0);
    chooser_took(&sim->chooser, &sim->choice, 1);
    return sim->keys[sim->choice.versions[0] / STEP];
}

int simulate_policy(const struct simulate_trace *trace, struct simulate_capacity capacity, enum store_policy policy,
                    struct simulate_result *ret_result)
{
    static const struct simulate_rule rule = {hit, put, gone, victim};
    uint64_t items = capacity.items && capacity.items < trace->keys ? capacity.items : trace->keys;
    struct simulated sim = {0};
    if (policy_init(&sim.policy, items) < 0)
        return -ENOMEM;
    policy_use(&sim.policy, policy);
    chooser_init(&sim.chooser, &sim.policy);
    sim.versions = calloc(trace->keys + 1, sizeof *sim.versions);
    sim.keys = calloc(trace->count + 2, sizeof *sim.keys);
    sim.alive = calloc(trace->count + 2, sizeof *sim.alive);
    int result = -ENOMEM;
    if (sim.versions && sim.keys && sim.alive)
        result = simulate_rule(trace, capacity, &rule, &sim, ret_result);
    free(sim.versions);
    free(sim.keys);
    free(sim.alive);
    free(sim.deadlines.items);
    chooser_release(&sim.chooser);
    policy_release(&sim.policy);
    return sim.failed ? -ENOMEM : result;
}
