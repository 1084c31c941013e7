/* SPDX-License-Identifier: MIT */
/* names.c - see names.h. */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- looking ------------------------------------------------------------------------------------------- */

int names_lookup(void *impl, uint64_t dir, const char *name, struct entry *ret_entry)
{
    return row_recall_living(impl, dir, name, true, ret_entry);
}

int names_dir(void *impl, uint64_t dir, struct entry *ret_entry)
{
    return row_read_self(impl, dir, ret_entry, NULL);
}

int names_dir_place(void *impl, uint64_t dir, uint64_t *ret_parent, char *ret_name)
{
    struct entry entry;
    char name[STORE_NAME_MAX + 1];
    int result = row_read_self(impl, dir, &entry, name);
    if (result < 0)
        return result;
    *ret_parent = entry.parent;
    strcpy(ret_name, name);
    entry_release(&entry);
    return 0;
}

/* A listing under way. */
struct listing {
    struct walk walk;
    uint64_t dir;
    int64_t now_ms;
    uint64_t tags_left; /* before it began */
};

static void listing_end(struct listing *listing)
{
    walk_release(&listing->walk);
}

/* One row of a listing as an entry. -ENOENT when it is not to be shown. What has tags may have been invalidated before
 * the listing began, and killed since, so that nothing is known of that any more: then it is looked at as it is now. */
static int listed(struct engine *engine, const struct listing *listing, const char *name, const struct slice *row,
                  struct entry *ret_entry)
{
    struct entry entry;
    uint64_t id;
    int result = dirrow_get_link(row->data, row->size, &id) ? row_read_self_frozen(engine, &listing->walk, id, &entry)
                                                            : entry_decode(row->data, row->size, false, &entry);
    if (result < 0)
        return result;
    row_refresh(engine, &entry);
    bool alive = row_alive(engine, &entry, listing->now_ms);
    if (alive && (entry.tags_size == 0 || tags_left(&engine->tags) == listing->tags_left)) {
        *ret_entry = entry;
        return 0;
    }
    entry_release(&entry);
    return alive ? row_recall_living(engine, listing->dir, name, false, ret_entry) : -ENOENT;
}

/* The first key behind a name, of which none is before `bound`. No name has a NUL in it: behind a name comes that name
 * with one. */
static struct key key_behind(uint64_t dir, const char *after, const char *bound)
{
    bool bounded = strcmp(after, bound) < 0;
    struct key key = key_name(dir, bounded ? bound : after);
    if (!bounded)
        key.bytes[key.size++] = '\0';
    return key;
}

/* Tells what a listing that began at the bound finds first. */
static void learn_head(struct engine *engine, const struct listing *listing)
{
    char name[STORE_NAME_MAX + 1];
    struct slice key;
    uint64_t dir;
    bool there = walk_get(&listing->walk, &key, NULL);
    if ((there && !key_place(key.data, key.size, &dir, name)) || walk_error(&engine->db, &listing->walk) < 0)
        name[0] = '\0', there = true;
    heads_learn(&engine->heads, listing->dir, there ? name : NULL);
}

int names_list(void *impl, uint64_t dir, const char *after,
               int (*each)(void *arg, const char *name, const struct entry *entry), void *arg)
{
    struct engine *engine = impl;
    struct entry self;
    int result = row_read_self(engine, dir, &self, NULL);
    if (result < 0)
        return result;
    entry_release(&self);

    char bound[STORE_NAME_MAX + 1];
    bool learns = heads_look(&engine->heads, dir, after ? after : "", bound);
    struct key from = key_behind(dir, after ? after : "", bound), end = key_self(dir + 1);
    __attribute__((cleanup(listing_end))) struct listing listing = {
        .dir = dir, .now_ms = engine_now_ms(engine), .tags_left = tags_left(&engine->tags)};
    db_walk_frozen(&engine->db, FAMILY_DEFAULT, &from, &end, &listing.walk);
    if (learns)
        learn_head(engine, &listing);
    struct slice key, row;
    for (; result == 0 && walk_get(&listing.walk, &key, &row); walk_next(&listing.walk)) {
        char name[STORE_NAME_MAX + 1];
        struct entry entry;
        if (!key_place(key.data, key.size, &dir, name))
            continue;
        int found = listed(engine, &listing, name, &row, &entry);
        if (found == -ENOENT)
            continue;
        result = found < 0 ? (found == -EUCLEAN ? -EIO : found) : each(arg, name, &entry);
        if (found == 0)
            entry_release(&entry);
    }
    return result != 0 ? result : walk_error(&engine->db, &listing.walk);
}

