/* SPDX-License-Identifier: MIT */
/* quota_batch.c - see quota.h: what a batch changes in quotas, whether it fits, and what follows when it was written. */
#include "quota_parts.h"

#include <errno.h>

static void touch(struct mutation *m, struct quota *quota)
{
    if (quota->touched)
        return;
    quota->touched = true;
    quota->next_touched = m->touched;
    m->touched = quota;
}

/* The quotas that a directory is in, from the innermost on, all of them: of some it may have been unknown. Above a directory
 * whose place is damaged for good they are not to be had: what is below it goes on without, until that is repaired. */
static int find_chain(struct engine *engine, uint64_t dir, struct quota **ret_quota)
{
    int result = quotas_innermost(engine, dir, ret_quota);
    for (struct quota *quota = *ret_quota; result == 0 && quota; quota = quota->outer)
        if (quota->unplaced)
            result = quota_place(engine, quota);
    return result == -EUCLEAN ? 0 : result;
}

int quotas_account(struct mutation *m, uint64_t dir, int64_t bytes, int64_t items)
{
    struct quota *quota;
    int result = find_chain(m->engine, dir, &quota);
    for (; result == 0 && quota; quota = quota->outer) {
        touch(m, quota);
        quota->more_bytes += bytes;
        quota->more_items += items;
    }
    return result;
}

/* Those of one chain that are not in the other. */
static void cross_into(struct mutation *m, struct quota *quota, const struct quota *other)
{
    for (; quota && !quota_is_in_chain(quota, other); quota = quota->outer) {
        touch(m, quota);
        quota->crossing = true;
    }
}

int quotas_cross(struct mutation *m, uint64_t dir, uint64_t new_dir)
{
    struct quota *from, *to;
    if (dir == new_dir)
        return 0;
    int result = find_chain(m->engine, dir, &from);
    if (result == 0)
        result = find_chain(m->engine, new_dir, &to);
    if (result < 0)
        return result;
    m->crosses |= from != to;
    cross_into(m, from, to);
    cross_into(m, to, from);
    return 0;
}

void quotas_drop_dir(struct mutation *m, uint64_t dir)
{
    struct quotas *quotas = &m->engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    m->dropped_dir = dir;
    m->dropped_quota = quotas_find_locked(quotas, dir);
    pthread_mutex_unlock(&quotas->lock);
    if (!m->dropped_quota)
        return;
    struct key key = key_quota(dir);
    db_batch_delete(&m->engine->db, m->engine->batch, FAMILY_DEFAULT, &key);
}

void quotas_settling(struct mutation *m, struct quota *quota, int64_t bytes, int64_t items)
{
    touch(m, quota);
    quota->settling = true;
    quota->more_bytes = bytes + quota->since_bytes - quota->bytes;
    quota->more_items = items + quota->since_items - quota->items;
}

static struct room_amount need_of(const struct quota *quota)
{
    return (struct room_amount){quota_total(quota->more_bytes), quota_total(quota->more_items)};
}

struct quota *quotas_lacking(struct mutation *m, struct room_amount *ret_need)
{
    for (struct quota *quota = m->touched; quota; quota = quota->next_touched) {
        if (quota->settling || quota_fits(quota, need_of(quota)))
            continue;
        *ret_need = need_of(quota);
        pthread_mutex_lock(&m->engine->quotas.lock);
        quota->refs++;
        pthread_mutex_unlock(&m->engine->quotas.lock);
        return quota;
    }
    return NULL;
}

void quota_put_row(struct mutation *m, uint64_t dir, const struct store_quota *is, bool counted, int64_t bytes,
                   int64_t items)
{
    uint8_t row[META_QUOTA_SIZE];
    struct key key = key_quota(dir);
    meta_put_quota(row, (struct meta_quota){.limit_bytes = is->limit_bytes,
                                            .limit_items = is->limit_items,
                                            .policy = is->has_policy ? (uint8_t)(is->policy + 1) : 0,
                                            .counted = counted,
                                            .bytes = quota_total(bytes),
                                            .items = quota_total(items)});
    db_batch_put(&m->engine->db, m->engine->batch, FAMILY_DEFAULT, &key, row, sizeof row);
}

static bool counted_after(const struct quota *quota)
{
    return (quota->counted || (quota->settling && !quota->crossed)) && !quota->crossing;
}

void quotas_put(struct mutation *m)
{
    for (const struct quota *quota = m->touched; quota; quota = quota->next_touched)
        if (quota != m->dropped_quota)
            quota_put_row(m, quota->dir, &quota->is, counted_after(quota), quota->bytes + quota->more_bytes,
                          quota->items + quota->more_items);
}

void quotas_forget(struct mutation *m)
{
    for (struct quota *quota = m->touched, *next; quota; quota = next) {
        next = quota->next_touched;
        quota->touched = quota->crossing = quota->settling = false;
        quota->more_bytes = quota->more_items = 0;
    }
    m->touched = NULL;
}

/* The totals as they are now. */
static void settle_locked(struct quota *quota)
{
    quota->bytes += quota->more_bytes;
    quota->items += quota->more_items;
    quota->since_bytes += quota->more_bytes;
    quota->since_items += quota->more_items;
    quota->counted |= quota->settling && !quota->crossed;
    if (quota->crossing) {
        quota->counted = false;
        quota->crossed = true;
    }
    if (quota->waiting > 0)
        pthread_cond_broadcast(&quota->changed);
}

void quotas_settle(struct mutation *m)
{
    struct engine *engine = m->engine;
    struct quotas *quotas = &engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    for (struct quota *quota = m->touched; quota; quota = quota->next_touched) {
        settle_locked(quota);
        m->quota_high |= quota->crossing || (quota_is_high(quota) && quota_evicts(quota));
    }
    quotas_forget(m);
    if (m->dropped_dir)
        quotas_slot_of(quotas, m->dropped_dir)->epoch = 0; /* what still knows it is in no quota */
    if (m->dropped_quota)
        quotas_remove_locked(quotas, m->dropped_quota);
    pthread_mutex_unlock(&quotas->lock);
    if (m->setting)
        quota_setting_settle(engine, m->setting);
    if ((m->setting && m->setting->restructures) || (m->crosses && quotas->by_dir))
        quotas_restructure(engine);
}
