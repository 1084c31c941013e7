/* SPDX-License-Identifier: MIT */
/* simulate_exact.c - what the policies are measured against: LRU as it is defined, and Belady's optimum. */
#include "heap.h"
#include "simulate.h"

#include <errno.h>

/* --- lru ----------------------------------------------------------------------------------------------- */

/* A ring of keys in the order of use; the place behind the last key is its head. */
struct ring {
    uint64_t head;
    uint64_t *older, *newer;
};

static void ring_remove(void *arg, uint64_t key)
{
    struct ring *ring = arg;
    ring->newer[ring->older[key]] = ring->newer[key];
    ring->older[ring->newer[key]] = ring->older[key];
}

static void ring_append(void *arg, uint64_t key, size_t at, uint64_t deadline)
{
    struct ring *ring = arg;
    (void)at;
    (void)deadline;
    ring->older[key] = ring->older[ring->head];
    ring->newer[key] = ring->head;
    ring->newer[ring->older[key]] = key;
    ring->older[ring->head] = key;
}

static void ring_hit(void *arg, uint64_t key, size_t at)
{
    ring_remove(arg, key);
    ring_append(arg, key, at, UINT64_MAX);
}

static uint64_t ring_oldest(void *arg)
{
    const struct ring *ring = arg;
    return ring->newer[ring->head];
}

int simulate_exact_lru(const struct simulate_trace *trace, struct simulate_capacity capacity,
                       struct simulate_result *ret_result)
{
    static const struct simulate_rule rule = {ring_hit, ring_append, ring_remove, ring_oldest};
    struct ring ring = {.head = trace->keys};
    ring.older = calloc(trace->keys + 1, sizeof *ring.older);
    ring.newer = calloc(trace->keys + 1, sizeof *ring.newer);
    int result = -ENOMEM;
    if (ring.older && ring.newer) {
        ring.older[ring.head] = ring.newer[ring.head] = ring.head;
        result = simulate_rule(trace, capacity, &rule, &ring, ret_result);
    }
    free(ring.older);
    free(ring.newer);
    return result;
}

/* --- the optimum --------------------------------------------------------------------------------------- */

struct foresight {
    const uint64_t *next; /* by request: when its key is read next; UINT64_MAX never */
    uint64_t *uses; /* by key: when it is used next, as the heap has it; of what is gone 0 */
    uint64_t *deadlines; /* by key */
    struct heap latest; /* by ~uses */
    bool failed;
};

/* What has expired by then is of no use. */
static void foresee(void *arg, uint64_t key, size_t at)
{
    struct foresight *foresight = arg;
    uint64_t next = foresight->next[at];
    foresight->uses[key] = next < foresight->deadlines[key] ? next : UINT64_MAX;
    if (!heap_put(&foresight->latest, ~foresight->uses[key], key))
        foresight->failed = true;
}

static void foresee_first(void *arg, uint64_t key, size_t at, uint64_t deadline)
{
    struct foresight *foresight = arg;
    foresight->deadlines[key] = deadline;
    foresee(arg, key, at);
}

static void forget(void *arg, uint64_t key)
{
    struct foresight *foresight = arg;
    foresight->uses[key] = 0;
}

/* Every key that is there is in the heap as it is now; what does not agree is of an earlier use. Out of memory some may
 * be missing; then any that is there will do, as the result does not count. */
static uint64_t used_latest(void *arg)
{
    struct foresight *foresight = arg;
    while (foresight->latest.count > 0) {
        struct heap_item item = foresight->latest.items[0];
        if (foresight->uses[item.value] == ~item.rank)
            return item.value;
        heap_drop(&foresight->latest);
    }
    uint64_t key = 0;
    while (foresight->uses[key] == 0)
        key++;
    return key;
}

/* By request, when its key is read next. `last`, by key, is room to work in. */
static void look_ahead(const struct simulate_trace *trace, uint64_t *next, uint64_t *last)
{
    for (uint64_t key = 0; key < trace->keys; key++)
        last[key] = UINT64_MAX;
    for (size_t at = trace->count; at-- > 0;) {
        next[at] = last[trace->requests[at].key];
        last[trace->requests[at].key] = at;
    }
}

int simulate_optimum(const struct simulate_trace *trace, struct simulate_capacity capacity,
                     struct simulate_result *ret_result)
{
    static const struct simulate_rule rule = {foresee, foresee_first, forget, used_latest};
    uint64_t *next = calloc(trace->count + 1, sizeof *next), *last = calloc(trace->keys + 1, sizeof *last);
    struct foresight foresight = {.next = next, .deadlines = last};
    foresight.uses = calloc(trace->keys + 1, sizeof *foresight.uses);
    int result = -ENOMEM;
    if (next && last && foresight.uses) {
        look_ahead(trace, next, last);
        result = simulate_rule(trace, capacity, &rule, &foresight, ret_result);
    }
    free(next);
    free(last);
    free(foresight.uses);
    free(foresight.latest.items);
    return foresight.failed ? -ENOMEM : result;
}
