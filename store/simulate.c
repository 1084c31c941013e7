/* SPDX-License-Identifier: MIT */
/* simulate.c - see simulate.h. The run of a trace. The rules are in simulate_exact.c and rocksdb/simulate.c. */
#include "simulate.h"
#include "heap.h"

#include <errno.h>

struct place {
    bool there;
    uint64_t size, deadline;
};

struct run {
    const struct simulate_rule *rule;
    void *arg;
    struct simulate_capacity capacity, used;
    struct place *places; /* by key */
    struct heap deadlines;
    struct simulate_result result;
};

static void let_go(struct run *run, uint64_t key)
{
    run->rule->gone(run->arg, key);
    run->places[key].there = false;
    run->used.bytes -= run->places[key].size;
    run->used.items--;
}

/* An item of the heap whose key was stored anew since has another deadline. */
static void expire(struct run *run, size_t at)
{
    while (run->deadlines.count > 0 && run->deadlines.items[0].rank <= at) {
        struct heap_item item = run->deadlines.items[0];
        heap_drop(&run->deadlines);
        if (run->places[item.value].there && run->places[item.value].deadline == item.rank)
            let_go(run, item.value);
    }
}

static bool exceeds(uint64_t used, uint64_t more, uint64_t capacity)
{
    return capacity > 0 && (used > capacity || more > capacity - used);
}

static bool is_above(const struct run *run, uint64_t part)
{
    struct simulate_capacity capacity = run->capacity;
    return exceeds(run->used.bytes, 0, capacity.bytes - capacity.bytes / part) ||
           exceeds(run->used.items, 0, capacity.items - capacity.items / part);
}

static void evict_ahead(struct run *run)
{
    if (!run->capacity.ahead || !is_above(run, 16))
        return;
    while (run->used.items > 0 && is_above(run, 8))
        let_go(run, run->rule->victim(run->arg));
}

static int miss(struct run *run, const struct simulate_request *request, size_t at)
{
    run->result.misses++;
    run->result.bytes_missed += request->size;
    if (exceeds(0, request->size, run->capacity.bytes))
        return 0;
    while (run->used.items > 0 && (exceeds(run->used.bytes, request->size, run->capacity.bytes) ||
                                   exceeds(run->used.items, 1, run->capacity.items)))
        let_go(run, run->rule->victim(run->arg));
    uint64_t deadline = request->lifetime ? at + request->lifetime : UINT64_MAX;
    run->places[request->key] = (struct place){true, request->size, deadline};
    run->used.bytes += request->size;
    run->used.items++;
    run->rule->stored(run->arg, request->key, at, deadline);
    bool kept = deadline == UINT64_MAX || heap_put(&run->deadlines, deadline, request->key);
    evict_ahead(run);
    return kept ? 0 : -ENOMEM;
}

int simulate_rule(const struct simulate_trace *trace, struct simulate_capacity capacity,
                  const struct simulate_rule *rule, void *arg, struct simulate_result *ret_result)
{
    struct run run = {.rule = rule, .arg = arg, .capacity = capacity};
    run.places = calloc(trace->keys + 1, sizeof *run.places);
    int result = run.places ? 0 : -ENOMEM;
    for (size_t at = 0; at < trace->count && result == 0; at++) {
        const struct simulate_request *request = &trace->requests[at];
        expire(&run, at);
        if (run.places[request->key].there)
            rule->hit(arg, request->key, at);
        else
            result = miss(&run, request, at);
    }
    free(run.places);
    free(run.deadlines.items);
    if (result == 0)
        *ret_result = run.result;
    return result;
}
