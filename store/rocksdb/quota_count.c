/* SPDX-License-Identifier: MIT */
/*
 * quota_count.c - quotas_count_some(): how much is below a directory, and which versions, by a walk.
 *
 * The walk goes over a snapshot; from the moment of that the quota notes what batches change (since_bytes, since_items,
 * and `since`). The result is the sum of both, put in place by a batch of its own. When a directory was moved across the
 * border meanwhile it is a guess, and counted anew: eviction may go by it, so that who waits below a border that is
 * crossed all the time waits for one count and not for ever.
 *
 * There is one count at a time. It is done in slices, between which the keeper does what else there is to do, and the
 * quota that was counted longest ago comes next.
 */
#include "keeper.h"
#include "mutation.h"
#include "quota_parts.h"

#include <errno.h>
#include <stdlib.h>

enum { SLICE_ROWS = 4096 }; /* some milliseconds */

/* A count under way, and what its walk has found. */
struct quota_tally {
    struct engine *engine;
    struct quota *quota; /* a reference */
    struct walk walk;
    bool in_dir; /* the walk stands in a directory */
    uint64_t dir;
    int64_t bytes, items;
    struct roster roster;
    uint64_t *dirs; /* owned: to be walked yet */
    size_t dirs_count, dirs_room;
};

static int push_dir(struct quota_tally *tally, uint64_t dir)
{
    if (tally->dirs_count == tally->dirs_room) {
        size_t room = tally->dirs_room ? tally->dirs_room * 2 : 64;
        uint64_t *dirs = realloc(tally->dirs, room * sizeof *dirs);
        if (!dirs)
            return -ENOMEM;
        tally->dirs = dirs;
        tally->dirs_room = room;
    }
    tally->dirs[tally->dirs_count++] = dir;
    return 0;
}

static int tally_dir(struct quota_tally *tally, uint64_t dir, size_t name_size)
{
    struct entry entry;
    int result = row_read_self_frozen(tally->engine, &tally->walk, dir, &entry);
    if (result < 0)
        return result;
    tally->bytes += (int64_t)entry_cost(&entry, name_size);
    entry_release(&entry);
    return push_dir(tally, dir);
}

static int tally_row(struct quota_tally *tally, const struct slice *key, const struct slice *row)
{
    uint64_t id;
    struct entry entry;
    size_t name_size = key->size - 8;
    if (dirrow_get_link(row->data, row->size, &id))
        return tally_dir(tally, id, name_size);
    int result = entry_decode(row->data, row->size, false, &entry);
    if (result < 0)
        return result == -EUCLEAN ? -EIO : result;
    tally->bytes += (int64_t)entry_cost(&entry, name_size);
    tally->items++;
    if (!roster_push(&tally->roster, entry.version, entry_deadline_ms(&entry)))
        result = -ENOMEM;
    entry_release(&entry);
    return result;
}

/* On to the next directory; false when that was all. */
static bool tally_enter(struct quota_tally *tally)
{
    if (tally->dirs_count == 0)
        return false;
    tally->dir = tally->dirs[--tally->dirs_count];
    struct key from = key_name(tally->dir, "");
    from.bytes[from.size++] = '\0';
    walk_seek(&tally->walk, &from);
    return tally->in_dir = true;
}

/* One row. 1 when there may be more. */
static int tally_next(struct quota_tally *tally)
{
    struct slice key, row;
    if (!tally->in_dir)
        return tally_enter(tally);
    tally->in_dir = walk_get(&tally->walk, &key, &row) && get_u64(key.data) == tally->dir;
    if (!tally->in_dir) {
        int result = walk_error(&tally->engine->db, &tally->walk);
        return result < 0 ? result : 1;
    }
    int result = tally_row(tally, &key, &row);
    walk_next(&tally->walk);
    return result < 0 ? result : 1;
}

static int tally_some(struct quota_tally *tally)
{
    int result = 1;
    for (int i = 0; i < SLICE_ROWS && result > 0; i++)
        result = tally_next(tally);
    return result;
}

/* --- one count ----------------------------------------------------------------------------------------- */

static bool is_due(const struct quota *quota)
{
    return quota_limits(quota) &&
           (!quota->counted || (quota->roster_wanted && (!quota->roster_known || quota->roster_lost)));
}

/* The one that was counted longest ago, with a reference; or NULL. */
static struct quota *next_due(struct quotas *quotas)
{
    struct quota *next = NULL;
    pthread_mutex_lock(&quotas->lock);
    for (struct quota *quota = quotas->by_dir; quota; quota = quota->hh.next)
        if (is_due(quota) && (!next || quota->counted_last < next->counted_last))
            next = quota;
    if (next) {
        next->refs++;
        next->counted_last = ++quotas->counts;
    }
    pthread_mutex_unlock(&quotas->lock);
    return next;
}

