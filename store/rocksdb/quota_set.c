/* SPDX-License-Identifier: MIT */
/* quota_set.c - see quota.h: quotas are read at opening, set, asked for and listed. */
#include "keeper.h"
#include "quota_parts.h"

#include <errno.h>
#include <stdlib.h>

static enum store_policy rule_of(const struct engine *engine, const struct quota *quota)
{
    return quota->is.has_policy ? quota->is.policy : policy_rule(&engine->policy);
}

static void enter_locked(struct quotas *quotas, struct quota_setting *setting)
{
    struct quota *quota = quotas_find_locked(quotas, setting->dir);
    if (!quota) {
        quota = setting->fresh;
        quota->is = (struct store_quota){0};
        setting->fresh = NULL;
        HASH_ADD(hh, quotas->by_dir, dir, sizeof quota->dir, quota);
    } else {
        quotas->active -= quota_limits(quota);
    }
    bool limited = quota_limits(quota);
    quota->is = setting->is;
    quotas->active += quota_limits(quota);
    setting->restructures = limited != quota_limits(quota);
    if (setting->restructures) { /* while it limited nothing nobody counted */
        quota->counted = quota->guessed = quota->roster_known = false;
        quota->crossed = true;
        roster_release(&quota->roster);
    }
    pthread_cond_broadcast(&quota->changed);
}

void quota_setting_settle(struct engine *engine, struct quota_setting *setting)
{
    struct quotas *quotas = &engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = quotas_find_locked(quotas, setting->dir);
    if (!setting->removes)
        enter_locked(quotas, setting);
    else if (quota)
        quotas_remove_locked(quotas, quota);
    pthread_mutex_unlock(&quotas->lock);
    quotas_use_policy(engine);
}

static void apply(struct quota_setting *setting, const struct quota *there)
{
    const struct store_quota *wanted = setting->wanted;
    struct store_quota is = there ? there->is : (struct store_quota){0};
    if (setting->fields & STORE_QUOTA_BYTES)
        is.limit_bytes = wanted->limit_bytes;
    if (setting->fields & STORE_QUOTA_ITEMS)
        is.limit_items = wanted->limit_items;
    if (setting->fields & STORE_QUOTA_POLICY) {
        is.has_policy = wanted->has_policy;
        is.policy = wanted->policy;
    }
    setting->is = is;
    setting->removes = is.limit_bytes == 0 && is.limit_items == 0 && !is.has_policy;
}

static int set_step(struct mutation *m, void *arg)
{
    struct quota_setting *setting = arg;
    struct entry entry;
    struct key key = key_quota(setting->dir);
    int result = row_read_self(m->engine, setting->dir, &entry, NULL);
    if (result < 0)
        return result;
    entry_release(&entry);
    struct quotas *quotas = &m->engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    const struct quota *there = quotas_find_locked(quotas, setting->dir);
    apply(setting, there);
    bool limits = setting->is.limit_bytes > 0 || setting->is.limit_items > 0;
    bool counted = limits && there && quota_limits(there) && there->counted;
    int64_t bytes = there ? there->bytes : 0, items = there ? there->items : 0;
    pthread_mutex_unlock(&quotas->lock);
    if (setting->removes)
        db_batch_delete(&m->engine->db, m->engine->batch, FAMILY_DEFAULT, &key);
    else
        quota_put_row(m, setting->dir, &setting->is, counted, bytes, items);
    m->setting = setting;
    return 0;
}

/* Until the totals are right, so that the limit holds when this returns for what is stored from then on. */
static int wait_until_counted(struct engine *engine, uint64_t dir)
{
    struct quotas *quotas = &engine->quotas;
    engine_waits(engine);
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = quotas_find_locked(quotas, dir);
    if (quota) {
        quota->refs++;
        uint64_t failures = quota->count_failures;
        uint64_t next = quota->counts_begun + 1;
        while (!quota->removed && quota_limits(quota) && !quota->counted && quota->counts_ended < next &&
               quota->count_failures == failures)
            pthread_cond_wait(&quota->changed, &quotas->lock);
        bool failed = quota->count_failures != failures;
        quota_release_locked(quota);
        pthread_mutex_unlock(&quotas->lock);
        return failed ? -EIO : 0;
    }
    pthread_mutex_unlock(&quotas->lock);
    return 0;
}

