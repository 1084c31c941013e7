/* SPDX-License-Identifier: MIT */
/*
 * memory.c - the store in memory ("mem:"): the reference model, the obvious code that the tests compare the other
 * backends with. Where speed and plainness differ it is plain.
 *
 * It keeps nothing past close, and starts no thread: what a background thread would do is done by the call that needs
 * it. Here it is opened and closed; memory.h has the whole of the state, names.c, versions.c, tags.c, quota.c and
 * snapshots.c have the slots.
 */
#include "memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* --- opening ------------------------------------------------------------------------------------------- */

static struct item *root_new(struct memory *memory)
{
    struct item *root = item_new(memory, "");
    if (!root)
        return NULL;
    root->state = PUBLISHED;
    if (entry_init(&root->entry, ENTRY_DIR, 0755, geteuid(), getegid(), NULL, store_now_ns(memory->options)) < 0) {
        item_free(root);
        return NULL;
    }
    root->entry.ino = root->entry.parent = STORE_ROOT;
    return root;
}

static int memory_open(const char *path, const struct store_options *options, struct store *store, void **ret_impl,
                       struct store_error *ret_error)
{
    if (path[0] != '\0')
        return store_fail(ret_error, -EINVAL, "mem:%s: a store in memory has no path; use mem:", path);
    if (options->existing)
        return store_fail(ret_error, -ENOENT, "mem:: what is in memory is gone when it is closed");
    struct memory *memory = calloc(1, sizeof *memory);
    if (!memory)
        return store_fail(ret_error, -ENOMEM, "out of memory");
    memory->store = store;
    memory->options = options;
    memory->limit_bytes = options->limit_bytes;
    memory->limit_items = options->limit_items;
    memory->policy = options->policy;
    memory->last_id = STORE_ROOT;
    memory->next_deadline_ms = INT64_MAX;
    memory->gone_end = &memory->gone;
    struct item *root = root_new(memory);
    if (!root || memory_reserve_dir(memory) < 0) {
        if (root)
            item_free(root);
        free(memory);
        return store_fail(ret_error, -ENOMEM, "out of memory");
    }
    memory_add_dir(memory, root);
    pthread_mutex_init(&memory->lock, NULL);
    *ret_impl = memory;
    return 0;
}

static void memory_close(void *impl)
{
    struct memory *memory = impl;
    assert(memory->pinned == 0);
    HASH_CLEAR(hh, memory->versions);
    while (memory->oldest) {
        struct item *item = memory->oldest;
        memory->oldest = item->newer;
        item_free(item);
    }
    for (size_t i = 0; i < memory->directory_count; i++)
        item_free(memory->directories[i]);
    free(memory->directories);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

static int memory_sync(void *impl)
{
    (void)impl;
    return 0;
}

/* --- the whole ----------------------------------------------------------------------------------------- */

static void memory_stats(void *impl, struct store_stats *ret_stats)
{
    ENTER(impl);
    *ret_stats = (struct store_stats){
        .bytes = memory->bytes,
        .items = memory->items,
        .directories = memory->directory_count - 1,
        .limit_bytes = memory->limit_bytes,
        .limit_items = memory->limit_items,
        .hits = memory->hits,
        .sets = memory->sets,
        .deletes = memory->deletes,
        .expired = memory->expired,
        .evicted = memory->evicted,
        .evicted_for_quotas = memory->evicted_for_quotas,
        .invalidated = memory->invalidated,
        .pinned = memory->pinned,
        .policy = memory->policy,
        .waits = memory->waits,
    };
}

/* What is too much goes. */
static void memory_set_limits(void *impl, uint64_t limit_bytes, uint64_t limit_items)
{
    ENTER(impl);
    memory->limit_bytes = limit_bytes;
    memory->limit_items = limit_items;
    memory_shrink(memory);
}

/* An order of use that is not kept is one of storing from then on. */
static void memory_set_policy(void *impl, enum store_policy policy)
{
    ENTER(impl);
    memory->policy = policy;
}

/* Expiry happens in every memory_enter(), the rest in the calls that need it. */
static int memory_settle(void *impl)
{
    ENTER(impl);
    (void)memory;
    return 0;
}

/* What expires does so in every memory_enter(), this one, too. */
static int memory_expire(void *impl, uint64_t most, uint64_t *ret_expired, bool *ret_more)
{
    struct memory *unentered = impl;
    (void)most;
    pthread_mutex_lock(&unentered->lock);
    uint64_t before = unentered->expired;
    pthread_mutex_unlock(&unentered->lock);
    ENTER(impl);
    *ret_expired = memory->expired - before;
    *ret_more = false;
    return 0;
}

const struct backend backend_memory = {
    .scheme = "mem",
    .open = memory_open,
    .close = memory_close,
    .sync = memory_sync,
    .lookup = memory_lookup,
    .dir = memory_dir,
    .dir_place = memory_dir_place,
    .list = memory_list,
    .make_dir = memory_make_dir,
    .make_symlink = memory_make_symlink,
    .remove = memory_remove,
    .remove_dir = memory_remove_dir,
    .clear = memory_clear,
    .rename = memory_rename,
    .change_dir = memory_change_dir,
    .pin = memory_pin,
    .pin_version = memory_pin_version,
    .stage = memory_stage,
    .repin = memory_repin,
    .unpin = memory_unpin,
    .version_entry = memory_version_entry,
    .version_dead = memory_version_dead,
    .read = memory_read,
    .write = memory_write,
    .resize = memory_resize,
    .change = memory_change,
    .publish = memory_publish,
    .invalidate_tag = memory_invalidate_tag,
    .list_tags = memory_list_tags,
    .list_tag = memory_list_tag,
    .set_quota = memory_set_quota,
    .quota = memory_quota,
    .list_quotas = memory_list_quotas,
    .set_limits = memory_set_limits,
    .snapshot_open = memory_snapshot_open,
    .snapshot_close = memory_snapshot_close,
    .snapshot_next = memory_snapshot_next,
    .snapshot_read = memory_snapshot_read,
    .set_policy = memory_set_policy,
    .stats = memory_stats,
    .settle = memory_settle,
    .check = memory_check,
    .fsck = memory_fsck,
    .expire = memory_expire,
};