/* Takes the reference over, on success. NULL without memory. */
static struct quota_tally *tally_new(struct engine *engine, struct quota *quota)
{
    struct quota_tally *tally = calloc(1, sizeof *tally);
    if (tally) {
        tally->engine = engine;
        tally->quota = quota;
    }
    if (!tally || push_dir(tally, quota->dir) < 0) {
        free(tally);
        return NULL;
    }
    return tally;
}

/* The moment it counts from. */
static void begin(struct quota_tally *tally)
{
    struct engine *engine = tally->engine;
    struct quota *quota = tally->quota;
    struct key from = key_self(STORE_ROOT), end = key_self(UINT64_MAX);
    pthread_mutex_lock(&engine->mutation);
    db_walk_frozen(&engine->db, FAMILY_DEFAULT, &from, &end, &tally->walk);
    pthread_mutex_lock(&engine->quotas.lock);
    quota->counting = true;
    quota->crossed = quota->since_lost = false;
    quota->since_bytes = quota->since_items = 0;
    quota->counts_begun++;
    pthread_mutex_unlock(&engine->quotas.lock);
    pthread_mutex_unlock(&engine->mutation);
}

/* -ESTALE when it was for nothing. */
static int settle_step(struct mutation *m, void *arg)
{
    const struct quota_tally *tally = arg;
    if (tally->quota->removed)
        return -ESTALE;
    quotas_settling(m, tally->quota, tally->bytes, tally->items);
    return 0;
}

/* Who waits for a count that failed can be told nothing better than that there is no room. */
static void fail_locked(struct quota *quota)
{
    quota->count_failures++;
    quota->failed = ++quota->attempts;
}

static int take_over_locked(struct quota_tally *tally, int result)
{
    struct quota *quota = tally->quota;
    if (result == 0 && (quota->since_lost || !roster_merge(&quota->since, &tally->roster)))
        result = -ENOMEM;
    if (result == 0) {
        roster_release(&quota->roster);
        quota->roster = quota->since;
        quota->since = (struct roster){0};
        quota->roster_known = quota->roster_ends = true;
        quota->roster_lost = false;
        quota->guessed = quota->crossed;
    }
    return result;
}

static int end(struct quota_tally *tally, int result)
{
    struct engine *engine = tally->engine;
    struct quota *quota = tally->quota;
    pthread_mutex_lock(&engine->mutation);
    pthread_mutex_lock(&engine->quotas.lock);
    result = take_over_locked(tally, result);
    roster_release(&quota->since);
    quota->counting = false;
    quota->counts_ended = quota->counts_begun;
    if (result < 0 && result != -ESTALE)
        fail_locked(quota);
    pthread_cond_broadcast(&quota->changed);
    pthread_mutex_unlock(&engine->quotas.lock);
    pthread_mutex_unlock(&engine->mutation);
    return result;
}

static void tally_free(struct quota_tally *tally)
{
    quota_release(&tally->engine->quotas, tally->quota);
    roster_release(&tally->roster);
    free(tally->dirs);
    free(tally);
}

/* --- the whole ----------------------------------------------------------------------------------------- */

static bool is_wanted(struct quotas *quotas, const struct quota *quota)
{
    pthread_mutex_lock(&quotas->lock);
    bool wanted = !quota->removed && quota_limits(quota);
    pthread_mutex_unlock(&quotas->lock);
    return wanted;
}

static int finish(struct engine *engine, int result)
{
    struct quota_tally *tally = engine->quotas.tally;
    engine->quotas.tally = NULL;
    walk_release(&tally->walk);
    roster_sort(&tally->roster);
    if (result == 0)
        result = mutate(engine, settle_step, tally);
    result = end(tally, result);
    tally_free(tally);
    return result < 0 && result != -ESTALE ? result : 1;
}

/* 1 there is one under way, 0 there is none due. */
static int begin_next(struct engine *engine)
{
    struct quotas *quotas = &engine->quotas;
    struct quota *quota = quotas->active > 0 ? next_due(quotas) : NULL;
    if (!quota)
        return 0;
    quotas->tally = tally_new(engine, quota);
    if (!quotas->tally) {
        pthread_mutex_lock(&quotas->lock);
        fail_locked(quota);
        pthread_cond_broadcast(&quota->changed);
        quota_release_locked(quota);
        pthread_mutex_unlock(&quotas->lock);
        return -ENOMEM;
    }
    begin(quotas->tally);
    return 1;
}

int quotas_count_some(struct engine *engine)
{
    struct quotas *quotas = &engine->quotas;
    int result = quotas->tally ? 1 : begin_next(engine);
    if (result <= 0)
        return result;
    result = is_wanted(quotas, quotas->tally->quota) ? tally_some(quotas->tally) : -ESTALE;
    return result > 0 ? 1 : finish(engine, result);
}

void quotas_count_abandon(struct engine *engine)
{
    if (engine->quotas.tally)
        (void)finish(engine, -ESTALE);
}
