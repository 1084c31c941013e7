/* SPDX-License-Identifier: MIT */
/* quota.c - see quota.h: a quota's life, which of them a directory is in, and which versions are below it. */
#include "keeper.h"
#include "quota_parts.h"

#include <errno.h>
#include <stdlib.h>

void quotas_init(struct quotas *quotas)
{
    *quotas = (struct quotas){.epoch = 1};
    pthread_mutex_init(&quotas->lock, NULL);
}

void quota_free(struct quota *quota)
{
    chooser_release(&quota->chooser);
    policy_release(&quota->policy);
    roster_release(&quota->roster);
    roster_release(&quota->since);
    free(quota->ending);
    pthread_cond_destroy(&quota->changed);
    free(quota);
}

void quotas_release(struct quotas *quotas)
{
    struct quota *quota, *next;
    HASH_ITER(hh, quotas->by_dir, quota, next)
    {
        HASH_DEL(quotas->by_dir, quota);
        quota_free(quota);
    }
    pthread_mutex_destroy(&quotas->lock);
}

void quota_release_locked(struct quota *quota)
{
    if (--quota->refs == 0 && quota->removed)
        quota_free(quota);
}

void quota_release(struct quotas *quotas, struct quota *quota)
{
    pthread_mutex_lock(&quotas->lock);
    quota_release_locked(quota);
    pthread_mutex_unlock(&quotas->lock);
}

/* So many entries may come as far as it is known now: it can be told another limit later. */
static uint64_t entries_max(const struct store_quota *is)
{
    enum { ENTRIES_LEAST = 1 << 20 };
    uint64_t most = quota_limit_of(is->limit_bytes) / (ENTRY_OVERHEAD + ENTRY_ROW_HEAD);
    if (!is->limit_bytes && !is->limit_items)
        most = 0;
    if (is->limit_items && is->limit_items < most)
        most = is->limit_items;
    return most > ENTRIES_LEAST ? most : ENTRIES_LEAST;
}

/* A new one. NULL without memory. */
struct quota *quota_new(uint64_t dir, const struct store_quota *is)
{
    struct quota *quota = calloc(1, sizeof *quota);
    if (!quota)
        return NULL;
    if (policy_init(&quota->policy, entries_max(is)) < 0) {
        free(quota);
        return NULL;
    }
    quota->dir = dir;
    quota->is = *is;
    quota->queued_low = UINT64_MAX;
    chooser_init(&quota->chooser, &quota->policy);
    pthread_cond_init(&quota->changed, NULL);
    return quota;
}

/* --- which quota a directory is in --------------------------------------------------------------------- */

struct quota *quotas_find_locked(const struct quotas *quotas, uint64_t dir)
{
    struct quota *quota;
    HASH_FIND(hh, quotas->by_dir, &dir, sizeof dir, quota);
    return quota;
}

static struct quota *find_limiting(struct quotas *quotas, uint64_t dir)
{
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = quotas_find_locked(quotas, dir);
    if (quota && !quota_limits(quota))
        quota = NULL;
    pthread_mutex_unlock(&quotas->lock);
    return quota;
}

/* From memory: false when that does not know. */
static bool recall_locked(struct quotas *quotas, uint64_t dir, struct quota **ret_quota)
{
    const struct quotas_slot *slot = quotas_slot_of(quotas, dir);
    if (slot->dir != dir || slot->epoch != quotas->epoch)
        return false;
    *ret_quota = slot->innermost;
    return true;
}

/* Walks up. Without the mutation mutex what is found may be gone. */
int quotas_walk_up(struct engine *engine, uint64_t dir, struct quota **ret_quota)
{
    struct quota *quota;
    while (!(quota = find_limiting(&engine->quotas, dir)) && dir != STORE_ROOT) {
        struct entry entry;
        int result = row_read_self(engine, dir, &entry, NULL);
        if (result < 0)
            return result;
        dir = entry.parent;
        entry_release(&entry);
    }
    *ret_quota = quota;
    return 0;
}

