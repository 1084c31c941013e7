/* SPDX-License-Identifier: MIT */
/* quota_room.c - see quota.h: who waits for room below a directory, and what the keeper asks who makes it. */
#include "keeper.h"
#include "quota_parts.h"

#include <errno.h>

/* --- waiting ------------------------------------------------------------------------------------------- */

static bool ever(const struct quota *quota, struct room_amount need)
{
    return need.bytes <= quota_limit_of(quota->is.limit_bytes) && need.items <= quota_limit_of(quota->is.limit_items);
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
    while (!quota->removed && ever(quota, need) && !quota_fits(quota, need) && quota->failed <= ticket)
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
    int result = quota->removed || quota_fits(quota, need) ? 0 : -EDQUOT;
    quota_release_locked(quota);
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
           (quota->waiting > 0 || (quota_is_high(quota) && quota_evicts(quota)) || policy_crowded(&quota->policy));
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
    quota->roster_wanted |= quota_evicts(quota) && (quota->waiting > 0 || quota_is_high(quota));
    bool ready = totals && (roster || !quota_evicts(quota));
    pthread_mutex_unlock(&engine->quotas.lock);
    return ready;
}

bool quota_attempt(struct engine *engine, struct quota *quota, uint64_t *ret_attempt)
{
    pthread_mutex_lock(&engine->quotas.lock);
    bool due = !quota->removed && (quota->waiting > 0 || (quota_is_high(quota) && quota_evicts(quota)));
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
        .bytes = room_surplus(quota_total(quota->bytes), quota_limit_of(quota->is.limit_bytes), wanted.bytes),
        .items = room_surplus(quota_total(quota->items), quota_limit_of(quota->is.limit_items), wanted.items),
    };
    bool any = !quota->removed && (ret_excess->bytes > 0 || ret_excess->items > 0);
    pthread_mutex_unlock(&engine->quotas.lock);
    return any;
}

bool quota_failed(struct engine *engine, struct quota *quota, uint64_t attempt, uint64_t stored)
{
    pthread_mutex_lock(&engine->quotas.lock);
    bool final = !quota_evicts(quota) || quota->stored == stored;
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
    struct room_amount used = {quota_total(quota->bytes), quota_total(quota->items)};
    pthread_mutex_unlock(&engine->quotas.lock);
    return used;
}