/* --- for steps ----------------------------------------------------------------------------------------- */

int names_find(struct mutation *m, uint64_t dir, const char *name, bool delete_row, struct entry *ret_entry)
{
    struct entry entry;
    int result = row_recall_exactly(m->engine, dir, name, &entry);
    if (result < 0)
        return result;
    if (row_alive(m->engine, &entry, m->now_ms)) {
        *ret_entry = entry;
        return 0;
    }
    mutation_kill(m, dir, name, &entry, DEATH_EXPIRED);
    if (delete_row)
        mutation_delete_row(m, dir, name);
    entry_release(&entry);
    return -ENOENT;
}

int names_empty_dir(struct mutation *m, uint64_t dir)
{
    struct engine *engine = m->engine;
    char bound[STORE_NAME_MAX + 1];
    heads_bound(&engine->heads, dir, bound);
    struct key from = key_behind(dir, "", bound), end = key_self(dir + 1);
    SCOPED_WALK walk;
    db_walk(&engine->db, FAMILY_DEFAULT, &from, &end, &walk);
    struct slice key, row;
    for (; walk_get(&walk, &key, &row); walk_next(&walk)) {
        char name[STORE_NAME_MAX + 1];
        struct entry entry;
        uint64_t id;
        if (dirrow_get_link(row.data, row.size, &id) || !key_place(key.data, key.size, &dir, name))
            return -ENOTEMPTY;
        /* One place is kept free for the entry that a rename replaces. */
        if (m->victims_count + 1 >= MUTATION_VICTIMS_MAX)
            return -EAGAIN;
        int result = entry_decode(row.data, row.size, true, &entry);
        if (result < 0)
            return result == -EUCLEAN ? -EIO : result;
        bool alive = row_alive(engine, &entry, m->now_ms);
        if (!alive) {
            mutation_kill(m, dir, name, &entry, DEATH_EXPIRED);
            mutation_delete_row(m, dir, name);
        }
        entry_release(&entry);
        if (alive)
            return -ENOTEMPTY;
    }
    return walk_error(&engine->db, &walk);
}

/* -ENOENT when the directory is gone. -EAGAIN when one above it is, which it can only have left meanwhile. */
static int gather_defaults(const struct engine *engine, uint64_t dir, struct entry_defaults *defaults, char **tags)
{
    bool done = false;
    for (uint64_t at = dir; !done;) {
        struct entry entry;
        int result = row_read_self(engine, at, &entry, NULL);
        if (result < 0)
            return result == -ENOENT && at != dir ? -EAGAIN : result;
        done = entry_defaults_take(defaults, &entry) || at == STORE_ROOT;
        if (defaults->tags && !*tags && !(defaults->tags = *tags = strdup(entry.tags)))
            result = -ENOMEM;
        at = entry.parent;
        entry_release(&entry);
        if (result < 0)
            return result;
    }
    return 0;
}

static int try_defaults(const struct engine *engine, uint64_t dir, struct entry_defaults *ret_defaults, char **ret_tags)
{
    struct entry_defaults defaults = {0};
    char *tags = NULL;
    int result = gather_defaults(engine, dir, &defaults, &tags);
    if (result < 0) {
        free(tags);
        return result;
    }
    if (defaults.ttl_ms == ENTRY_UNSET)
        defaults.ttl_ms = engine->options->ttl_ms;
    *ret_defaults = defaults;
    *ret_tags = tags;
    return 0;
}

