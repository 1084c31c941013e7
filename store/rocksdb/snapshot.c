/* SPDX-License-Identifier: MIT */
/* snapshot.c - see snapshot.h. */
#include "snapshot.h"
#include "rows.h"
#include "tagged.h"

#include <errno.h>
#include <stdlib.h>

enum { ROWS_AN_ITERATOR = 4096 }; /* then it is let go */

struct level {
    uint64_t dir;
    size_t path_size; /* of its path */
};

struct snapshot {
    struct store_snapshot base;
    pthread_mutex_t lock; /* guards what follows, but for `all` */
    bool revoked; /* nothing of frozen and walk is left */
    struct frozen frozen;
    int64_t now_ms;
    struct idle idle;
    struct tags tags;
    struct walk walk; /* if walking */
    bool walking, begun;
    bool there; /* it is at the row given last, else somewhere */
    unsigned rows; /* since it was made */
    struct level *levels;
    size_t depth, levels_room;
    char *path; /* of what was given last */
    size_t path_room;
    struct entry entry; /* likewise */
    LIST_ENTRY(snapshot) all; /* in snapshots, with its lock */
};

void snapshots_init(struct snapshots *snapshots)
{
    *snapshots = (struct snapshots){0};
    pthread_mutex_init(&snapshots->lock, NULL);
    LIST_INIT(&snapshots->all);
}

void snapshots_release(struct snapshots *snapshots)
{
    pthread_mutex_destroy(&snapshots->lock);
}

/* --- opening and closing ------------------------------------------------------------------------------- */

/* The time goes first, then the reads, then the rows: a read that is written into a row and forgotten meanwhile is in
 * the row. */
static int freeze(struct engine *engine, struct snapshot *snapshot)
{
    snapshot->now_ms = engine_now_ms(engine);
    int result = idle_copy(&engine->idle, &snapshot->idle);
    if (result < 0)
        return result;
    db_freeze(&engine->db, &snapshot->frozen);
    return tagged_load(&engine->db, &snapshot->frozen, &snapshot->tags);
}

static void end_walk(struct snapshot *snapshot)
{
    if (snapshot->walking)
        walk_release(&snapshot->walk);
    snapshot->walking = snapshot->there = false;
}

static void thaw(struct engine *engine, struct snapshot *snapshot)
{
    end_walk(snapshot);
    if (snapshot->frozen.snapshot)
        db_thaw(&engine->db, &snapshot->frozen);
    if (!snapshot->revoked)
        atomic_fetch_sub(&engine->snapshots.count, 1);
    snapshot->revoked = true;
}

static void enlist(struct engine *engine, struct snapshot *snapshot)
{
    struct snapshots *snapshots = &engine->snapshots;
    pthread_mutex_lock(&snapshots->lock);
    LIST_INSERT_HEAD(&snapshots->all, snapshot, all);
    pthread_mutex_unlock(&snapshots->lock);
}

int snapshot_open(void *impl, struct store_snapshot **ret_snapshot)
{
    struct engine *engine = impl;
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return -ENOMEM;
    snapshot->base.store = engine->store;
    pthread_mutex_init(&snapshot->lock, NULL);
    tags_init(&snapshot->tags);
    idle_init(&snapshot->idle);
    atomic_fetch_add(&engine->snapshots.count, 1);
    int result = freeze(engine, snapshot);
    enlist(engine, snapshot);
    if (result < 0)
        snapshot_close(impl, &snapshot->base);
    else
        *ret_snapshot = &snapshot->base;
    return result == -EUCLEAN ? -EIO : result;
}

void snapshot_close(void *impl, struct store_snapshot *base)
{
    struct engine *engine = impl;
    struct snapshot *snapshot = (struct snapshot *)base;
    pthread_mutex_lock(&engine->snapshots.lock);
    LIST_REMOVE(snapshot, all);
    pthread_mutex_unlock(&engine->snapshots.lock);
    thaw(engine, snapshot);
    entry_release(&snapshot->entry);
    tags_release(&snapshot->tags);
    idle_release(&snapshot->idle);
    pthread_mutex_destroy(&snapshot->lock);
    free(snapshot->levels);
    free(snapshot->path);
    free(snapshot);
}

