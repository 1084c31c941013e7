/* SPDX-License-Identifier: MIT */
/*
 * quota.c - directories with limits: the slots, and making room below one. The totals are added up anew each time they are
 * asked for.
 */
#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void add_up(const struct item *dir, uint64_t *bytes, uint64_t *items)
{
    for (size_t i = 0; i < dir->children_count; i++) {
        const struct item *child = dir->children[i];
        *bytes += item_charge(child);
        if (item_is_dir(child))
            add_up(child, bytes, items);
        else
            ++*items;
    }
}

static struct store_quota quota_now(const struct item *dir)
{
    struct store_quota quota = *dir->quota;
    quota.bytes = quota.items = 0;
    if (quota.limit_bytes || quota.limit_items)
        add_up(dir, &quota.bytes, &quota.items);
    return quota;
}

int memory_quota(void *impl, uint64_t dir_id, struct store_quota *ret_quota)
{
    ENTER(impl);
    struct item *dir;
    if (memory_find_dir(memory, dir_id, &dir) < 0 || !dir->quota)
        return -ENODATA;
    *ret_quota = quota_now(dir);
    return 0;
}

/* --- room ---------------------------------------------------------------------------------------------- */

static bool fits(uint64_t used, int64_t more, uint64_t limit)
{
    return more <= 0 || limit == 0 || (used <= limit && (uint64_t)more <= limit - used);
}

/* Does it count there already? */
static bool counts(const struct item *dir, const struct below *below)
{
    return below->from && item_is_within(below->from, dir);
}

static bool has_room(const struct item *dir, const struct below *below)
{
    struct store_quota quota = quota_now(dir);
    int64_t bytes = below->bytes - (counts(dir, below) ? below->counted_bytes : 0);
    int64_t items = counts(dir, below) ? 0 : (int64_t)below->items;
    return fits(quota.bytes, bytes, quota.limit_bytes) && fits(quota.items, items, quota.limit_items);
}

/* What can never fit must not make others go. */
static bool ever_has_room(const struct item *dir, const struct below *below)
{
    const struct store_quota *quota = dir->quota;
    int64_t bytes = below->bytes - (counts(dir, below) ? below->counted_bytes : 0);
    return fits(0, bytes, quota->limit_bytes) &&
           fits(0, counts(dir, below) ? 0 : (int64_t)below->items, quota->limit_items);
}

static int make_room_in(struct memory *memory, const struct item *dir, const struct below *below)
{
    struct room room = {.within = dir, .spare = below->spare, .spare_too = below->spare_too};
    enum store_policy policy = dir->quota->has_policy ? dir->quota->policy : memory->policy;
    if (!ever_has_room(dir, below))
        return -EDQUOT;
    while (!has_room(dir, below)) {
        struct item *victim = memory_victim(memory, policy, &room);
        if (!victim)
            return -EDQUOT;
        item_lose(memory, victim, STORE_GONE_EVICTED);
        memory->evicted_for_quotas++;
    }
    return 0;
}

int memory_make_room_below(struct memory *memory, const struct below *below)
{
    int result = 0;
    for (const struct item *dir = below->dir; result == 0 && dir; dir = dir->parent)
        if (dir->quota)
            result = make_room_in(memory, dir, below);
    return result;
}

uint64_t memory_value_max(const struct item *dir)
{
    uint64_t most = UINT64_MAX;
    for (; dir; dir = dir->parent)
        if (dir->quota && dir->quota->limit_bytes > 0 && dir->quota->limit_bytes < most)
            most = dir->quota->limit_bytes;
    return most;
}

/* --- setting ------------------------------------------------------------------------------------------- */

/* What is too much goes. */
static void settle(struct memory *memory, const struct item *dir)
{
    struct store_quota quota = quota_now(dir);
    while ((quota.limit_bytes && quota.bytes > quota.limit_bytes) ||
           (quota.limit_items && quota.items > quota.limit_items)) {
        struct room room = {.within = dir};
        struct item *victim =
            memory_victim(memory, dir->quota->has_policy ? dir->quota->policy : memory->policy, &room);
        if (!victim)
            return;
        item_lose(memory, victim, STORE_GONE_EVICTED);
        memory->evicted_for_quotas++;
        quota = quota_now(dir);
    }
}

int memory_set_quota(void *impl, uint64_t dir_id, unsigned fields, const struct store_quota *wanted)
{
    ENTER(impl);
    struct item *dir;
    int result = memory_find_dir(memory, dir_id, &dir);
    if (result < 0)
        return result;
    struct store_quota quota = dir->quota ? *dir->quota : (struct store_quota){0};
    if (fields & STORE_QUOTA_BYTES)
        quota.limit_bytes = wanted->limit_bytes;
    if (fields & STORE_QUOTA_ITEMS)
        quota.limit_items = wanted->limit_items;
    if (fields & STORE_QUOTA_POLICY) {
        quota.has_policy = wanted->has_policy;
        quota.policy = wanted->policy;
    }
    bool any = quota.limit_bytes || quota.limit_items || quota.has_policy;
    if (any && !dir->quota && !(dir->quota = malloc(sizeof *dir->quota)))
        return -ENOMEM;
    if (any) {
        *dir->quota = quota;
        settle(memory, dir);
    } else {
        free(dir->quota);
        dir->quota = NULL;
    }
    return 0;
}

int memory_list_quotas(void *impl, int (*each)(void *arg, uint64_t dir, const struct store_quota *quota), void *arg)
{
    uint64_t after = 0;
    for (;;) {
        struct store_quota quota;
        bool found = false;
        {
            ENTER(impl);
            for (size_t i = 0; i < memory->directory_count && !found; i++) {
                const struct item *dir = memory->directories[i];
                found = dir->quota && dir->entry.ino > after;
                if (found) {
                    after = dir->entry.ino;
                    quota = quota_now(dir);
                }
            }
        }
        int result = found ? each(arg, after, &quota) : 0;
        if (!found || result != 0)
            return result;
    }
}
