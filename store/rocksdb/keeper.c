/* SPDX-License-Identifier: MIT */
/* keeper.c - see keeper.h. The thread and what others hand to it; its work is in chores.h. */
#include "chores.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    GATHER_MS = 20, /* so long may dead values wait for company */
    SWEEP_PAUSE_MS = 2, /* between two steps of the sweep */
    FORGET_PAUSE_MS = 1, /* between two batches of invalidated entries, which take about as long */
    SLEEP_MAX_MS = 60 * 1000, /* the wall clock may be set */
    TURN_ROUNDS = 16, /* batches of evictions in one place, before others have their turn */
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS;
}

void keeper_wake(struct engine *engine, int64_t in_ms)
{
    struct keeper *keeper = &engine->keeper;
    int64_t at = monotonic_ms() + (in_ms < 0 ? 0 : in_ms > SLEEP_MAX_MS ? SLEEP_MAX_MS : in_ms);
    if (at >= keeper->wake_ms)
        return;
    pthread_mutex_lock(&keeper->lock);
    if (at < keeper->wake_ms) {
        keeper->wake_ms = at;
        pthread_cond_signal(&keeper->woken);
    }
    pthread_mutex_unlock(&keeper->lock);
}

/* --- what is handed to it ------------------------------------------------------------------------------ */

/* Without memory the chunks stay until the next opening's sweep, and their room with them. */
void keeper_reap(struct engine *engine, uint64_t version, uint64_t chunks, uint64_t cost)
{
    struct keeper *keeper = &engine->keeper;
    struct reap *reap = malloc(sizeof *reap);
    pthread_mutex_lock(&keeper->lock);
    if (reap) {
        *reap = (struct reap){.next = keeper->reaps, .version = version, .chunks = chunks, .cost = cost};
        keeper->reaps = reap;
    } else {
        keeper->lost = true;
    }
    pthread_mutex_unlock(&keeper->lock);
    keeper_wake(engine, GATHER_MS);
}

void keeper_tell(struct engine *engine, uint64_t dir, const char *name, enum store_gone why, uint64_t version,
                 uint64_t size)
{
    struct keeper *keeper = &engine->keeper;
    size_t name_size = strlen(name) + 1;
    struct goner *goner = engine->options->gone ? malloc(sizeof *goner + name_size) : NULL;
    if (!goner)
        return;
    *goner = (struct goner){.dir = dir, .version = version, .size = size, .why = why};
    memcpy(goner->name, name, name_size);
    pthread_mutex_lock(&keeper->lock);
    *keeper->goners_end = goner;
    keeper->goners_end = &goner->next;
    pthread_mutex_unlock(&keeper->lock);
    keeper_wake(engine, GATHER_MS);
}

static void tell(struct engine *engine)
{
    struct keeper *keeper = &engine->keeper;
    pthread_mutex_lock(&keeper->lock);
    struct goner *goner = keeper->goners, *next;
    keeper->goners = NULL;
    keeper->goners_end = &keeper->goners;
    pthread_mutex_unlock(&keeper->lock);
    for (; goner; goner = next) {
        next = goner->next;
        engine->options->gone(engine->options->gone_arg, goner->dir, goner->name, goner->why, goner->version,
                              goner->size);
        free(goner);
    }
}

int keeper_settle(struct engine *engine)
{
    struct keeper *keeper = &engine->keeper;
    pthread_mutex_lock(&keeper->lock);
    uint64_t ticket = ++keeper->settles_wanted;
    pthread_cond_signal(&keeper->woken);
    while (keeper->settles_done < ticket)
        pthread_cond_wait(&keeper->settled, &keeper->lock);
    bool failed = keeper->settle_failed;
    pthread_mutex_unlock(&keeper->lock);
    return failed ? -EIO : 0;
}

/* --- the thread ---------------------------------------------------------------------------------------- */

/* What invalidated tags left. Returns how many went. */
static size_t free_dead(struct engine *engine)
{
    size_t freed = 0;
    while (freed == 0 && chore_invalidated(engine, &freed) > 0)
        ;
    return freed;
}

/* Room from what is dead already before what lives has to go. Returns how many went. */
static size_t free_some(struct engine *engine, struct room_amount excess)
{
    size_t freed = free_dead(engine);
    return freed > 0 || !room_evicts(&engine->room) ? freed : chore_evict(engine, NULL, excess);
}

