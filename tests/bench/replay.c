/* SPDX-License-Identifier: MIT */
/*
 * replay.c - runs a trace (see trace.py) through a real store, so that policies_test.py can compare what the engine does
 * with what the simulator says it does: `replay STORE ITEMS POLICY < TRACE`. Every request is a get; a miss is followed
 * by a set of one byte, for what counts is which entries stay. Prints the number of misses.
 */
#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set(struct store *store, const char *key, uint64_t lifetime_ms)
{
    struct store_version *version;
    int result = store_stage(store, STORE_ROOT, key, 0600, 0, 0, &version);
    if (result < 0)
        return result;
    struct entry_change change = {.set = ENTRY_SET_TTL, .ttl_ms = lifetime_ms};
    if (lifetime_ms > 0)
        result = store_change(version, &change);
    if (result == 0)
        result = store_write(version, "x", 1, 0);
    if (result == 0)
        result = store_publish(version, STORE_ROOT, key, 0);
    store_unpin(version);
    return result;
}

/* Time is counted in requests: one is a millisecond. */
static int64_t now_ns(void *arg)
{
    return *(const _Atomic int64_t *)arg;
}

static int replay(struct store *store, FILE *in, _Atomic int64_t *now, uint64_t *ret_misses)
{
    char key[64];
    uint64_t misses = 0;
    for (char line[256]; fgets(line, sizeof line, in); *now += 1000000) {
        uint64_t lifetime = 0;
        struct store_version *version;
        if (sscanf(line, "%63s %*u %" SCNu64, key, &lifetime) < 1)
            return -1;
        if (store_pin(store, STORE_ROOT, key, STORE_HIT, &version) == 0) {
            store_unpin(version);
            continue;
        }
        misses++;
        int result = set(store, key, lifetime);
        if (result < 0)
            return result;
    }
    *ret_misses = misses;
    return 0;
}

int main(int argc, char **argv)
{
    _Atomic int64_t now = (int64_t)1700000000 * 1000000000;
    struct store_options options = {.limit_bytes = (uint64_t)1 << 30, .now_ns = now_ns, .now_arg = &now};
    struct store *store;
    struct store_error error;
    uint64_t misses;
    if (argc != 4 || store_policy_parse(argv[3], &options.policy) < 0) {
        fprintf(stderr, "usage: replay STORE ITEMS POLICY < TRACE\n");
        return 2;
    }
    options.limit_items = strtoull(argv[2], NULL, 10);
    if (store_open(argv[1], &options, &store, &error) < 0) {
        fprintf(stderr, "replay: %s\n", error.text);
        return 3;
    }
    int result = replay(store, stdin, &now, &misses);
    store_close(store);
    if (result < 0) {
        fprintf(stderr, "replay: %s\n", strerror(-result));
        return 3;
    }
    printf("%" PRIu64 "\n", misses);
    return 0;
}
