/* SPDX-License-Identifier: MIT */
/*
 * change.c - writing to a version in hand, resizing it, changing its attributes.
 *
 * Each begins as one mutation of the published entry, a live change. Where the version turns out not to be published,
 * not yet or no more, it is done again privately, to the object in hand alone; a step says so with -ESTALE. The
 * version's lock is held for writing throughout, so a reader sees all of it or nothing.
 */
#include "mutation.h"
#include "version.h"

#include <errno.h>
#include <stdlib.h>

/* What is done to a version; the one of them that is not NULL or WHOLE. */
struct doing {
    struct pinned *pinned;
    const uint8_t *data; /* write */
    size_t data_size;
    uint64_t offset;
    bool resize;
    uint64_t size; /* the value's, afterwards */
    const struct entry_change *change;
    struct entry entry; /* live: how it becomes */
    bool expired; /* live: it had, and was killed instead */
};

/* --- live ---------------------------------------------------------------------------------------------- */

/* The row, which is still this version's; or -ESTALE. */
static int live_row(struct mutation *m, struct doing *doing, struct entry *ret_row)
{
    struct pinned *pinned = doing->pinned;
    struct entry row;
    if (pinned->state != PIN_PUBLISHED)
        return -ESTALE;
    int result = row_read(m->engine, pinned->dir, pinned->name, true, &row);
    if (result < 0)
        return result == -ENOENT ? -EIO : result;
    if (row_alive(m->engine, &row, m->now_ms)) {
        *ret_row = row;
        return 0;
    }
    mutation_kill(m, pinned->dir, pinned->name, &row, DEATH_EXPIRED);
    mutation_delete_row(m, pinned->dir, pinned->name);
    entry_release(&row);
    doing->expired = true;
    return -ESTALE;
}

/* The value in the row as it will be. */
static int live_inline(const struct doing *doing, const struct entry *row, struct entry *entry)
{
    uint8_t *value = calloc(1, (size_t)doing->size + 1);
    if (!value)
        return -ENOMEM;
    memcpy(value, row->value, row->size < doing->size ? (size_t)row->size : (size_t)doing->size);
    if (doing->data)
        memcpy(value + doing->offset, doing->data, doing->data_size);
    int result = entry_set_value(entry, value, (size_t)doing->size);
    free(value);
    return result;
}

static int live_chunks(struct mutation *m, const struct doing *doing, const struct entry *row)
{
    uint64_t id = doing->pinned->version.id;
    if (doing->size < row->size)
        return chunks_cut(m->engine, m->engine->batch, id, row->size, doing->size);
    return chunks_write(m->engine, m->engine->batch, id, row->value, row->size, doing->data, doing->data_size,
                        doing->offset);
}

/* A write may not have known the size it would find, see version_write(). */
static int live_value(struct mutation *m, struct doing *doing, const struct entry *row)
{
    struct entry *entry = &doing->entry;
    int result;
    if (row->value && (doing->size <= m->engine->layout.inline_max || doing->size <= row->size)) {
        result = live_inline(doing, row, entry);
    } else {
        result = live_chunks(m, doing, row);
        if (result == 0)
            result = entry_set_value(entry, NULL, 0);
    }
    entry->size = doing->size;
    entry->mtime_ns = entry->ctime_ns = m->now_ns;
    entry_restart(entry, m->now_ms);
    return result < 0 ? result : engine_id(m->engine, ID_OTHER, &entry->change);
}

/* Could it ever be in its directory? What is dead is in none. */
static bool fits_quotas(struct engine *engine, const struct doing *doing)
{
    return doing->size <= quotas_value_max(engine, doing->pinned->dir);
}

static int live_step(struct mutation *m, void *arg)
{
    struct doing *doing = arg;
    struct entry row;
    entry_release(&doing->entry);
    int result = live_row(m, doing, &row);
    if (result < 0)
        return doing->expired ? 0 : result;
    result = entry_copy(&row, true, &doing->entry);
    m->folded_version = row.version;
    m->folded_hits = result == 0 ? row_refresh(m->engine, &doing->entry) : 0;
    if (result == 0 && !doing->change && !fits_quotas(m->engine, doing))
        result = -EFBIG;
    if (result == 0)
        result = doing->change ? entry_apply(&doing->entry, doing->change, m->now_ns) : live_value(m, doing, &row);
    if (result == 0 && tags_dead(&m->engine->tags, &doing->entry)) /* it was given a tag after that was invalidated */
        result = engine_id(m->engine, ID_OTHER, &doing->entry.change);
    if (result == 0)
        result = mutation_change(m, doing->pinned->dir, doing->pinned->name, &row, &doing->entry);
    entry_release(&row);
    return result;
}

/* -ESTALE when it is not published. */
static int live(struct engine *engine, struct doing *doing)
{
    if (doing->pinned->state != PIN_PUBLISHED)
        return -ESTALE;
    doing->pinned->changing = true;
    int result = mutate(engine, live_step, doing);
    doing->pinned->changing = false;
    if (result == 0 && doing->expired)
        result = -ESTALE;
    if (result == 0) {
        entry_release(&doing->pinned->entry);
        doing->pinned->entry = doing->entry;
    } else {
        entry_release(&doing->entry);
    }
    return mutation_synced(engine, result);
}

