/* SPDX-License-Identifier: MIT */
/*
 * quota.h - directories with limits of their own: how much is below each, who must wait, and who goes.
 *
 * A quota is a cache within the cache. It has totals of all that is published below its directory, at any depth, which
 * every batch that changes them has in it; a roster of the versions there, and what it remembers of their reads, for
 * eviction by its own policy; and those who wait for room in it. Quotas nest: what is stored counts in each above it.
 *
 *     directory --innermost--> quota --outer--> quota --outer--> NULL
 *
 * Totals are changed and judged under the mutation mutex alone, so that room needs not be taken beforehand as that of the
 * whole store (room.h): what a batch adds fits, or the batch is not written and its thread waits, with nothing in hand.
 *
 * Totals and roster are *counted*, by the keeper, walking the directories as they were at a moment: when the quota is
 * set on what is there already, when a directory with all that is below it was moved across its border, and the roster
 * when eviction needs it first after opening. What happens meanwhile is noted and added. A roster that is known stays in
 * use while it is counted anew; who is in it and not below the directory any more is met and dropped.
 *
 * Without a quota all of this costs a look at one atomic.
 *
 * Locking: what quotas there are, their limits and totals, which is outermost, and the rosters change with the mutation
 * mutex and quotas.lock held, so that either is enough to read; what is waited for is guarded by quotas.lock. The lock is
 * one of the last (engine.h). A struct quota is freed when it is removed and nobody has a reference.
 */
#ifndef LARDER_ROCKSDB_QUOTA_H
#define LARDER_ROCKSDB_QUOTA_H

#include "choose.h"
#include "meta.h"
#include "room.h"
#include "roster.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>

struct engine;
struct mutation;

struct quota {
    uint64_t dir; /* constant */
    UT_hash_handle hh;
    struct quota *outer; /* the nearest above that limits anything; or NULL */
    struct store_quota is; /* limits and policy */
    int64_t bytes, items; /* what is below it; a guess while it is not counted, which may be below nothing */
    bool counted; /* they are right */
    bool guessed; /* they are not, since directories crossed the border while they were counted: but that was lately */
    bool unplaced; /* the rows that say what it is in could not be read: not known is what is `outer` */
    bool removed;

    /* A count under way: what changed since its moment. */
    bool counting;
    bool crossed; /* a directory was moved across the border: it is a guess */
    int64_t since_bytes, since_items;
    struct roster since;
    bool since_lost; /* there was no memory for it */

    struct roster roster;
    bool roster_known; /* all who are below it are in it */
    bool roster_lost; /* but for one, for want of memory: to be counted anew */
    bool roster_ends; /* somebody in it may have a deadline */

    /* Mutation mutex: what the batch that is being made changes. */
    bool touched;
    bool crossing; /* it moves a directory across the border */
    bool settling; /* it says how much there is: `more` is what was wrong */
    int64_t more_bytes, more_items;
    struct quota *next_touched;

    /* Eviction, as the engine's own: see engine.h and evict.c. */
    struct policy policy;
    struct chooser chooser;
    uint64_t oldest, hand, queued_low;
    struct roster_row *ending; /* owned by the keeper: the nearest deadlines, for policy ttl */
    size_t ending_count, ending_next;
    uint64_t ending_stored; /* of `stored`, when they were gathered */

    /* --- below here quotas.lock alone */
    unsigned refs;
    pthread_cond_t changed;
    unsigned waiting;
    struct room_amount wanted;
    uint64_t attempts, failed;
    bool roster_wanted; /* eviction has come */
    uint64_t counts_begun, counts_ended;
    uint64_t counted_last; /* when the last began, among those of all */
    uint64_t count_failures; /* counts that the medium made fail */
    uint64_t stored; /* sets in it */
    uint64_t passed; /* the keeper's pass that looked at it */
};

enum { QUOTAS_SLOTS = 1024 };

/* Which quota a directory is in, as it was in an epoch. */
struct quotas_slot {
    uint64_t dir;
    struct quota *innermost; /* or NULL */
    uint64_t epoch;
};

struct quotas {
    pthread_mutex_t lock;
    struct quota *by_dir; /* all; uthash */
    _Atomic unsigned active; /* so many of them limit anything */
    uint64_t epoch; /* lock; grows when a directory with a quota comes, goes, or any moves */
    struct quotas_slot slots[QUOTAS_SLOTS];
    uint64_t passes; /* lock */
    uint64_t counts; /* lock; that have begun */
    struct quota_tally *tally; /* the keeper's; owned: the count that is under way, or NULL */
};

void quotas_init(struct quotas *quotas);
void quotas_release(struct quotas *quotas);

/* Reads all rows at opening. -EUCLEAN. */
int quotas_load(struct engine *engine);