/* Below a directory what is dead may be all elsewhere: where others can go it comes first every second time. */
static size_t free_some_in(struct engine *engine, struct quota *quota, struct room_amount excess, int round)
{
    bool evicts = policy_rule(&quota->policy) != STORE_POLICY_NONE;
    size_t freed = evicts && round % 2 == 1 ? 0 : free_dead(engine);
    return freed > 0 || !evicts ? freed : chore_evict(engine, quota, excess);
}

/* Down to the low watermark, and further for those who wait; or for as long as its turn is, and then there is *more.
 * False when the medium failed to delete. */
static bool make_room(struct engine *engine, bool *more)
{
    struct room *room = &engine->room;
    struct room_amount excess;
    uint64_t attempt;
    bool reaped = true;
    if (!room_attempt(room, &attempt))
        return true;
    for (int round = 0; room_excess(room, &excess); round++) {
        if (round == TURN_ROUNDS) {
            *more = true;
            break;
        }
        uint64_t takes = room_takes(room);
        size_t evicted = free_some(engine, excess);
        reaped = chore_reap(engine);
        tell(engine);
        if (evicted == 0 && room_failed(room, attempt, takes))
            break;
        if (evicted == 0)
            usleep(100);
    }
    return reaped;
}

/* The same below one directory. */
static bool make_room_in(struct engine *engine, struct quota *quota, bool *more)
{
    struct room_amount excess;
    uint64_t attempt;
    bool reaped = true;
    if (!quota_ready(engine, quota) || !quota_attempt(engine, quota, &attempt))
        return true;
    for (int round = 0; quota_excess(engine, quota, &excess); round++) {
        if (round == TURN_ROUNDS) {
            *more = true;
            break;
        }
        uint64_t stored = quota_stored(engine, quota);
        size_t evicted = free_some_in(engine, quota, excess, round);
        reaped = chore_reap(engine);
        tell(engine);
        if (evicted == 0 && quota_failed(engine, quota, attempt, stored))
            break;
        if (evicted == 0)
            usleep(100);
    }
    return reaped;
}

/* A turn for each, and for the count that is under way. False when the medium failed. */
static bool make_room_in_quotas(struct engine *engine, bool *more)
{
    bool done = true;
    quotas_begin_pass(engine);
    for (struct quota *quota; (quota = quotas_due(engine)); quota_release(&engine->quotas, quota)) {
        done = make_room_in(engine, quota, more) && done;
        policy_grow(&quota->policy);
    }
    int counted = quotas_count_some(engine);
    *more |= counted > 0;
    return done && counted >= 0;
}

/* Some of the sweep, or with `whole` all that is left of it. */
static bool sweep(struct engine *engine, bool whole)
{
    int more;
    do
        more = chore_sweep(engine);
    while (more > 0 && whole);
    if (more != 0)
        keeper_wake(engine, more < 0 ? RETRY_MS : SWEEP_PAUSE_MS);
    return more >= 0;
}

/* Some of what invalidated tags left, or with `whole` all of it. */
static bool forget(struct engine *engine, bool whole)
{
    int more;
    size_t killed;
    do
        more = chore_invalidated(engine, &killed);
    while (more > 0 && whole);
    if (more != 0)
        keeper_wake(engine, more < 0 ? RETRY_MS : FORGET_PAUSE_MS);
    return more >= 0;
}

/* While the disk is nearly full it is looked at again every second; a sentence when that begins, and when it ends. */
static bool watch_disk(struct engine *engine)
{
    struct keeper *keeper = &engine->keeper;
    if (keeper->disk_full)
        room_guard(&engine->room);
    bool full = room_disk_full(&engine->room);
    if (full && !keeper->disk_full)
        store_log(engine->options, STORE_LOG_WARNING,
                  "the store's disk is nearly full: nothing is stored until something is deleted from it");
    if (!full && keeper->disk_full)
        store_log(engine->options, STORE_LOG_WARNING, "there is room on the store's disk again");
    keeper->disk_full = full;
    if (full)
        keeper_wake(engine, RETRY_MS);
    return full;
}

/* Everything once, and of what has no end its turn: then there is *more. */
static bool pass(struct engine *engine, bool whole, bool *more)
{
    int64_t next_ms;
    bool expired = chore_expire(engine, &next_ms);
    keeper_wake(engine, next_ms);
    bool forgotten = forget(engine, whole);
    bool reaped = chore_reap(engine);
    reaped = make_room_in_quotas(engine, more) && reaped;
    if (watch_disk(engine))
        snapshots_revoke(engine);
    reaped = make_room(engine, more) && reaped;
    if (!reaped)
        keeper_wake(engine, RETRY_MS);
    policy_grow(&engine->policy);
    bool swept = sweep(engine, whole);
    chore_compact(engine);
    tell(engine);
    return expired && forgotten && reaped && swept;
}

