/* SPDX-License-Identifier: MIT */
/*
 * quota_count.c - quota_count(): how much is below a directory, and which versions, by a walk.
 *
 * The walk goes over a snapshot; from the moment of that the quota notes what batches change (since_bytes, since_items,
 * and the roster). The result is the sum of both, put in place by a batch of its own, unless a directory was moved across
 * the border meanwhile: then it begins anew.
 */
#include "keeper.h"
#include "mutation.h"
#include "quota.h"

#include <errno.h>
#include <stdlib.h>

/* What a walk found. */
struct tally {
    struct engine *engine;
    struct walk walk;
    int64_t bytes, items;
    struct roster roster;
    uint64_t *dirs; /* owned: to be walked yet */
    size_t dirs_count, dirs_room;
};

static int push_dir(struct tally *tally, uint64_t dir)
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

static int tally_dir(struct tally *tally, uint64_t dir, size_t name_size)
{
    struct entry entry;
    int result = row_read_self_frozen(tally->engine, &tally->walk, dir, &entry);
    if (result < 0)
        return result;
    tally->bytes += (int64_t)entry_cost(&entry, name_size);
    entry_release(&entry);
    return push_dir(tally, dir);
}

static int tally_row(struct tally *tally, const struct slice *key, const struct slice *row)
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

static int tally_names(struct tally *tally, uint64_t dir)
{
    struct key from = key_name(dir, "");
    struct slice key, row;
    int result = 0;
    from.bytes[from.size++] = '\0';
    for (walk_seek(&tally->walk, &from); result == 0 && walk_get(&tally->walk, &key, &row); walk_next(&tally->walk)) {
        if (get_u64(key.data) != dir)
            return 0;
        result = tally_row(tally, &key, &row);
    }
    return result == 0 ? walk_error(&tally->engine->db, &tally->walk) : result;
}

static int tally_all(struct tally *tally, uint64_t dir)
{
    int result = push_dir(tally, dir);
    while (result == 0 && tally->dirs_count > 0)
        result = tally_names(tally, tally->dirs[--tally->dirs_count]);
    return result;
}

/* The moment it counts from. */
static void begin(struct engine *engine, struct quota *quota, struct tally *tally)
{
    struct key from = key_self(STORE_ROOT), end = key_self(UINT64_MAX);
    pthread_mutex_lock(&engine->mutation);
    db_walk_frozen(&engine->db, FAMILY_DEFAULT, &from, &end, &tally->walk);
    pthread_mutex_lock(&engine->quotas.lock);
    quota->counting = true;
    quota->crossed = quota->roster_lost = false;
    quota->since_bytes = quota->since_items = 0;
    roster_release(&quota->roster);
    pthread_mutex_unlock(&engine->quotas.lock);
    pthread_mutex_unlock(&engine->mutation);
}

struct counted {
    struct quota *quota;
    const struct tally *tally;
};

/* -ESTALE when it was for nothing. */
static int settle_step(struct mutation *m, void *arg)
{
    const struct counted *counted = arg;
    struct quota *quota = counted->quota;
    if (quota->crossed || quota->removed)
        return -ESTALE;
    quotas_settling(m, quota, counted->tally->bytes, counted->tally->items);
    return 0;
}

static int end(struct engine *engine, struct quota *quota, struct tally *tally, int result)
{
    pthread_mutex_lock(&engine->mutation);
    pthread_mutex_lock(&engine->quotas.lock);
    quota->counting = false;
    if (result == 0 && !roster_merge(&quota->roster, &tally->roster))
        quota->roster_lost = true;
    if (result != 0 || quota->crossed)
        roster_release(&quota->roster);
    if (result != 0 && quota->counted == QUOTA_COUNTED)
        quota->counted = QUOTA_ROSTER_UNKNOWN;
    if (result == 0 && quota->roster_lost)
        result = -ENOMEM;
    quota->count_failures += result < 0 && result != -ESTALE;
    pthread_cond_broadcast(&quota->changed);
    pthread_mutex_unlock(&engine->quotas.lock);
    pthread_mutex_unlock(&engine->mutation);
    return result;
}

static int count(struct engine *engine, struct quota *quota)
{
    struct tally tally = {.engine = engine};
    begin(engine, quota, &tally);
    int result = tally_all(&tally, quota->dir);
    walk_release(&tally.walk);
    roster_sort(&tally.roster);
    if (result == 0)
        result = mutate(engine, settle_step, &(struct counted){quota, &tally});
    result = end(engine, quota, &tally, result);
    roster_release(&tally.roster);
    free(tally.dirs);
    return result;
}

int quota_count(struct engine *engine, struct quota *quota, bool with_roster)
{
    int result = 0;
    do {
        pthread_mutex_lock(&engine->quotas.lock);
        bool due = !quota->removed && (quota->counted == QUOTA_TOTALS_UNKNOWN ||
                                       (with_roster && (quota->counted != QUOTA_COUNTED || quota->roster_lost)));
        pthread_mutex_unlock(&engine->quotas.lock);
        if (!due)
            return 0;
        result = count(engine, quota);
    } while (result == 0 || result == -ESTALE);
    return result;
}