int names_defaults(struct engine *engine, uint64_t dir, struct entry_defaults *ret_defaults, char **ret_tags)
{
    int result = -EAGAIN;
    for (int attempt = 0; attempt < 4 && result == -EAGAIN; attempt++)
        result = try_defaults(engine, dir, ret_defaults, ret_tags);
    if (result != -EAGAIN)
        return result;
    pthread_mutex_lock(&engine->mutation);
    result = try_defaults(engine, dir, ret_defaults, ret_tags);
    pthread_mutex_unlock(&engine->mutation);
    return result == -EAGAIN ? -EIO : result;
}

int names_give(const struct entry *entry, struct entry *ret_entry)
{
    return ret_entry ? entry_copy(entry, true, ret_entry) : 0;
}

/* --- making -------------------------------------------------------------------------------------------- */

struct making {
    uint64_t dir;
    const char *name;
    struct entry *entry; /* complete but for its numbers */
};

/* Nothing lives at the place, and its directory is there. */
static int check_free(struct mutation *m, const struct making *making)
{
    struct entry there;
    int result = names_find(m, making->dir, making->name, false, &there);
    if (result == 0)
        entry_release(&there);
    return result == 0 ? -EEXIST : result == -ENOENT ? mutation_touch_dir(m, making->dir) : result;
}

static int make_dir_step(struct mutation *m, void *arg)
{
    struct making *making = arg;
    int result = check_free(m, making);
    if (result == 0)
        result = mutation_put_dir(m, making->name, NULL, NULL, making->entry);
    if (result < 0)
        return result;
    uint8_t link[DIRROW_LINK_SIZE];
    dirrow_put_link(link, making->entry->ino);
    struct key key = key_name(making->dir, making->name);
    db_batch_put(&m->engine->db, m->engine->batch, FAMILY_DEFAULT, &key, link, sizeof link);
    mutation_place(m, making->dir, making->name);
    m->directories++;
    return 0;
}

static int make_link_step(struct mutation *m, void *arg)
{
    struct making *making = arg;
    int result = check_free(m, making);
    if (result == 0) /* here, and not when it was begun: it is what tags are judged by */
        result = engine_id(m->engine, ID_OTHER, &making->entry->change);
    return result < 0 ? result : mutation_add(m, making->dir, making->name, making->entry);
}

/* Makes it, and hands a snapshot of it to the caller. */
static int make(struct engine *engine, mutation_step *step, struct making *making, struct entry *ret_entry)
{
    struct entry given = {0};
    int result = names_give(making->entry, ret_entry ? &given : NULL);
    if (result == 0)
        result = mutation_synced(engine, mutate(engine, step, making));
    given.change = making->entry->change;
    if (result == 0 && ret_entry)
        *ret_entry = given;
    else
        entry_release(&given);
    return result;
}

int names_make_dir(void *impl, uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                   struct entry *ret_entry)
{
    struct engine *engine = impl;
    struct entry entry = {0};
    struct making making = {dir, name, &entry};
    int result = entry_init(&entry, ENTRY_DIR, mode, uid, gid, NULL, engine_now_ns(engine));
    if (result == 0)
        result = engine_id(engine, ID_DIRECTORY, &entry.ino);
    entry.change = entry.ino;
    entry.parent = dir;
    if (result == 0)
        result = make(engine, make_dir_step, &making, ret_entry);
    entry_release(&entry);
    return result;
}

static int init_link(struct engine *engine, uint64_t dir, const char *target, uint32_t uid, uint32_t gid,
                     struct entry *entry)
{
    struct entry_defaults defaults;
    char *tags;
    int result = names_defaults(engine, dir, &defaults, &tags);
    if (result < 0)
        return result;
    result = entry_init(entry, ENTRY_SYMLINK, 0777, uid, gid, &defaults, engine_now_ns(engine));
    free(tags);
    if (result == 0)
        result = entry_set_value(entry, target, strlen(target));
    entry->size = strlen(target);
    if (result == 0)
        result = engine_id(engine, ID_OTHER, &entry->ino);
    if (result == 0)
        result = engine_id(engine, ID_OTHER, &entry->version);
    return result;
}