/* --- for everybody ------------------------------------------------------------------------------------- */

/* A version in this directory was read. */
void quotas_hit(struct engine *engine, uint64_t dir, uint64_t version);

/* The largest value that may be stored in a directory; UINT64_MAX without a quota. */
uint64_t quotas_value_max(struct engine *engine, uint64_t dir);

/* The mount's policy is another one now: so it is for quotas that have none of their own. With the mutation mutex. */
void quotas_use_policy(struct engine *engine);

/* The slots of struct backend. */
int quotas_set(void *impl, uint64_t dir, unsigned fields, const struct store_quota *quota);
int quotas_get(void *impl, uint64_t dir, struct store_quota *ret_quota);
int quotas_list(void *impl, int (*each)(void *arg, uint64_t dir, const struct store_quota *quota), void *arg);

/* --- for mutations: with the mutation mutex held ------------------------------------------------------- */

/* The quota that what is in a directory counts in first; NULL none. */
int quotas_innermost(struct engine *engine, uint64_t dir, struct quota **ret_quota);

/* The batch changes what is in a directory by so much. */
int quotas_account(struct mutation *m, uint64_t dir, int64_t bytes, int64_t items);

/* It moves a directory, with all that is below it, from one to another. */
int quotas_cross(struct mutation *m, uint64_t dir, uint64_t new_dir);

/* It removes a directory. */
void quotas_drop_dir(struct mutation *m, uint64_t dir);

/* The first quota, with a reference, in which the batch does not fit, and what it adds there; or NULL. */
struct quota *quotas_lacking(struct mutation *m, struct room_amount *ret_need);

/* The batch puts right what is below a quota whose count found so much, at its moment. */
void quotas_settling(struct mutation *m, struct quota *quota, int64_t bytes, int64_t items);

/* Adds to the batch how the totals will be. */
void quotas_put(struct mutation *m);

/* The batch was written. */
void quotas_settle(struct mutation *m);

/* It is over, whatever came of it. Harmless a second time. */
void quotas_forget(struct mutation *m);

/* A version is in a directory now, and was not; is not, and was; is in another, and known as before to what has both
 * below it; has a nearer deadline. After the batch was written. */
void quotas_entered(struct engine *engine, uint64_t dir, uint64_t version, int64_t deadline_ms);
void quotas_left(struct engine *engine, uint64_t dir, uint64_t version);
void quotas_moved(struct engine *engine, uint64_t dir, uint64_t new_dir, uint64_t version, int64_t deadline_ms);
void quotas_nearer(struct engine *engine, uint64_t dir, uint64_t version, int64_t deadline_ms);

/* Is a directory below the quota's, or that itself? */
bool quotas_covers(struct engine *engine, const struct quota *quota, uint64_t dir);

/* --- waiting: with nothing held ------------------------------------------------------------------------- */

/* Waits until so much fits, by then at least; or -EDQUOT. Lets the reference go. */
int quotas_wait(struct engine *engine, struct quota *quota, struct room_amount need);

void quota_release(struct quotas *quotas, struct quota *quota);

/* --- for the keeper ------------------------------------------------------------------------------------- */

/* A pass begins. */
void quotas_begin_pass(struct engine *engine);
/* The next quota in which there is something to do, with a reference; NULL when this pass has looked at all. */
struct quota *quotas_due(struct engine *engine);

/* Goes on with the count that is under way, or begins one that is due. 1 there may be more to do; 0 there is not; -errno,
 * it is to be tried again. quota_count.c */
int quotas_count_some(struct engine *engine);
/* Ends it; when the keeper has gone. */
void quotas_count_abandon(struct engine *engine);

/* Does it limit anything? */
static inline bool quota_limits(const struct quota *quota)
{
    return quota->is.limit_bytes > 0 || quota->is.limit_items > 0;
}

/* Is it known what is below it, as far as it takes to make room? Else that is going to be counted. */
bool quota_ready(struct engine *engine, struct quota *quota);
/* Starts an attempt to make room, if it is time for one. */
bool quota_attempt(struct engine *engine, struct quota *quota, uint64_t *ret_attempt);
/* What has to go for the low watermark and for those who wait; false when nothing. */
bool quota_excess(struct engine *engine, struct quota *quota, struct room_amount *ret_excess);
struct room_amount quota_used(struct engine *engine, struct quota *quota);
/* Nothing can go: who waited when the attempt began fails; false when it is too early to say, since something was stored
 * since quota_stored() said `stored`. */
bool quota_failed(struct engine *engine, struct quota *quota, uint64_t attempt, uint64_t stored);
uint64_t quota_stored(struct engine *engine, struct quota *quota);
bool quota_waited_for(struct engine *engine, struct quota *quota);

#endif