/* --- private ------------------------------------------------------------------------------------------- */

/* A dead version's value, so far as it was published, becomes the pin's own. */
static int become_private(struct pinned *pinned)
{
    if (pinned->private)
        return 0;
    int result = value_adopt(&pinned->value, pinned->entry.value, pinned->entry.size);
    if (result == 0)
        result = entry_set_value(&pinned->entry, NULL, 0);
    pinned->private = result == 0;
    return result;
}

static int wait_for_room(struct engine *engine, struct room_amount amount)
{
    int result = engine_wait_for_room(engine, amount);
    room_used_up(&engine->room, result == 0);
    return result;
}

/* Room for a private value's growth, held by the pin. */
static int charge(struct pinned *pinned, uint64_t old_size, uint64_t size)
{
    struct engine *engine = pinned->engine;
    struct room_amount amount = {.bytes = size > old_size ? size - old_size : 0};
    enum room_answer answer = amount.bytes > 0 ? room_try(&engine->room, amount) : ROOM_TAKEN;
    int result = 0;
    if (answer == ROOM_NONE)
        result = wait_for_room(engine, amount);
    else if (answer == ROOM_TAKEN_HIGH)
        keeper_wake(engine, 0);
    if (result == 0)
        pinned->charge += amount.bytes;
    return result;
}

static void discharge(struct pinned *pinned, uint64_t bytes)
{
    pinned->charge -= bytes;
    room_give(&pinned->engine->room, (struct room_amount){.bytes = bytes});
}

static int private_value(struct engine *engine, struct doing *doing)
{
    struct pinned *pinned = doing->pinned;
    struct value *value = &pinned->value;
    if (pinned->state == PIN_STAGED && !fits_quotas(engine, doing))
        return -EFBIG;
    int result = become_private(pinned);
    uint64_t old_size = value->size;
    if (result == 0)
        result = charge(pinned, old_size, doing->size);
    if (result < 0)
        return result;
    result = doing->resize
                 ? value_resize(engine, pinned->version.id, value, doing->size)
                 : value_write(engine, pinned->version.id, value, doing->data, doing->data_size, doing->offset);
    uint64_t top = old_size > doing->size ? old_size : doing->size;
    if (top > value->size && pinned->charge >= top - value->size)
        discharge(pinned, top - value->size);
    pinned->entry.size = value->size;
    if (result == 0)
        pinned->entry.mtime_ns = pinned->entry.ctime_ns = engine_now_ns(engine);
    return result;
}

static int private_change(struct engine *engine, struct doing *doing)
{
    struct pinned *pinned = doing->pinned;
    const struct entry_change *change = doing->change;
    int result = entry_apply(&pinned->entry, change, engine_now_ns(engine));
    if (result < 0)
        return result;
    /* A new lifetime takes an explicit deadline's place, and the reverse. */
    if (change->set & (ENTRY_SET_TTL | ENTRY_RESTART))
        pinned->kept &= ~(unsigned)ENTRY_SET_EXPIRES;
    pinned->kept |= change->set;
    return 0;
}

/* --- both ---------------------------------------------------------------------------------------------- */

static int do_value(struct engine *engine, struct doing *doing)
{
    if (doing->pinned->entry.kind != ENTRY_FILE)
        return -EINVAL;
    if (doing->size > room_limit(&engine->room).bytes)
        return -EFBIG;
    int result = live(engine, doing);
    return result == -ESTALE ? private_value(engine, doing) : result;
}

int version_write(void *impl, struct store_version *version, const void *data, size_t size, uint64_t offset)
{
    struct doing doing = {.pinned = (struct pinned *)version, .data = data, .data_size = size, .offset = offset};
    pthread_rwlock_wrlock(&doing.pinned->lock);
    /* All who change a value hold this lock: the size is the row's. */
    uint64_t old_size = doing.pinned->entry.size;
    if (offset == STORE_AT_END)
        doing.offset = old_size;
    doing.size = doing.offset + size > old_size ? doing.offset + size : old_size;
    int result = do_value(impl, &doing);
    pthread_rwlock_unlock(&doing.pinned->lock);
    return result;
}

int version_resize(void *impl, struct store_version *version, uint64_t size)
{
    struct doing doing = {.pinned = (struct pinned *)version, .resize = true, .size = size};
    pthread_rwlock_wrlock(&doing.pinned->lock);
    int result = do_value(impl, &doing);
    pthread_rwlock_unlock(&doing.pinned->lock);
    return result;
}

int version_change(void *impl, struct store_version *version, const struct entry_change *change)
{
    struct doing doing = {.pinned = (struct pinned *)version, .change = change};
    pthread_rwlock_wrlock(&doing.pinned->lock);
    int result = live(impl, &doing);
    if (result == -ESTALE)
        result = private_change(impl, &doing);
    pthread_rwlock_unlock(&doing.pinned->lock);
    return result;
}