/* Sleeps until it is time. Returns false to end; in *ret_ticket the settle that a pass which begins now is for. */
static bool wait_for_work(struct keeper *keeper, uint64_t *ret_ticket)
{
    pthread_mutex_lock(&keeper->lock);
    int64_t now_ms = monotonic_ms(), sleep_end_ms = now_ms + SLEEP_MAX_MS;
    while (!keeper->stopping && keeper->settles_wanted == keeper->settles_done) {
        int64_t until_ms = keeper->wake_ms < sleep_end_ms ? keeper->wake_ms : sleep_end_ms;
        if (until_ms <= monotonic_ms())
            break;
        struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * NS_PER_MS};
        pthread_cond_timedwait(&keeper->woken, &keeper->lock, &until);
    }
    keeper->wake_ms = INT64_MAX;
    *ret_ticket = keeper->settles_wanted;
    bool go_on = !keeper->stopping;
    pthread_mutex_unlock(&keeper->lock);
    return go_on;
}

static void settled(struct keeper *keeper, uint64_t ticket, bool done)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->settles_done = ticket;
    keeper->settle_failed = !done;
    pthread_cond_broadcast(&keeper->settled);
    pthread_mutex_unlock(&keeper->lock);
}

/* A settle is for what there was when it began: what keeps coming is not waited for. */
struct begun {
    uint64_t evicted, items, counts, quotas;
};

static struct begun begin_settle(struct engine *engine)
{
    struct begun begun = {.evicted = engine->evicted};
    pthread_mutex_lock(&engine->mutation);
    begun.items = engine->counters.items;
    pthread_mutex_unlock(&engine->mutation);
    pthread_mutex_lock(&engine->quotas.lock);
    begun.counts = engine->quotas.counts;
    begun.quotas = HASH_COUNT(engine->quotas.by_dir);
    pthread_mutex_unlock(&engine->quotas.lock);
    return begun;
}

/* All there was then has been counted, or has gone. */
static bool had_its_turn(struct engine *engine, const struct begun *begun)
{
    pthread_mutex_lock(&engine->quotas.lock);
    uint64_t counts = engine->quotas.counts - begun->counts;
    pthread_mutex_unlock(&engine->quotas.lock);
    return counts > 2 * begun->quotas + 1 || engine->evicted - begun->evicted > begun->items;
}

static void *keeper_main(void *arg)
{
    struct engine *engine = arg;
    struct keeper *keeper = &engine->keeper;
    uint64_t ticket;
    while (wait_for_work(keeper, &ticket)) {
        bool whole = ticket != keeper->settles_done, done, more;
        struct begun begun = whole ? begin_settle(engine) : (struct begun){0};
        do {
            more = false;
            done = pass(engine, whole, &more);
        } while (more && whole && !had_its_turn(engine, &begun));
        if (more)
            keeper_wake(engine, 0);
        if (whole)
            settled(keeper, ticket, done);
    }
    return NULL;
}

int keeper_start(struct engine *engine, uint64_t sweep_end)
{
    struct keeper *keeper = &engine->keeper;
    *keeper = (struct keeper){.sweep_end = sweep_end};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_mutex_init(&keeper->expiring, NULL);
    pthread_cond_init(&keeper->woken, &monotonic);
    pthread_cond_init(&keeper->settled, NULL);
    pthread_condattr_destroy(&monotonic);
    keeper->goners_end = &keeper->goners;
    return -pthread_create(&keeper->thread, NULL, keeper_main, engine);
}

bool keeper_stop(struct engine *engine)
{
    struct keeper *keeper = &engine->keeper;
    pthread_mutex_lock(&keeper->lock);
    keeper->stopping = true;
    pthread_cond_signal(&keeper->woken);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
    quotas_count_abandon(engine);
    bool reaped = chore_reap(engine);
    tell(engine);
    return reaped && !keeper->lost && keeper->sweep_next >= keeper->sweep_end;
}

void keeper_release(struct engine *engine)
{
    struct keeper *keeper = &engine->keeper;
    for (struct reap *next; keeper->reaps; keeper->reaps = next) {
        next = keeper->reaps->next;
        free(keeper->reaps);
    }
    pthread_cond_destroy(&keeper->settled);
    pthread_cond_destroy(&keeper->woken);
    pthread_mutex_destroy(&keeper->expiring);
    pthread_mutex_destroy(&keeper->lock);
}
