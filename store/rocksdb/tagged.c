/* SPDX-License-Identifier: MIT */
/*
 * tagged.c - entries by their tags: invalidating, listing, and chore_invalidated(), which kills what an invalidation
 * left.
 *
 * They walk the tag family. A row of it says with which change the entry came to have the tag: by that and the mark it
 * is told, without a look at the entry, what the tag's invalidation has killed (tags.h). Killing and forgetting the mark
 * is done in order of versions, from a cursor in memory; a crash begins anew, and meets only what is left.
 */
#include "tagged.h"
#include "chores.h"
#include "mutation.h"

#include <errno.h>
#include <stdlib.h>

/* --- rows ---------------------------------------------------------------------------------------------- */

/* The tag and version of an index row's key; the tag in a buffer of STORE_TAG_MAX + 1 bytes. */
static bool key_tagged(const struct slice *key, char *ret_tag, uint64_t *ret_version)
{
    if (key->size < 1 + 1 + 8 || key->size > STORE_TAG_MAX + 1 + 8 || key->data[key->size - 9] != '\0')
        return false;
    memcpy(ret_tag, key->data, key->size - 8);
    *ret_version = get_u64(key->data + key->size - 8);
    return true;
}

/* With which change the entry got the tag. Rows of before that was written down tell nothing: as old as can be. */
static uint64_t tagged_since(const struct slice *row)
{
    return row->size == 8 ? get_u64(row->data) : 0;
}

/* --- invalidating -------------------------------------------------------------------------------------- */

struct invalidating {
    const char *tag;
    struct invalidated *invalidated; /* NULL when it was entered */
};

static int invalidate_step(struct mutation *m, void *arg)
{
    struct invalidating *invalidating = arg;
    const char *tag = invalidating->tag;
    int result = engine_id(m->engine, ID_OTHER, &m->mark);
    if (result < 0)
        return result;
    m->invalidated = &invalidating->invalidated;
    uint8_t row[META_TAG_SIZE];
    put_u64(row, m->mark);
    struct key key = key_invalidated(tag);
    db_batch_put(&m->engine->db, m->engine->batch, FAMILY_DEFAULT, &key, row, sizeof row);
    return 0;
}

/* 1 when something alive may have a tag; 0; -errno. */
static int may_have(struct engine *engine, const char *tag)
{
    size_t size = strlen(tag);
    struct key from = key_tag(tag, size, tags_living_from(&engine->tags, tag)), end = key_tag(tag, size, UINT64_MAX);
    struct slice any;
    SCOPED_WALK walk;
    db_walk(&engine->db, FAMILY_TAG, &from, &end, &walk);
    return walk_get(&walk, &any, NULL) ? 1 : walk_error(&engine->db, &walk);
}

/* It looks before it takes the mutation mutex, for where much was swept that takes long. When nothing had the tag then,
 * the tag was invalidated then; what has it and is gone by the time the mark is written costs a mark. */
int tagged_invalidate(void *impl, const char *tag)
{
    struct engine *engine = impl;
    int there = may_have(engine, tag);
    if (there <= 0) /* what made it so may not be on disk yet */
        return mutation_synced(engine, there);
    struct invalidating invalidating = {.tag = tag, .invalidated = invalidated_new(tag)};
    if (!invalidating.invalidated)
        return -ENOMEM;
    int result = mutate(engine, invalidate_step, &invalidating);
    if (!invalidating.invalidated)
        keeper_wake(engine, 0);
    invalidated_free(invalidating.invalidated);
    return mutation_synced(engine, result);
}