static int learn(struct engine *engine, uint64_t dir, struct quota **ret_quota)
{
    struct quotas *quotas = &engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    uint64_t epoch = quotas->epoch;
    pthread_mutex_unlock(&quotas->lock);
    int result = quotas_walk_up(engine, dir, ret_quota);
    if (result < 0)
        return result;
    pthread_mutex_lock(&quotas->lock);
    if (quotas->epoch == epoch)
        *quotas_slot_of(quotas, dir) = (struct quotas_slot){dir, *ret_quota, epoch};
    pthread_mutex_unlock(&quotas->lock);
    return 0;
}

int quotas_innermost(struct engine *engine, uint64_t dir, struct quota **ret_quota)
{
    struct quotas *quotas = &engine->quotas;
    *ret_quota = NULL;
    if (quotas->active == 0)
        return 0;
    pthread_mutex_lock(&quotas->lock);
    bool known = recall_locked(quotas, dir, ret_quota);
    pthread_mutex_unlock(&quotas->lock);
    return known ? 0 : learn(engine, dir, ret_quota);
}

bool quotas_covers(struct engine *engine, const struct quota *quota, uint64_t dir)
{
    struct quota *at;
    if (quotas_innermost(engine, dir, &at) < 0)
        return false;
    return quota_is_in_chain(quota, at);
}

/* Holds the lock with the innermost quota of a directory, for who has no mutation mutex. False, and the lock is not
 * held, when there is none, or it cannot be told: a directory above is gone or moves all the time. */
static bool lock_innermost(struct engine *engine, uint64_t dir, struct quota **ret_quota)
{
    struct quotas *quotas = &engine->quotas;
    for (int attempt = 0; quotas->active > 0 && attempt < 3; attempt++) {
        struct quota *learnt;
        pthread_mutex_lock(&quotas->lock);
        bool known = recall_locked(quotas, dir, ret_quota);
        if (known && *ret_quota)
            return true;
        pthread_mutex_unlock(&quotas->lock);
        if (known || learn(engine, dir, &learnt) < 0)
            return false;
    }
    return false;
}

void quotas_hit(struct engine *engine, uint64_t dir, uint64_t version)
{
    struct quota *quota;
    bool crowded = false;
    if (!lock_innermost(engine, dir, &quota))
        return;
    for (; quota; quota = quota->outer)
        crowded |= policy_hit(&quota->policy, version);
    pthread_mutex_unlock(&engine->quotas.lock);
    if (crowded)
        keeper_wake(engine, 0);
}

uint64_t quotas_value_max(struct engine *engine, uint64_t dir)
{
    struct quota *quota;
    uint64_t most = UINT64_MAX;
    if (!lock_innermost(engine, dir, &quota))
        return most;
    for (; quota; quota = quota->outer)
        if (quota_limit_of(quota->is.limit_bytes) < most)
            most = quota->is.limit_bytes;
    pthread_mutex_unlock(&engine->quotas.lock);
    return most;
}

/* Whoever looks for a quota with nothing but the lock finds it no more when that is let go: it may be freed. */
void quotas_remove_locked(struct quotas *quotas, struct quota *quota)
{
    HASH_DEL(quotas->by_dir, quota);
    quotas->epoch++;
    for (struct quota *inner = quotas->by_dir; inner; inner = inner->hh.next)
        if (inner->outer == quota)
            inner->outer = quota->outer;
    quotas->active -= quota_limits(quota);
    quota->removed = true;
    pthread_cond_broadcast(&quota->changed);
    quota->refs++;
    quota_release_locked(quota);
}

int quota_place(struct engine *engine, struct quota *quota)
{
    struct entry entry;
    struct quota *outer = NULL;
    int result = row_read_self(engine, quota->dir, &entry, NULL);
    if (result == 0) {
        result = quotas_walk_up(engine, entry.parent, &outer);
        entry_release(&entry);
    }
    if (result == -ENOENT) /* it is gone */
        result = 0;
    pthread_mutex_lock(&engine->quotas.lock);
    quota->outer = result < 0 ? NULL : outer;
    quota->unplaced = result < 0; /* it was logged */
    pthread_mutex_unlock(&engine->quotas.lock);
    return result;
}