int quotas_set(void *impl, uint64_t dir, unsigned fields, const struct store_quota *wanted)
{
    struct engine *engine = impl;
    struct quota_setting setting = {.dir = dir, .fields = fields, .wanted = wanted, .fresh = quota_new(dir, wanted)};
    if (!setting.fresh)
        return -ENOMEM;
    int result = mutate(engine, set_step, &setting);
    if (setting.fresh)
        quota_free(setting.fresh);
    if (result == 0) {
        keeper_wake(engine, 0);
        result = wait_until_counted(engine, dir);
    }
    return mutation_synced(engine, result);
}

static struct store_quota quota_now(const struct quota *quota)
{
    struct store_quota is = quota->is;
    is.bytes = quota_limits(quota) ? quota_total(quota->bytes) : 0;
    is.items = quota_limits(quota) ? quota_total(quota->items) : 0;
    return is;
}

int quotas_get(void *impl, uint64_t dir, struct store_quota *ret_quota)
{
    struct engine *engine = impl;
    struct quotas *quotas = &engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    const struct quota *quota = quotas_find_locked(quotas, dir);
    if (quota)
        *ret_quota = quota_now(quota);
    pthread_mutex_unlock(&quotas->lock);
    return quota ? 0 : -ENODATA;
}

int quotas_list(void *impl, int (*each)(void *arg, uint64_t dir, const struct store_quota *quota), void *arg)
{
    struct engine *engine = impl;
    struct quotas *quotas = &engine->quotas;
    struct listed {
        uint64_t dir;
        struct store_quota is;
    } * list;
    size_t count = 0;
    int result = 0;
    pthread_mutex_lock(&quotas->lock);
    list = malloc((HASH_COUNT(quotas->by_dir) + 1) * sizeof *list);
    for (const struct quota *quota = quotas->by_dir; list && quota; quota = quota->hh.next)
        list[count++] = (struct listed){quota->dir, quota_now(quota)};
    pthread_mutex_unlock(&quotas->lock);
    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < count && result == 0; i++)
        result = each(arg, list[i].dir, &list[i].is);
    free(list);
    return result;
}

void quotas_use_policy(struct engine *engine)
{
    for (struct quota *quota = engine->quotas.by_dir; quota; quota = quota->hh.next) {
        enum store_policy rule = rule_of(engine, quota);
        if (rule == policy_rule(&quota->policy))
            continue;
        policy_use(&quota->policy, rule);
        quota->hand = 0;
    }
}

int quotas_load(struct engine *engine)
{
    struct key from = key_meta(META_QUOTA), end = from;
    end.bytes[end.size - 1]++;
    SCOPED_WALK walk;
    db_walk(&engine->db, FAMILY_DEFAULT, &from, &end, &walk);
    struct slice key, row;
    for (; walk_get(&walk, &key, &row); walk_next(&walk)) {
        struct meta_quota meta;
        if (key.size != from.size + 8 || !meta_get_quota(row.data, row.size, &meta) || meta.policy > STORE_POLICIES)
            return -EUCLEAN;
        struct store_quota is = {.limit_bytes = meta.limit_bytes, .limit_items = meta.limit_items};
        is.has_policy = meta.policy > 0;
        is.policy = is.has_policy ? (enum store_policy)(meta.policy - 1) : 0;
        struct quota *quota = quota_new(get_u64(key.data + from.size), &is);
        if (!quota)
            return -ENOMEM;
        quota->counted = meta.counted;
        quota->bytes = (int64_t)meta.bytes;
        quota->items = (int64_t)meta.items;
        policy_stored(&quota->policy, engine->ids.next, meta.items);
        HASH_ADD(hh, engine->quotas.by_dir, dir, sizeof quota->dir, quota);
        engine->quotas.active += quota_limits(quota);
    }
    int result = walk_error(&engine->db, &walk);
    if (result == 0) {
        quotas_use_policy(engine);
        quotas_restructure(engine);
    }
    return result;
}