int names_make_symlink(void *impl, uint64_t dir, const char *name, const char *target, uint32_t uid, uint32_t gid,
                       struct entry *ret_entry)
{
    struct engine *engine = impl;
    struct entry entry = {0};
    struct making making = {dir, name, &entry};
    int result = init_link(engine, dir, target, uid, gid, &entry);
    if (result == 0)
        result = make(engine, make_link_step, &making, ret_entry);
    entry_release(&entry);
    return result;
}

/* --- removing ------------------------------------------------------------------------------------------ */

struct place {
    uint64_t dir;
    const char *name;
    uint64_t version; /* only this one; 0 whichever */
    bool more; /* the step has to be run again */
};

static int remove_step(struct mutation *m, void *arg)
{
    const struct place *place = arg;
    struct entry entry;
    int result = row_recall_exactly(m->engine, place->dir, place->name, &entry);
    if (result < 0)
        return result;
    if (entry.kind == ENTRY_DIR) {
        result = -EISDIR;
    } else if (!row_alive(m->engine, &entry, m->now_ms)) {
        result = -ENOENT; /* the keeper sees to it */
    } else if (place->version && entry.version != place->version) {
        result = -ESTALE;
    } else {
        mutation_kill(m, place->dir, place->name, &entry, DEATH_REMOVED);
        mutation_delete_row(m, place->dir, place->name);
        result = mutation_touch_dir(m, place->dir);
    }
    entry_release(&entry);
    return result;
}

int names_remove(void *impl, uint64_t dir, const char *name, uint64_t version)
{
    struct engine *engine = impl;
    int result = mutate(engine, remove_step, &(struct place){.dir = dir, .name = name, .version = version});
    if (result == 0)
        engine->deletes++;
    return mutation_synced(engine, result);
}

static int remove_dir_step(struct mutation *m, void *arg)
{
    struct place *place = arg;
    struct entry entry;
    int result = row_read(m->engine, place->dir, place->name, false, &entry);
    if (result < 0)
        return result;
    bool alive = row_alive(m->engine, &entry, m->now_ms);
    bool is_dir = entry.kind == ENTRY_DIR;
    uint64_t id = entry.ino;
    entry_release(&entry);
    if (!is_dir)
        return alive ? -ENOTDIR : -ENOENT;
    result = names_empty_dir(m, id);
    place->more = result == -EAGAIN;
    if (result < 0)
        return place->more ? 0 : result;
    result = mutation_drop_dir(m, place->dir, place->name, id);
    return result < 0 ? result : mutation_touch_dir(m, place->dir);
}

int names_remove_dir(void *impl, uint64_t dir, const char *name)
{
    struct place place = {.dir = dir, .name = name};
    int result;
    do
        result = mutate(impl, remove_dir_step, &place);
    while (result == 0 && place.more);
    return mutation_synced(impl, result);
}

/* --- changing ------------------------------------------------------------------------------------------ */

struct changing {
    uint64_t dir;
    const struct entry_change *change;
    struct entry entry; /* how it becomes */
};

static int change_dir_step(struct mutation *m, void *arg)
{
    struct changing *changing = arg;
    struct entry old;
    char name[STORE_NAME_MAX + 1];
    entry_release(&changing->entry);
    int result = row_read_self(m->engine, changing->dir, &old, name);
    if (result < 0)
        return result;
    result = entry_copy(&old, false, &changing->entry);
    if (result == 0)
        result = entry_apply(&changing->entry, changing->change, m->now_ns);
    if (result == 0)
        result = mutation_put_dir(m, name, name, &old, &changing->entry);
    entry_release(&old);
    return result;
}

int names_change_dir(void *impl, uint64_t dir, const struct entry_change *change, struct entry *ret_entry)
{
    struct changing changing = {.dir = dir, .change = change};
    int result = mutation_synced(impl, mutate(impl, change_dir_step, &changing));
    if (result == 0 && ret_entry)
        *ret_entry = changing.entry;
    else
        entry_release(&changing.entry);
    return result;
}