int tagged_load(const struct db *db, const struct frozen *frozen, struct tags *tags)
{
    struct key from = key_invalidated(""), end = from;
    end.bytes[end.size - 1]++;
    SCOPED_WALK walk;
    struct slice key, row;
    if (frozen)
        db_walk_at(db, frozen, FAMILY_DEFAULT, &from, &end, &walk);
    else
        db_walk(db, FAMILY_DEFAULT, &from, &end, &walk);
    for (; walk_get(&walk, &key, &row); walk_next(&walk)) {
        char tag[STORE_TAG_MAX + 1];
        size_t size = key.size - from.size;
        if (size < 1 || size > STORE_TAG_MAX || row.size != META_TAG_SIZE)
            return -EUCLEAN;
        memcpy(tag, key.data + from.size, size);
        tag[size] = '\0';
        struct invalidated *invalidated = invalidated_new(tag);
        if (!invalidated)
            return -ENOMEM;
        tags_enter(tags, invalidated, get_u64(row.data), 0);
    }
    return walk_error(db, &walk);
}

/* --- listing ------------------------------------------------------------------------------------------- */

/* The living entry that has this version and the tag, as it is now, without its value. -ENOENT when it has gone. */
static int read_tagged(struct engine *engine, const char *tag, uint64_t version, uint64_t *ret_dir, char *ret_name,
                       struct entry *ret_entry)
{
    struct entry entry;
    int result = row_place(engine, version, ret_dir, ret_name);
    if (result == 0)
        result = row_recall_living(engine, *ret_dir, ret_name, false, &entry);
    if (result < 0)
        return result == -ENOTDIR ? -ENOENT : result;
    bool meant = entry.kind != ENTRY_DIR && entry.version == version && entry_has_tag(&entry, tag);
    if (meant)
        *ret_entry = entry;
    else
        entry_release(&entry);
    return meant ? 0 : -ENOENT;
}

/* Calls `each` with the living entries of one tag; `walk` has not passed them yet. */
static int list_walked(struct engine *engine, struct walk *walk, const char *tag,
                       int (*each)(void *arg, uint64_t dir, const char *name, const struct entry *entry), void *arg)
{
    uint64_t mark = tags_mark(&engine->tags, tag, strlen(tag));
    struct slice key, row;
    int result = 0;
    for (; result == 0 && walk_get(walk, &key, &row); walk_next(walk)) {
        char found[STORE_TAG_MAX + 1], name[STORE_NAME_MAX + 1];
        uint64_t version, dir;
        struct entry entry;
        if (!key_tagged(&key, found, &version) || (mark > 0 && row.size == 8 && tagged_since(&row) <= mark))
            continue;
        int there = read_tagged(engine, tag, version, &dir, name, &entry);
        if (there == -ENOENT)
            continue;
        result = there < 0 ? there : each(arg, dir, name, &entry);
        if (there == 0)
            entry_release(&entry);
    }
    return result != 0 ? result : walk_error(&engine->db, walk);
}

int tagged_list(void *impl, const char *tag, uint64_t after,
                int (*each)(void *arg, uint64_t dir, const char *name, const struct entry *entry), void *arg)
{
    struct engine *engine = impl;
    size_t size = strlen(tag);
    uint64_t first = after == UINT64_MAX ? after : after + 1, living = tags_living_from(&engine->tags, tag);
    struct key from = key_tag(tag, size, first > living ? first : living), end = key_tag(tag, size, UINT64_MAX);
    SCOPED_WALK walk;
    db_walk(&engine->db, FAMILY_TAG, &from, &end, &walk);
    return list_walked(engine, &walk, tag, each, arg);
}

static int found_one(void *arg, uint64_t dir, const char *name, const struct entry *entry)
{
    (void)arg, (void)dir, (void)name, (void)entry;
    return 1;
}

int tagged_list_tags(void *impl, const char *after, int (*each)(void *arg, const char *tag), void *arg)
{
    struct engine *engine = impl;
    struct key from = {0}, end = {.size = 1, .bytes = {0xff}}, behind;
    if (after)
        from = key_tag(after, strlen(after), UINT64_MAX);
    end.size = STORE_TAG_MAX + 1;
    memset(end.bytes, 0xff, end.size);
    SCOPED_WALK walk;
    struct slice key;
    int result = 0;
    for (db_walk(&engine->db, FAMILY_TAG, &from, &end, &walk); result == 0 && walk_get(&walk, &key, NULL);
         walk_seek(&walk, &behind)) {
        char tag[STORE_TAG_MAX + 1];
        uint64_t version;
        if (!key_tagged(&key, tag, &version))
            return -EIO;
        result = tagged_list(engine, tag, 0, found_one, NULL);
        if (result == 1)
            result = each(arg, tag);
        behind = key_tag(tag, strlen(tag), UINT64_MAX);
    }
    return result != 0 ? result : walk_error(&engine->db, &walk);
}