void snapshots_revoke(struct engine *engine)
{
    struct snapshot *snapshot;
    bool told = false;
    if (!snapshots_any(&engine->snapshots))
        return;
    pthread_mutex_lock(&engine->snapshots.lock);
    LIST_FOREACH(snapshot, &engine->snapshots.all, all) {
        pthread_mutex_lock(&snapshot->lock);
        if (!snapshot->revoked && !told)
            store_log(engine->options, STORE_LOG_WARNING,
                      "the disk is nearly full: a backup that is being made ends here");
        told |= !snapshot->revoked;
        thaw(engine, snapshot);
        pthread_mutex_unlock(&snapshot->lock);
    }
    pthread_mutex_unlock(&engine->snapshots.lock);
}

/* --- walking ------------------------------------------------------------------------------------------- */

/* The name given last in the directory of the lowest level, "" when that was the directory itself. */
static const char *last_name(const struct snapshot *snapshot)
{
    const char *name = snapshot->path + snapshot->levels[snapshot->depth - 1].path_size;
    return *name == '/' ? name + 1 : name;
}

/* Makes the path that of a name in the directory of the lowest level; "": of that itself. */
static int set_path(struct snapshot *snapshot, const char *name)
{
    size_t dir_size = snapshot->depth ? snapshot->levels[snapshot->depth - 1].path_size : 0, size = strlen(name);
    size_t wanted = dir_size + 1 + size + 1;
    if (wanted > snapshot->path_room) {
        char *path = realloc(snapshot->path, 2 * wanted);
        if (!path)
            return -ENOMEM;
        snapshot->path = path;
        snapshot->path_room = 2 * wanted;
    }
    bool slash = dir_size > 0 && size > 0;
    if (slash)
        snapshot->path[dir_size] = '/';
    memcpy(snapshot->path + dir_size + slash, name, size + 1);
    return 0;
}

/* What comes next is in a directory, whose path this is. */
static int descend(struct snapshot *snapshot, uint64_t dir)
{
    if (snapshot->depth == snapshot->levels_room) {
        size_t room = snapshot->levels_room ? 2 * snapshot->levels_room : 16;
        struct level *levels = realloc(snapshot->levels, room * sizeof *levels);
        if (!levels)
            return -ENOMEM;
        snapshot->levels = levels;
        snapshot->levels_room = room;
    }
    snapshot->levels[snapshot->depth++] = (struct level){dir, strlen(snapshot->path)};
    snapshot->there = false;
    return 0;
}

/* There is nothing more in the directory of the lowest level. */
static void ascend(struct snapshot *snapshot)
{
    snapshot->path[snapshot->levels[--snapshot->depth].path_size] = '\0';
    snapshot->there = false;
}

/* Puts the iterator behind the row given last. */
static void go_on(struct engine *engine, struct snapshot *snapshot)
{
    struct key from = key_name(snapshot->levels[snapshot->depth - 1].dir, last_name(snapshot));
    struct key end = {.size = 8, .bytes = {255, 255, 255, 255, 255, 255, 255, 255}};
    from.bytes[from.size++] = '\0'; /* the first key behind it */
    if (++snapshot->rows >= ROWS_AN_ITERATOR)
        end_walk(snapshot);
    if (!snapshot->walking) {
        db_walk_at(&engine->db, &snapshot->frozen, FAMILY_DEFAULT, &from, &end, &snapshot->walk);
        snapshot->rows = 0;
    } else if (snapshot->there)
        walk_next(&snapshot->walk);
    else
        walk_seek(&snapshot->walk, &from);
    snapshot->walking = snapshot->there = true;
}

static bool was_alive(struct snapshot *snapshot, struct entry *entry)
{
    if (entry->kind == ENTRY_DIR)
        return true;
    if (entry->idle_ms != ENTRY_UNSET)
        entry->used_ms = idle_used_ms(&snapshot->idle, entry->version, entry->used_ms);
    return !tags_dead(&snapshot->tags, entry) && entry_alive(entry, snapshot->now_ms);
}

/* Makes the entry of a row the one at hand. 1 when it was dead. */
static int take_row(struct engine *engine, struct snapshot *snapshot, const char *name, const struct slice *row)
{
    uint64_t id;
    bool link = dirrow_get_link(row->data, row->size, &id);
    int result = link ? row_read_self_frozen(engine, &snapshot->walk, id, &snapshot->entry)
                      : entry_decode(row->data, row->size, true, &snapshot->entry);
    if (result == -EUCLEAN) {
        store_log(engine->options, STORE_LOG_ERROR, "the row of \"%s\" in directory %llu is damaged", name,
                  (unsigned long long)snapshot->levels[snapshot->depth - 1].dir);
        return -EIO;
    }
    if (result == 0)
        result = set_path(snapshot, name); /* also of what is dead: it is found again by that */
    if (result < 0)
        return result;
    if (link)
        return descend(snapshot, id);
    return was_alive(snapshot, &snapshot->entry) ? 0 : 1;
}