/* What quotas->by_dir says of who is in whom is right for the directories as they are now. */
void quotas_restructure(struct engine *engine)
{
    struct quotas *quotas = &engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    quotas->epoch++;
    pthread_mutex_unlock(&quotas->lock);
    for (struct quota *quota = quotas->by_dir; quota; quota = quota->hh.next)
        (void)quota_place(engine, quota);
}

/* --- rosters ------------------------------------------------------------------------------------------- */

static void put_locked(struct quota *quota, uint64_t version, int64_t deadline_ms)
{
    quota->roster_ends |= deadline_ms != INT64_MAX;
    if (quota->roster_known && !roster_put(&quota->roster, version, deadline_ms))
        quota->roster_lost = true;
    if (quota->counting && !roster_put(&quota->since, version, deadline_ms))
        quota->since_lost = true;
}

static void drop_locked(struct quota *quota, uint64_t version)
{
    if (quota->roster_known)
        roster_drop(&quota->roster, version);
    if (quota->counting && !roster_drop_unseen(&quota->since, version))
        quota->since_lost = true;
}

/* As the engine's own queue does: a version that was staged long ago comes in behind a hand that does not come round. */
static void enter_queue_locked(struct quota *quota, uint64_t version)
{
    if (!choose_hand_returns(policy_rule(&quota->policy)) && version < quota->hand)
        quota->hand = version;
    if (version < quota->queued_low)
        quota->queued_low = version;
}

static void enter_roster_locked(struct quota *quota, uint64_t version, int64_t deadline_ms)
{
    quota->stored++;
    policy_stored(&quota->policy, version, quota_total(quota->items));
    enter_queue_locked(quota, version);
    put_locked(quota, version, deadline_ms);
}

void quotas_entered(struct engine *engine, uint64_t dir, uint64_t version, int64_t deadline_ms)
{
    struct quota *quota;
    if (quotas_innermost(engine, dir, &quota) < 0 || !quota)
        return;
    pthread_mutex_lock(&engine->quotas.lock);
    for (; quota; quota = quota->outer)
        enter_roster_locked(quota, version, deadline_ms);
    pthread_mutex_unlock(&engine->quotas.lock);
}

void quotas_nearer(struct engine *engine, uint64_t dir, uint64_t version, int64_t deadline_ms)
{
    struct quota *quota;
    if (quotas_innermost(engine, dir, &quota) < 0 || !quota)
        return;
    pthread_mutex_lock(&engine->quotas.lock);
    for (; quota; quota = quota->outer)
        put_locked(quota, version, deadline_ms);
    pthread_mutex_unlock(&engine->quotas.lock);
}

static void leave_locked(struct quota *quota, uint64_t version)
{
    policy_forget(&quota->policy, version);
    drop_locked(quota, version);
}

void quotas_left(struct engine *engine, uint64_t dir, uint64_t version)
{
    struct quota *quota;
    if (quotas_innermost(engine, dir, &quota) < 0)
        return;
    pthread_mutex_lock(&engine->quotas.lock);
    for (; quota; quota = quota->outer)
        leave_locked(quota, version);
    pthread_mutex_unlock(&engine->quotas.lock);
}

void quotas_moved(struct engine *engine, uint64_t dir, uint64_t new_dir, uint64_t version, int64_t deadline_ms)
{
    struct quota *from, *to;
    if (quotas_innermost(engine, dir, &from) < 0 || quotas_innermost(engine, new_dir, &to) < 0)
        return;
    pthread_mutex_lock(&engine->quotas.lock);
    for (struct quota *quota = from; quota; quota = quota->outer)
        if (!quota_is_in_chain(quota, to))
            leave_locked(quota, version);
    for (struct quota *quota = to; quota; quota = quota->outer)
        if (!quota_is_in_chain(quota, from))
            enter_roster_locked(quota, version, deadline_ms);
    pthread_mutex_unlock(&engine->quotas.lock);
}
