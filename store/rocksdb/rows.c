/* SPDX-License-Identifier: MIT */
/* rows.c - see rows.h. */
#include "rows.h"

#include <errno.h>

/* The store's own damage is told once, where it is found. */
static int damaged(const struct engine *engine, uint64_t dir, const char *name)
{
    store_log(engine->options, STORE_LOG_ERROR, "the row of \"%s\" in directory %llu is damaged", name,
              (unsigned long long)dir);
    return -EIO;
}

int row_read_self(const struct engine *engine, uint64_t dir, struct entry *ret_entry, char *ret_name)
{
    if (dir % 2 == 0)
        return -ENOTDIR;
    uint32_t epoch;
    int result = dirs_get(engine->dirs, dir, ret_entry, ret_name, &epoch);
    if (result != -EAGAIN)
        return result;
    struct key key = key_self(dir);
    SCOPED_SLICE row = {0};
    char own_name[STORE_NAME_MAX + 1], *name = ret_name ? ret_name : own_name;
    result = db_get(&engine->db, FAMILY_DEFAULT, &key, &row);
    if (result == 0)
        result = dirrow_decode(row.data, row.size, ret_entry, name);
    if (result == 0)
        dirs_put(engine->dirs, ret_entry, name, epoch);
    return result == -EUCLEAN ? damaged(engine, dir, "") : result;
}

int row_read_self_frozen(const struct engine *engine, const struct walk *walk, uint64_t dir, struct entry *ret_entry)
{
    struct key key = key_self(dir);
    SCOPED_SLICE row = {0};
    int result = db_get_frozen(&engine->db, walk, FAMILY_DEFAULT, &key, &row);
    if (result == 0)
        result = dirrow_decode(row.data, row.size, ret_entry, NULL);
    return result == -EUCLEAN || result == -ENOENT ? damaged(engine, dir, "") : result;
}

/* The row at a place. Of a directory it is the link: *ret_id, else 0. */
static int read_place(const struct engine *engine, uint64_t dir, const char *name, bool with_value,
                      struct entry *ret_entry, uint64_t *ret_id)
{
    struct key key = key_name(dir, name);
    SCOPED_SLICE row = {0};
    int result = db_get(&engine->db, FAMILY_DEFAULT, &key, &row);
    if (result < 0)
        return result;
    *ret_id = 0;
    if (dirrow_get_link(row.data, row.size, ret_id))
        return 0;
    result = entry_decode(row.data, row.size, with_value, ret_entry);
    return result == -EUCLEAN ? damaged(engine, dir, name) : result;
}

/* A directory that is gone behind its link was replaced or removed since the link was read: it is looked at again.
 * The same link twice points to nothing, for a directory and its link go as one and its number does not come again. */
int row_read(const struct engine *engine, uint64_t dir, const char *name, bool with_value, struct entry *ret_entry)
{
    if (dir % 2 == 0)
        return -ENOTDIR;
    for (uint64_t id = 0, last = 0;; last = id) {
        int result = read_place(engine, dir, name, with_value, ret_entry, &id);
        if (result < 0 || id == 0)
            return result;
        if (id == last)
            return damaged(engine, dir, name);
        result = row_read_self(engine, id, ret_entry, NULL);
        if (result != -ENOENT)
            return result;
    }
}

int row_recall(struct engine *engine, uint64_t dir, const char *name, bool with_value, struct entry *ret_entry)
{
    int result = pins_recall(&engine->pins, dir, name, with_value, ret_entry);
    return result == -EAGAIN ? row_read(engine, dir, name, with_value, ret_entry) : result;
}

int row_recall_exactly(struct engine *engine, uint64_t dir, const char *name, struct entry *ret_entry)
{
    struct entry entry;
    int result = row_recall(engine, dir, name, true, &entry);
    if (result == 0 && entry.kind != ENTRY_DIR && entry.idle_ms != ENTRY_UNSET) {
        entry_release(&entry);
        result = row_read(engine, dir, name, true, &entry);
    }
    if (result == 0)
        *ret_entry = entry;
    return result;
}

uint64_t row_refresh(struct engine *engine, struct entry *entry)
{
    if (entry->kind == ENTRY_DIR)
        return 0;
    uint64_t hits = policy_hits(&engine->policy, entry->version);
    entry->hits += hits;
    if (entry->idle_ms != ENTRY_UNSET)
        entry->used_ms = idle_used_ms(&engine->idle, entry->version, entry->used_ms);
    return hits;
}

bool row_alive(struct engine *engine, const struct entry *entry, int64_t now_ms)
{
    if (tags_dead(&engine->tags, entry))
        return false;
    if (entry_alive(entry, now_ms))
        return true;
    if (entry->idle_ms == ENTRY_UNSET)
        return false;
    struct entry renewed = *entry;
    renewed.used_ms = idle_used_ms(&engine->idle, entry->version, entry->used_ms);
    return entry_alive(&renewed, now_ms);
}

int row_recall_living(struct engine *engine, uint64_t dir, const char *name, bool with_value, struct entry *ret_entry)
{
    for (;;) {
        struct entry entry;
        uint64_t left = tags_left(&engine->tags);
        int result = row_recall(engine, dir, name, with_value, &entry);
        if (result < 0)
            return result;
        row_refresh(engine, &entry);
        bool alive = row_alive(engine, &entry, engine_now_ms(engine));
        if (alive && (entry.tags_size == 0 || tags_left(&engine->tags) == left)) {
            *ret_entry = entry;
            return 0;
        }
        entry_release(&entry);
        if (!alive)
            return -ENOENT;
    }
}

int row_place(const struct engine *engine, uint64_t version, uint64_t *ret_dir, char *ret_name)
{
    struct key key = key_version(version);
    SCOPED_SLICE place = {0};
    int result = db_get(&engine->db, FAMILY_VERSION, &key, &place);
    if (result == 0 && !key_place(place.data, place.size, ret_dir, ret_name))
        result = -EIO;
    return result;
}

int row_of_version(const struct engine *engine, uint64_t version, uint64_t *ret_dir, char *ret_name,
                   struct entry *ret_entry)
{
    struct entry row;
    int result = row_place(engine, version, ret_dir, ret_name);
    if (result == 0)
        result = row_read(engine, *ret_dir, ret_name, true, &row);
    if (result < 0)
        return result;
    if (row.kind == ENTRY_DIR || row.version != version) {
        entry_release(&row);
        return -ENOENT;
    }
    *ret_entry = row;
    return 0;
}
