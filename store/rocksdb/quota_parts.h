/* SPDX-License-Identifier: MIT */
/*
 * quota_parts.h - what the files of quotas share, and nobody else needs:
 *
 *     quota.c        a quota's life, which of them a directory is in, rosters
 *     quota_batch.c  what a batch changes              quota_set.c    setting, loading, listing
 *     quota_room.c   who waits, who has to make room   quota_count.c  how much is below one
 *
 * Where it is not said otherwise the mutation mutex or quotas.lock is held; of what ends in _locked, quotas.lock.
 */
#ifndef LARDER_ROCKSDB_QUOTA_PARTS_H
#define LARDER_ROCKSDB_QUOTA_PARTS_H

#include "mutation.h"
#include "quota.h"

/* 0 is no limit. */
static inline uint64_t quota_limit_of(uint64_t limit)
{
    return limit ? limit : UINT64_MAX;
}

/* A guess may be below nothing. */
static inline uint64_t quota_total(int64_t sum)
{
    return sum > 0 ? (uint64_t)sum : 0;
}

static inline bool quota_evicts(const struct quota *quota)
{
    return policy_rule(&quota->policy) != STORE_POLICY_NONE;
}

static inline bool quota_fits(const struct quota *quota, struct room_amount need)
{
    return room_fits(quota_total(quota->bytes), need.bytes, quota_limit_of(quota->is.limit_bytes)) &&
           room_fits(quota_total(quota->items), need.items, quota_limit_of(quota->is.limit_items));
}

static inline bool quota_is_high(const struct quota *quota)
{
    return quota_total(quota->bytes) > room_high(quota_limit_of(quota->is.limit_bytes)) ||
           quota_total(quota->items) > room_high(quota_limit_of(quota->is.limit_items));
}

/* Directories' numbers are odd. */
static inline struct quotas_slot *quotas_slot_of(struct quotas *quotas, uint64_t dir)
{
    return &quotas->slots[dir / 2 % QUOTAS_SLOTS];
}

/* Is it this one, or further out? */
static inline bool quota_is_in_chain(const struct quota *quota, const struct quota *innermost)
{
    while (innermost && innermost != quota)
        innermost = innermost->outer;
    return innermost;
}

/* A new one, in no table. NULL without memory. With no lock held. */
struct quota *quota_new(uint64_t dir, const struct store_quota *is);
void quota_free(struct quota *quota);

/* Lets a reference go. */
void quota_release_locked(struct quota *quota);

/* The quota of this very directory; or NULL. */
struct quota *quotas_find_locked(const struct quotas *quotas, uint64_t dir);

/* The innermost that limits a directory, by a walk up. Without the mutation mutex what is found may be gone. */
int quotas_walk_up(struct engine *engine, uint64_t dir, struct quota **ret_quota);

/* Takes one out of the table, with the mutation mutex held, too. */
void quotas_remove_locked(struct quotas *quotas, struct quota *quota);

/* Finds out what one is in, now that directories have moved or that could not be read before. With the mutation mutex
 * held. 0, or -errno: then it is `unplaced`. */
int quota_place(struct engine *engine, struct quota *quota);

/* Finds out anew which is in which, for the directories as they are now. With the mutation mutex held. */
void quotas_restructure(struct engine *engine);

/* Adds a quota's row to the batch. */
void quota_put_row(struct mutation *m, uint64_t dir, const struct store_quota *is, bool counted, int64_t bytes,
                   int64_t items);

/* What a batch sets. */
struct quota_setting {
    uint64_t dir;
    unsigned fields;
    const struct store_quota *wanted;
    struct store_quota is; /* as it becomes */
    bool removes;
    bool restructures; /* it limits something now, or nothing any more, and is there */
    struct quota *fresh; /* for a directory that has none yet; NULL when it was entered */
};

/* It was written. */
void quota_setting_settle(struct engine *engine, struct quota_setting *setting);

#endif
