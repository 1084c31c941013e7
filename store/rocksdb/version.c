/* SPDX-License-Identifier: MIT */
/*
 * version.c - versions in hand: pinning and staging, reading, what is asked of them. Changing one is in change.c,
 * publishing in publish.c.
 */
#include "version.h"
#include "names.h"

#include <errno.h>
#include <stdlib.h>

static struct pinned *pinned_of(struct store_version *version)
{
    return (struct pinned *)version;
}

/* --- taking in hand ------------------------------------------------------------------------------------ */

/* One attempt. -EAGAIN when something happened to the entry between the look at its row and the table. */
static int try_pin(struct engine *engine, uint64_t dir, const char *name, struct pinned **ret_pinned)
{
    uint32_t epoch = pins_epoch(&engine->pins, dir, name);
    struct entry entry;
    int result = row_read(engine, dir, name, true, &entry);
    if (result < 0)
        return result;
    if (entry.kind == ENTRY_DIR)
        result = -EISDIR;
    else if (!row_alive(engine, &entry, engine_now_ms(engine)))
        result = -ENOENT;
    struct pinned *fresh = result == 0 ? pinned_new(engine, PIN_PUBLISHED, &entry, dir, name) : NULL;
    entry_release(&entry);
    if (!fresh)
        return result < 0 ? result : -ENOMEM;
    struct pinned *pinned = NULL;
    result = pins_enter(&engine->pins, fresh, epoch, &pinned);
    if (pinned != fresh)
        pinned_free(fresh);
    if (result == 0)
        *ret_pinned = pinned;
    return result;
}

/* A place that changes all the time is looked at while nothing can. */
static int pin_at_rest(struct engine *engine, uint64_t dir, const char *name, struct pinned **ret_pinned)
{
    pthread_mutex_lock(&engine->mutation);
    int result = try_pin(engine, dir, name, ret_pinned);
    pthread_mutex_unlock(&engine->mutation);
    return result;
}

static void count_hit(struct engine *engine, const struct pinned *pinned, uint64_t idle_ms)
{
    engine->hits++;
    quotas_hit(engine, pinned->dir, pinned->version.id);
    if (policy_hit(&engine->policy, pinned->version.id))
        keeper_wake(engine, 0);
    if (idle_ms != ENTRY_UNSET && idle_ms != ENTRY_FOREVER)
        idle_renew(&engine->idle, pinned->version.id, engine_now_ms(engine));
}

/* Hands out what came from the table, or NULL, and takes the reference over. -EAGAIN when the row has to tell: it is past
 * its deadline, or somebody changes it, and may wait for room meanwhile. */
static int give_known(struct engine *engine, struct pinned *pinned, unsigned flags, struct store_version **ret_version)
{
    if (!pinned)
        return -EAGAIN;
    uint64_t idle_ms = ENTRY_UNSET;
    bool alive = false;
    if (pthread_rwlock_tryrdlock(&pinned->lock) == 0) {
        alive = row_alive(engine, &pinned->entry, engine_now_ms(engine)) && pinned->state == PIN_PUBLISHED;
        idle_ms = pinned->entry.idle_ms;
        pthread_rwlock_unlock(&pinned->lock);
    }
    if (!alive) {
        pinned_release(pinned);
        return -EAGAIN;
    }
    if (flags & STORE_HIT)
        count_hit(engine, pinned, idle_ms);
    *ret_version = &pinned->version;
    return 0;
}

int version_pin(void *impl, uint64_t dir, const char *name, unsigned flags, struct store_version **ret_version)
{
    struct engine *engine = impl;
    struct pinned *pinned = pins_take_place(&engine->pins, dir, name);
    int result = give_known(engine, pinned, flags, ret_version);
    if (result == 0)
        return 0;
    for (int attempt = 0; attempt < 4 && result == -EAGAIN; attempt++)
        result = try_pin(engine, dir, name, &pinned);
    while (result == -EAGAIN)
        result = pin_at_rest(engine, dir, name, &pinned);
    if (result < 0)
        return result;
    if (flags & STORE_HIT) {
        pthread_rwlock_rdlock(&pinned->lock);
        uint64_t idle_ms = pinned->entry.idle_ms;
        pthread_rwlock_unlock(&pinned->lock);
        count_hit(engine, pinned, idle_ms);
    }
    *ret_version = &pinned->version;
    return 0;
}

int version_pin_known(void *impl, uint64_t version, unsigned flags, struct store_version **ret_version)
{
    struct engine *engine = impl;
    return give_known(engine, pins_take(&engine->pins, version), flags, ret_version);
}

