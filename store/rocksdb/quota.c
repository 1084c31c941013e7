/* SPDX-License-Identifier: MIT */
/* quota.c - see quota.h: which quotas there are, what a batch changes in them, and who waits. */
#include "quota.h"
#include "keeper.h"
#include "mutation.h"

#include <errno.h>
#include <stdlib.h>

void quotas_init(struct quotas *quotas)
{
    *quotas = (struct quotas){.epoch = 1};
    pthread_mutex_init(&quotas->lock, NULL);
}

static void quota_free(struct quota *quota)
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

static void release_locked(struct quota *quota)
{
    if (--quota->refs == 0 && quota->removed)
        quota_free(quota);
}

void quota_release(struct quotas *quotas, struct quota *quota)
{
    pthread_mutex_lock(&quotas->lock);
    release_locked(quota);
    pthread_mutex_unlock(&quotas->lock);
}

static uint64_t limit_of(uint64_t limit)
{
    return limit ? limit : UINT64_MAX;
}

static uint64_t total(int64_t sum)
{
    return sum > 0 ? (uint64_t)sum : 0;
}

static enum store_policy rule_of(const struct engine *engine, const struct quota *quota)
{
    return quota->is.has_policy ? quota->is.policy : policy_rule(&engine->policy);
}

static bool evicts(const struct quota *quota)
{
    return policy_rule(&quota->policy) != STORE_POLICY_NONE;
}

/* So many entries may come as far as it is known now: it can be told another limit later. */
static uint64_t entries_max(const struct store_quota *is)
{
    enum { ENTRIES_LEAST = 1 << 20 };
    uint64_t most = limit_of(is->limit_bytes) / (ENTRY_OVERHEAD + ENTRY_ROW_HEAD);
    if (!is->limit_bytes && !is->limit_items)
        most = 0;
    if (is->limit_items && is->limit_items < most)
        most = is->limit_items;
    return most > ENTRIES_LEAST ? most : ENTRIES_LEAST;
}

/* A new one. NULL without memory. */
static struct quota *quota_new(uint64_t dir, const struct store_quota *is)
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

static struct quota *find_locked(const struct quotas *quotas, uint64_t dir)
{
    struct quota *quota;
    HASH_FIND(hh, quotas->by_dir, &dir, sizeof dir, quota);
    return quota;
}

static struct quota *find_limiting(struct quotas *quotas, uint64_t dir)
{
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = find_locked(quotas, dir);
    if (quota && !quota_limits(quota))
        quota = NULL;
    pthread_mutex_unlock(&quotas->lock);
    return quota;
}

/* Directories' numbers are odd. */
static struct quotas_slot *slot_of(struct quotas *quotas, uint64_t dir)
{
    return &quotas->slots[dir / 2 % QUOTAS_SLOTS];
}

/* From memory: false when that does not know. */
static bool recall_locked(struct quotas *quotas, uint64_t dir, struct quota **ret_quota)
{
    const struct quotas_slot *slot = slot_of(quotas, dir);
    if (slot->dir != dir || slot->epoch != quotas->epoch)
        return false;
    *ret_quota = slot->innermost;
    return true;
}

/* Walks up. Without the mutation mutex what is found may be gone. */
static int walk_up(struct engine *engine, uint64_t dir, struct quota **ret_quota)
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
    int result = walk_up(engine, dir, ret_quota);
    if (result < 0)
        return result;
    pthread_mutex_lock(&quotas->lock);
    if (quotas->epoch == epoch)
        *slot_of(quotas, dir) = (struct quotas_slot){dir, *ret_quota, epoch};
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

/* Is it this one, or further out? */
static bool is_in_chain(const struct quota *quota, const struct quota *innermost)
{
    while (innermost && innermost != quota)
        innermost = innermost->outer;
    return innermost;
}

bool quotas_covers(struct engine *engine, const struct quota *quota, uint64_t dir)
{
    struct quota *at;
    if (quotas_innermost(engine, dir, &at) < 0)
        return false;
    return is_in_chain(quota, at);
}

/* Holds the lock with the innermost quota of a directory, for who has no mutation mutex. False, and the lock is not
 * held, when there is none, or it cannot be told: a directory above is gone or moves all the time. */