static int begin(struct engine *engine, struct snapshot *snapshot)
{
    struct key from = key_self(STORE_ROOT), end = key_self(STORE_ROOT + 1);
    SCOPED_WALK walk;
    db_walk_at(&engine->db, &snapshot->frozen, FAMILY_DEFAULT, &from, &end, &walk);
    int result = row_read_self_frozen(engine, &walk, STORE_ROOT, &snapshot->entry);
    if (result == 0)
        result = set_path(snapshot, "");
    if (result == 0)
        result = descend(snapshot, STORE_ROOT);
    snapshot->begun = result == 0;
    return result;
}

static int next_locked(struct engine *engine, struct snapshot *snapshot)
{
    int result = 1;
    entry_release(&snapshot->entry);
    if (snapshot->revoked)
        return -ESTALE;
    if (!snapshot->begun)
        return begin(engine, snapshot);
    while (result == 1 && snapshot->depth > 0) {
        struct slice key, row;
        uint64_t dir = 0;
        char name[STORE_NAME_MAX + 1];
        go_on(engine, snapshot);
        bool there = walk_get(&snapshot->walk, &key, &row);
        if (!there && (result = walk_error(&engine->db, &snapshot->walk)) < 0)
            return result;
        result = 1;
        if (there && key_place(key.data, key.size, &dir, name) && dir == snapshot->levels[snapshot->depth - 1].dir)
            result = take_row(engine, snapshot, name, &row);
        else
            ascend(snapshot);
        if (result != 0)
            entry_release(&snapshot->entry);
    }
    return result;
}

int snapshot_next(void *impl, struct store_snapshot *base, const char **ret_path, const struct entry **ret_entry)
{
    struct snapshot *snapshot = (struct snapshot *)base;
    pthread_mutex_lock(&snapshot->lock);
    int result = next_locked(impl, snapshot);
    pthread_mutex_unlock(&snapshot->lock);
    if (result != 0)
        return result;
    *ret_path = snapshot->path;
    *ret_entry = &snapshot->entry;
    return 0;
}

/* --- values -------------------------------------------------------------------------------------------- */

/* Reads from one chunk, as much as it has of what is wanted: at most `size`, and *ret_size. */
static int read_chunk(struct engine *engine, struct snapshot *snapshot, uint8_t *to, size_t size, uint64_t offset,
                      size_t *ret_size)
{
    uint32_t chunk_bytes = engine->layout.chunk_bytes;
    size_t start = (size_t)(offset % chunk_bytes), part = chunk_bytes - start < size ? chunk_bytes - start : size;
    struct key key = key_chunk(snapshot->entry.version, offset / chunk_bytes);
    SCOPED_SLICE chunk = {0};
    int result = db_get_at(&engine->db, &snapshot->frozen, FAMILY_DATA, &key, &chunk);
    if (result < 0 && result != -ENOENT)
        return result;
    size_t there = chunk.size > start ? chunk.size - start : 0;
    if (there > part)
        there = part;
    if (there > 0)
        memcpy(to, chunk.data + start, there);
    memset(to + there, 0, part - there); /* what is missing is zeroes */
    *ret_size = part;
    return 0;
}

static int read_locked(struct engine *engine, struct snapshot *snapshot, uint8_t *to, size_t size, uint64_t offset)
{
    const struct entry *entry = &snapshot->entry;
    int result = 0;
    if (snapshot->revoked)
        return -ESTALE;
    if (entry->value) {
        memcpy(to, entry->value + offset, size);
        return 0;
    }
    for (size_t part; size > 0 && result == 0; size -= part, to += part, offset += part)
        if ((result = read_chunk(engine, snapshot, to, size, offset, &part)) < 0)
            part = 0;
    return result;
}

int snapshot_read(void *impl, struct store_snapshot *base, void *buffer, size_t size, uint64_t offset)
{
    struct snapshot *snapshot = (struct snapshot *)base;
    pthread_mutex_lock(&snapshot->lock);
    int result = read_locked(impl, snapshot, buffer, size, offset);
    pthread_mutex_unlock(&snapshot->lock);
    return result;
}