/* What a new version starts with: what the file there has, or what its directory gives. */
static int init_staged(struct engine *engine, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                       struct entry *entry, bool *ret_inherited)
{
    int64_t now_ns = engine_now_ns(engine);
    struct entry there;
    int result = row_recall_living(engine, dir, name, false, &there);
    if (result == 0) {
        bool is_file = there.kind == ENTRY_FILE;
        result = there.kind == ENTRY_DIR ? -EISDIR : is_file ? 0 : -ENOENT;
        if (result == 0)
            result = entry_init(entry, ENTRY_FILE, mode, uid, gid, NULL, now_ns);
        if (result == 0)
            result = entry_take_over(entry, &there, 0);
        entry->hits = 0; /* these it gets when it replaces that one */
        if (result == 0)
            entry_restart(entry, now_ns / NS_PER_MS);
        entry_release(&there);
    }
    *ret_inherited = result == 0;
    if (result != -ENOENT)
        return result;
    struct entry_defaults defaults;
    char *tags;
    result = names_defaults(engine, dir, &defaults, &tags);
    if (result < 0)
        return result;
    result = entry_init(entry, ENTRY_FILE, mode, uid, gid, &defaults, now_ns);
    free(tags);
    return result < 0 ? result : engine_id(engine, ID_OTHER, &entry->ino);
}

int version_stage(void *impl, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                  struct store_version **ret_version)
{
    struct engine *engine = impl;
    struct entry entry = {0};
    bool inherited;
    int result = init_staged(engine, dir, name, mode, uid, gid, &entry, &inherited);
    if (result == 0)
        result = engine_id(engine, ID_OTHER, &entry.version);
    entry.change = entry.version;
    struct pinned *pinned = result == 0 ? pinned_new(engine, PIN_STAGED, &entry, dir, name) : NULL;
    entry_release(&entry);
    if (!pinned)
        return result < 0 ? result : -ENOMEM;
    pinned->ino_inherited = inherited;
    pins_insert(&engine->pins, pinned);
    *ret_version = &pinned->version;
    return 0;
}

void version_repin(void *impl, struct store_version *version)
{
    struct engine *engine = impl;
    pthread_mutex_lock(&engine->pins.lock);
    pinned_of(version)->refs++;
    pthread_mutex_unlock(&engine->pins.lock);
}

void version_unpin(void *impl, struct store_version *version)
{
    (void)impl;
    pinned_release(pinned_of(version));
}

/* --- asking -------------------------------------------------------------------------------------------- */

static void refresh_dead(const struct pinned *pinned, struct entry *entry)
{
    entry->hits += pinned->last_hits;
    if (entry->used_ms < pinned->last_used_ms)
        entry->used_ms = pinned->last_used_ms;
}

int version_entry(void *impl, struct store_version *version, struct entry *ret_entry)
{
    struct engine *engine = impl;
    struct pinned *pinned = pinned_of(version);
    struct entry entry;
    pthread_rwlock_rdlock(&pinned->lock);
    int result = entry_copy(&pinned->entry, false, &entry);
    pthread_rwlock_unlock(&pinned->lock);
    if (result < 0)
        return result;
    if (pinned->state == PIN_PUBLISHED)
        row_refresh(engine, &entry);
    if (pinned->state == PIN_DEAD)
        refresh_dead(pinned, &entry);
    *ret_entry = entry;
    return 0;
}

bool version_dead(void *impl, struct store_version *version)
{
    struct engine *engine = impl;
    struct pinned *pinned = pinned_of(version);
    if (pinned->state != PIN_PUBLISHED)
        return pinned->state == PIN_DEAD;
    pthread_rwlock_rdlock(&pinned->lock);
    bool alive = row_alive(engine, &pinned->entry, engine_now_ms(engine));
    pthread_rwlock_unlock(&pinned->lock);
    return !alive || pinned->state != PIN_PUBLISHED; /* it may have been killed, and its tag's mark be gone, by now */
}

/* Does a read go on about where the last one ended? The kernel, reading ahead, has several under way. */
static bool goes_on(struct pinned *pinned, size_t size, uint64_t offset)
{
    enum { NEAR_BYTES = 1 << 20 };
    uint64_t last = atomic_exchange(&pinned->read_end, offset + size);
    return offset <= last + NEAR_BYTES && last <= offset + NEAR_BYTES;
}

static int read_locked(struct engine *engine, struct pinned *pinned, void *buffer, size_t size, uint64_t offset)
{
    const struct entry *entry = &pinned->entry;
    if (pinned->private)
        return value_read(engine, pinned->version.id, &pinned->value, buffer, size, offset);
    if (!entry->value) {
        struct chunked chunked = {entry->version, entry->change, entry->size, goes_on(pinned, size, offset)};
        return chunks_read(engine, &chunked, buffer, size, offset);
    }
    memcpy(buffer, pinned->entry.value + offset, size);
    return 0;
}

int version_read(void *impl, struct store_version *version, void *buffer, size_t size, uint64_t offset,
                 size_t *ret_size)
{
    struct pinned *pinned = pinned_of(version);
    int result = 0;
    pthread_rwlock_rdlock(&pinned->lock);
    uint64_t left = pinned->entry.size > offset ? pinned->entry.size - offset : 0;
    if (size > left)
        size = (size_t)left;
    if (size > 0)
        result = read_locked(impl, pinned, buffer, size, offset);
    pthread_rwlock_unlock(&pinned->lock);
    if (result == 0)
        *ret_size = size;
    return result;
}
