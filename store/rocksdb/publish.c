/* SPDX-License-Identifier: MIT */
/*
 * publish.c - a staged version becomes the entry at a place, in one batch with the death of what was there.
 *
 * Large values are on disk already; what the batch adds is the row that refers to them.
 */
#include "names.h"
#include "version.h"

#include <errno.h>
#include <stdlib.h>

struct publishing {
    struct pinned *pinned;
    uint64_t dir;
    const char *name;
    uint64_t change; /* of what it may replace; 0 of whatever */
    unsigned flags;
    struct entry staged; /* with the value that goes into the row */
    struct entry entry; /* as published */
};

/* The staged entry with its value, complete but for what the entry at the place hands on. */
static int prepare(struct engine *engine, struct publishing *publishing)
{
    struct pinned *pinned = publishing->pinned;
    struct value *value = &pinned->value;
    int result = value_flush(engine, pinned->version.id, value);
    if (result == 0)
        result = entry_copy(&pinned->entry, false, &publishing->staged);
    if (result < 0 || value->chunked)
        return result;
    uint8_t *bytes = malloc((size_t)value->size + 1);
    if (!bytes)
        return -ENOMEM;
    result = value_read(engine, pinned->version.id, value, bytes, (size_t)value->size, 0);
    if (result == 0)
        result = entry_set_value(&publishing->staged, bytes, (size_t)value->size);
    free(bytes);
    return result;
}

/* Kills what is at the place. *ret_current is what the new version takes over from, if *ret_there. */
static int replace(struct mutation *m, const struct publishing *p, struct entry *ret_current, bool *ret_there)
{
    struct entry current;
    int result = names_find(m, p->dir, p->name, false, &current);
    if (result == -ENOENT)
        return p->change ? -ESTALE : mutation_touch_dir(m, p->dir);
    if (result < 0)
        return result;
    if (current.kind == ENTRY_DIR || p->flags & STORE_NOREPLACE) {
        result = p->flags & STORE_NOREPLACE ? -EEXIST : -EISDIR;
        entry_release(&current);
        return result;
    }
    if (p->change && current.change != p->change) {
        entry_release(&current);
        return -ESTALE;
    }
    mutation_kill(m, p->dir, p->name, &current, DEATH_REPLACED);
    row_refresh(m->engine, &current);
    *ret_current = current;
    *ret_there = true;
    return 0;
}

/* An inode number that came from the entry which was at the place of the stage must not be in use twice. */
static int check_ino(struct mutation *m, const struct publishing *p, const struct entry *current, struct entry *entry)
{
    if (!p->pinned->ino_inherited || (current && current->ino == entry->ino))
        return 0;
    return engine_id(m->engine, ID_OTHER, &entry->ino);
}

static int publish_step(struct mutation *m, void *arg)
{
    struct publishing *p = arg;
    struct entry current = {0};
    bool there = false;
    entry_release(&p->entry);
    int result = replace(m, p, &current, &there);
    if (result == 0)
        result = entry_copy(&p->staged, true, &p->entry);
    if (result == 0 && there && current.kind == ENTRY_FILE && !(p->flags & STORE_FRESH))
        result = entry_take_over(&p->entry, &current, p->pinned->kept);
    if (result == 0)
        result = check_ino(m, p, there ? &current : NULL, &p->entry);
    int64_t expires_ms = current.expires_ms;
    entry_release(&current);
    if (result == 0)
        result = engine_id(m->engine, ID_OTHER, &p->entry.change);
    if (result < 0)
        return result;
    entry_restart(&p->entry, m->now_ms);
    if (there && p->flags & STORE_KEEP_CLOCK)
        p->entry.expires_ms = expires_ms;
    if (p->pinned->kept & ENTRY_SET_EXPIRES)
        p->entry.expires_ms = p->staged.expires_ms;
    p->entry.ctime_ns = m->now_ns;
    m->publishing = p->pinned;
    m->publishing_dir = p->dir;
    m->publishing_name = p->name;
    return mutation_add(m, p->dir, p->name, &p->entry);
}

static int publish_locked(struct engine *engine, struct publishing *p)
{
    struct pinned *pinned = p->pinned;
    if (pinned->state != PIN_STAGED)
        return -EINVAL;
    int result = prepare(engine, p);
    if (result == 0)
        result = mutate(engine, publish_step, p);
    if (result < 0)
        return result;
    value_release(&pinned->value);
    pinned->private = false;
    entry_release(&pinned->entry);
    pinned->entry = p->entry;
    p->entry = (struct entry){0};
    return 0;
}

int version_publish(void *impl, struct store_version *version, uint64_t dir, const char *name, uint64_t change,
                    unsigned flags)
{
    struct engine *engine = impl;
    struct publishing publishing = {
        .pinned = (struct pinned *)version, .dir = dir, .name = name, .change = change, .flags = flags};
    pthread_rwlock_wrlock(&publishing.pinned->lock);
    int result = publish_locked(engine, &publishing);
    pthread_rwlock_unlock(&publishing.pinned->lock);
    entry_release(&publishing.staged);
    entry_release(&publishing.entry);
    if (result == 0)
        engine->sets++;
    return mutation_synced(engine, result);
}