static bool lock_innermost(struct engine *engine, uint64_t dir, struct quota **ret_quota)
{
    struct quotas *quotas = &engine->quotas;
    for (int attempt = 0; quotas->active > 0 && attempt < 3; attempt++) {
        struct quota *learnt;
        pthread_mutex_lock(&quotas->lock);
        if (recall_locked(quotas, dir, ret_quota) && *ret_quota)
            return true;
        bool known = recall_locked(quotas, dir, ret_quota);
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
        if (limit_of(quota->is.limit_bytes) < most)
            most = quota->is.limit_bytes;
    pthread_mutex_unlock(&engine->quotas.lock);
    return most;
}

/* --- what a batch changes ------------------------------------------------------------------------------ */

static void touch(struct mutation *m, struct quota *quota)
{
    if (quota->touched)
        return;
    quota->touched = true;
    quota->next_touched = m->touched;
    m->touched = quota;
}

int quotas_account(struct mutation *m, uint64_t dir, int64_t bytes, int64_t items)
{
    struct quota *quota;
    int result = quotas_innermost(m->engine, dir, &quota);
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
    for (; quota && !is_in_chain(quota, other); quota = quota->outer) {
        touch(m, quota);
        quota->crossing = true;
    }
}

int quotas_cross(struct mutation *m, uint64_t dir, uint64_t new_dir)
{
    struct quota *from, *to;
    if (dir == new_dir)
        return 0;
    int result = quotas_innermost(m->engine, dir, &from);
    if (result == 0)
        result = quotas_innermost(m->engine, new_dir, &to);
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
    m->dropped_quota = find_locked(quotas, dir);
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
    return (struct room_amount){total(quota->more_bytes), total(quota->more_items)};
}

static bool fits(const struct quota *quota, struct room_amount need)
{
    return room_fits(total(quota->bytes), need.bytes, limit_of(quota->is.limit_bytes)) &&
           room_fits(total(quota->items), need.items, limit_of(quota->is.limit_items));
}

struct quota *quotas_lacking(struct mutation *m, struct room_amount *ret_need)
{
    for (struct quota *quota = m->touched; quota; quota = quota->next_touched) {
        if (quota->settling || fits(quota, need_of(quota)))
            continue;
        *ret_need = need_of(quota);
        pthread_mutex_lock(&m->engine->quotas.lock);
        quota->refs++;
        pthread_mutex_unlock(&m->engine->quotas.lock);
        return quota;
    }
    return NULL;
}

static void put(struct mutation *m, uint64_t dir, const struct store_quota *is, bool counted, int64_t bytes,
                int64_t items)
{
    uint8_t row[META_QUOTA_SIZE];
    struct key key = key_quota(dir);
    meta_put_quota(row, (struct meta_quota){.limit_bytes = is->limit_bytes,
                                            .limit_items = is->limit_items,
                                            .policy = is->has_policy ? (uint8_t)(is->policy + 1) : 0,
                                            .counted = counted,
                                            .bytes = total(bytes),
                                            .items = total(items)});
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
            put(m, quota->dir, &quota->is, counted_after(quota), quota->bytes + quota->more_bytes,
                quota->items + quota->more_items);
}

static void untouch(struct mutation *m)
{
    for (struct quota *quota = m->touched, *next; quota; quota = next) {
        next = quota->next_touched;
        quota->touched = quota->crossing = quota->settling = false;
        quota->more_bytes = quota->more_items = 0;
    }
    m->touched = NULL;
}

void quotas_forget(struct mutation *m)
{
    untouch(m);
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

static bool is_high(const struct quota *quota)
{
    return total(quota->bytes) > room_high(limit_of(quota->is.limit_bytes)) ||
           total(quota->items) > room_high(limit_of(quota->is.limit_items));
}

/* Whoever looks for a quota with nothing but the lock finds it no more when that is let go: it may be freed. */
static void remove_locked(struct quotas *quotas, struct quota *quota)
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
    release_locked(quota);
}

/* What quotas->by_dir says of who is in whom is right for the directories as they are now. */
static void restructure(struct engine *engine)
{
    struct quotas *quotas = &engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    quotas->epoch++;
    pthread_mutex_unlock(&quotas->lock);
    for (struct quota *quota = quotas->by_dir; quota; quota = quota->hh.next) {
        struct entry entry;
        struct quota *outer = NULL;
        int result = row_read_self(engine, quota->dir, &entry, NULL);
        if (result == 0) {
            result = walk_up(engine, entry.parent, &outer);
            entry_release(&entry);
        }
        if (result < 0) /* it was logged */
            outer = NULL;
        pthread_mutex_lock(&quotas->lock);
        quota->outer = outer;
        pthread_mutex_unlock(&quotas->lock);
    }
}

/* --- setting ------------------------------------------------------------------------------------------- */

struct quota_setting {
    uint64_t dir;
    unsigned fields;
    const struct store_quota *wanted;
    struct store_quota is; /* as it becomes */
    bool removes;
    bool restructures; /* it limits something now, or nothing any more, and is there */
    struct quota *fresh; /* for a directory that has none yet; NULL when it was entered */
};

static void enter_locked(struct quotas *quotas, struct quota_setting *setting)
{
    struct quota *quota = find_locked(quotas, setting->dir);
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

static void settle_setting(struct engine *engine, struct quota_setting *setting)
{
    struct quotas *quotas = &engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = find_locked(quotas, setting->dir);
    if (!setting->removes)
        enter_locked(quotas, setting);
    else if (quota)
        remove_locked(quotas, quota);
    pthread_mutex_unlock(&quotas->lock);
    quotas_use_policy(engine);
}

void quotas_settle(struct mutation *m)
{
    struct engine *engine = m->engine;
    struct quotas *quotas = &engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    for (struct quota *quota = m->touched; quota; quota = quota->next_touched) {
        settle_locked(quota);
        m->quota_high |= quota->crossing || (is_high(quota) && evicts(quota));
    }
    untouch(m);
    if (m->dropped_dir)
        slot_of(quotas, m->dropped_dir)->epoch = 0; /* what still knows it is in no quota */
    if (m->dropped_quota)
        remove_locked(quotas, m->dropped_quota);
    pthread_mutex_unlock(&quotas->lock);
    if (m->setting)
        settle_setting(engine, m->setting);
    if ((m->setting && m->setting->restructures) || (m->crosses && quotas->by_dir))
        restructure(engine);
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
    const struct quota *there = find_locked(quotas, setting->dir);
    apply(setting, there);
    bool counted = there && quota_limits(there) && there->counted;
    int64_t bytes = there ? there->bytes : 0, items = there ? there->items : 0;
    pthread_mutex_unlock(&quotas->lock);
    if (setting->removes)
        db_batch_delete(&m->engine->db, m->engine->batch, FAMILY_DEFAULT, &key);
    else
        put(m, setting->dir, &setting->is, counted, bytes, items);
    m->setting = setting;
    return 0;
}

/* Until the totals are right, so that the limit holds when this returns for what is stored from then on. */
static int wait_until_counted(struct engine *engine, uint64_t dir)
{
    struct quotas *quotas = &engine->quotas;
    engine_waits(engine);
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = find_locked(quotas, dir);
    if (quota) {
        quota->refs++;
        uint64_t failures = quota->count_failures;
        uint64_t next = quota->counts_begun + 1;
        while (!quota->removed && quota_limits(quota) && !quota->counted && quota->counts_ended < next &&
               quota->count_failures == failures)
            pthread_cond_wait(&quota->changed, &quotas->lock);
        bool failed = quota->count_failures != failures;
        release_locked(quota);
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
    is.bytes = quota_limits(quota) ? total(quota->bytes) : 0;
    is.items = quota_limits(quota) ? total(quota->items) : 0;
    return is;
}

int quotas_get(void *impl, uint64_t dir, struct store_quota *ret_quota)
{
    struct engine *engine = impl;
    struct quotas *quotas = &engine->quotas;
    pthread_mutex_lock(&quotas->lock);
    const struct quota *quota = find_locked(quotas, dir);
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
        restructure(engine);
    }
    return result;
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
    policy_stored(&quota->policy, version, total(quota->items));
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
        if (!is_in_chain(quota, to))
            leave_locked(quota, version);
    for (struct quota *quota = to; quota; quota = quota->outer)
        if (!is_in_chain(quota, from))
            enter_roster_locked(quota, version, deadline_ms);
    pthread_mutex_unlock(&engine->quotas.lock);
}

/* --- waiting ------------------------------------------------------------------------------------------- */

static bool ever(const struct quota *quota, struct room_amount need)
{
    return need.bytes <= limit_of(quota->is.limit_bytes) && need.items <= limit_of(quota->is.limit_items);
}

/* What can never fit is not waited for: others would go for nothing. */
static bool begin_wait(struct quotas *quotas, struct quota *quota, struct room_amount need, uint64_t *ret_ticket)
{
    pthread_mutex_lock(&quotas->lock);
    bool waits = !quota->removed && ever(quota, need);
    if (waits) {
        *ret_ticket = quota->attempts;
        quota->waiting++;
        quota->wanted.bytes += need.bytes;
        quota->wanted.items += need.items;
    }
    pthread_mutex_unlock(&quotas->lock);
    return waits;
}

static void wait_locked(struct quotas *quotas, struct quota *quota, struct room_amount need, uint64_t ticket)
{
    while (!quota->removed && ever(quota, need) && !fits(quota, need) && quota->failed <= ticket)
        pthread_cond_wait(&quota->changed, &quotas->lock);
    quota->waiting--;
    quota->wanted.bytes -= need.bytes;
    quota->wanted.items -= need.items;
}

int quotas_wait(struct engine *engine, struct quota *quota, struct room_amount need)
{
    struct quotas *quotas = &engine->quotas;
    uint64_t ticket;
    bool waits = begin_wait(quotas, quota, need, &ticket);
    if (waits) {
        keeper_wake(engine, 0);
        engine_waits(engine);
    }
    pthread_mutex_lock(&quotas->lock);
    if (waits)
        wait_locked(quotas, quota, need, ticket);
    int result = quota->removed || fits(quota, need) ? 0 : -EDQUOT;
    release_locked(quota);
    pthread_mutex_unlock(&quotas->lock);
    return result;
}

/* --- for the keeper ------------------------------------------------------------------------------------ */

void quotas_begin_pass(struct engine *engine)
{
    pthread_mutex_lock(&engine->quotas.lock);
    engine->quotas.passes++;
    pthread_mutex_unlock(&engine->quotas.lock);
}

static bool is_due(const struct quota *quota)
{
    return quota_limits(quota) &&
           (quota->waiting > 0 || (is_high(quota) && evicts(quota)) || policy_crowded(&quota->policy));
}

struct quota *quotas_due(struct engine *engine)
{
    struct quotas *quotas = &engine->quotas;
    if (quotas->active == 0)
        return NULL;
    pthread_mutex_lock(&quotas->lock);
    struct quota *quota = quotas->by_dir;
    while (quota && (quota->passed == quotas->passes || !is_due(quota)))
        quota = quota->hh.next;
    if (quota) {
        quota->passed = quotas->passes;
        quota->refs++;
    }
    pthread_mutex_unlock(&quotas->lock);
    return quota;
}

bool quota_ready(struct engine *engine, struct quota *quota)
{
    pthread_mutex_lock(&engine->quotas.lock);
    bool totals = quota->counted || quota->guessed, roster = quota->roster_known && !quota->roster_lost;
    quota->roster_wanted |= evicts(quota) && (quota->waiting > 0 || is_high(quota));
    bool ready = totals && (roster || !evicts(quota));
    pthread_mutex_unlock(&engine->quotas.lock);
    return ready;
}

bool quota_attempt(struct engine *engine, struct quota *quota, uint64_t *ret_attempt)
{
    pthread_mutex_lock(&engine->quotas.lock);
    bool due = !quota->removed && (quota->waiting > 0 || (is_high(quota) && evicts(quota)));
    if (due)
        *ret_attempt = ++quota->attempts;
    pthread_mutex_unlock(&engine->quotas.lock);
    return due;
}

bool quota_excess(struct engine *engine, struct quota *quota, struct room_amount *ret_excess)
{
    pthread_mutex_lock(&engine->quotas.lock);
    struct room_amount wanted = quota->wanted;
    *ret_excess = (struct room_amount){
        .bytes = room_surplus(total(quota->bytes), limit_of(quota->is.limit_bytes), wanted.bytes),
        .items = room_surplus(total(quota->items), limit_of(quota->is.limit_items), wanted.items),
    };
    bool any = !quota->removed && (ret_excess->bytes > 0 || ret_excess->items > 0);
    pthread_mutex_unlock(&engine->quotas.lock);
    return any;
}

bool quota_failed(struct engine *engine, struct quota *quota, uint64_t attempt, uint64_t stored)
{
    pthread_mutex_lock(&engine->quotas.lock);
    bool final = !evicts(quota) || quota->stored == stored;
    if (final) {
        quota->failed = attempt;
        pthread_cond_broadcast(&quota->changed);
    }
    pthread_mutex_unlock(&engine->quotas.lock);
    return final;
}

uint64_t quota_stored(struct engine *engine, struct quota *quota)
{
    pthread_mutex_lock(&engine->quotas.lock);
    uint64_t stored = quota->stored;
    pthread_mutex_unlock(&engine->quotas.lock);
    return stored;
}

bool quota_waited_for(struct engine *engine, struct quota *quota)
{
    pthread_mutex_lock(&engine->quotas.lock);
    bool waited_for = quota->waiting > 0;
    pthread_mutex_unlock(&engine->quotas.lock);
    return waited_for;
}

struct room_amount quota_used(struct engine *engine, struct quota *quota)
{
    pthread_mutex_lock(&engine->quotas.lock);
    struct room_amount used = {total(quota->bytes), total(quota->items)};
    pthread_mutex_unlock(&engine->quotas.lock);
    return used;
}