/* --- sweeping ------------------------------------------------------------------------------------------ */

enum { LOOKS_MAX = 4096 }; /* index rows passed by at a time */

/* What one step of the chore works on. */
struct batch {
    char tag[STORE_TAG_MAX + 1];
    uint64_t mark, next; /* the versions before `next` are done when these are */
    bool last; /* and then all */
    size_t count, killed;
    uint64_t versions[MUTATION_VICTIMS_MAX];
};

static int gather(struct engine *engine, uint64_t from_version, struct batch *batch)
{
    size_t size = strlen(batch->tag);
    struct key from = key_tag(batch->tag, size, from_version), end = key_tag(batch->tag, size, UINT64_MAX);
    struct slice key, row;
    SCOPED_WALK walk;
    db_walk(&engine->db, FAMILY_TAG, &from, &end, &walk);
    batch->next = from_version;
    for (int looks = 0; walk_get(&walk, &key, &row); walk_next(&walk), looks++) {
        if (looks == LOOKS_MAX || batch->count == MUTATION_VICTIMS_MAX)
            return 0;
        uint64_t version = get_u64(key.data + key.size - 8);
        batch->next = version + 1;
        if (tagged_since(&row) <= batch->mark)
            batch->versions[batch->count++] = version;
    }
    batch->last = true;
    return walk_error(&engine->db, &walk);
}

static int kill_one(struct mutation *m, uint64_t version)
{
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    struct entry row;
    int result = row_of_version(m->engine, version, &dir, name, &row);
    if (result < 0)
        return result == -ENOENT ? 0 : result;
    if (tags_dead(&m->engine->tags, &row)) {
        mutation_kill(m, dir, name, &row, DEATH_INVALIDATED);
        mutation_delete_row(m, dir, name);
    }
    entry_release(&row);
    return 0;
}

static int kill_step(struct mutation *m, void *arg)
{
    struct batch *batch = arg;
    int result = 0;
    for (size_t i = 0; i < batch->count && result == 0; i++)
        result = kill_one(m, batch->versions[i]);
    batch->killed = m->victims_count;
    return result;
}

/* The mark has done its work: its row goes, unless a new one stands there, of which memory may not know yet. */
static int leave_step(struct mutation *m, void *arg)
{
    const struct batch *batch = arg;
    struct key key = key_invalidated(batch->tag);
    SCOPED_SLICE row = {0};
    int result = db_get(&m->engine->db, FAMILY_DEFAULT, &key, &row);
    if (result == 0 && row.size == META_TAG_SIZE && get_u64(row.data) == batch->mark)
        db_batch_delete(&m->engine->db, m->engine->batch, FAMILY_DEFAULT, &key);
    return result == -ENOENT ? 0 : result;
}

int chore_invalidated(struct engine *engine, size_t *ret_killed)
{
    struct batch batch = {0};
    uint64_t from;
    *ret_killed = 0;
    if (!tags_first(&engine->tags, batch.tag, &batch.mark, &from))
        return 0;
    int result = gather(engine, from, &batch);
    if (result == 0 && batch.count > 0)
        result = mutate(engine, kill_step, &batch);
    if (result == 0 && batch.last)
        result = mutate(engine, leave_step, &batch);
    if (result < 0)
        return result;
    *ret_killed = batch.killed;
    if (batch.last)
        tags_leave(&engine->tags, batch.tag, batch.mark);
    else
        tags_advance(&engine->tags, batch.tag, batch.mark, batch.next);
    return 1;
}
