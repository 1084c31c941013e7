/* SPDX-License-Identifier: MIT */
/*
 * rename.c - moves an entry: names_rename() of names.h.
 *
 * A file's row and its version's place move; a directory's link moves, and its own row learns its new parent and name.
 * Deadlines and tags hang on the version and stay. What was at the new place dies in the same batch.
 */
#include "names.h"
#include "quota.h"

#include <errno.h>
#include <stdlib.h>

struct renaming {
    uint64_t dir, new_dir;
    const char *name, *new_name;
    unsigned flags;
    bool more; /* part of an expired directory's content went: run the step again */
};

/* -EINVAL when `below` is in directory `above`, or is it. */
static int check_not_below(const struct engine *engine, uint64_t above, uint64_t below)
{
    int result = 0;
    while (result == 0 && below != STORE_ROOT) {
        if (below == above)
            return -EINVAL;
        struct entry entry;
        result = row_read_self(engine, below, &entry, NULL);
        if (result == 0) {
            below = entry.parent;
            entry_release(&entry);
        }
    }
    return result;
}

static int move_dir(struct mutation *m, const struct entry *entry, uint64_t new_dir, const char *new_name)
{
    struct entry old, moved;
    char name[STORE_NAME_MAX + 1];
    int result = row_read_self(m->engine, entry->ino, &old, name);
    if (result < 0)
        return result;
    moved = old;
    moved.parent = new_dir;
    result = mutation_put_dir(m, new_name, name, &old, &moved);
    if (result == 0)
        result = quotas_cross(m, old.parent, new_dir);
    entry_release(&old);
    uint8_t link[DIRROW_LINK_SIZE];
    dirrow_put_link(link, entry->ino);
    struct key key = key_name(new_dir, new_name);
    db_batch_put(&m->engine->db, m->engine->batch, FAMILY_DEFAULT, &key, link, sizeof link);
    mutation_place(m, new_dir, new_name);
    return result;
}

static int move_file(struct mutation *m, const struct entry *entry, uint64_t dir, const char *name, uint64_t new_dir,
                     const char *new_name)
{
    struct key place = key_name(new_dir, new_name), version = key_version(entry->version);
    db_batch_put(&m->engine->db, m->engine->batch, FAMILY_VERSION, &version, place.bytes, place.size);
    size_t size = entry_row_size(entry);
    uint8_t *row = malloc(size);
    if (!row)
        return -ENOMEM;
    entry_encode(entry, row);
    db_batch_put(&m->engine->db, m->engine->batch, FAMILY_DEFAULT, &place, row, size);
    mutation_place(m, new_dir, new_name);
    free(row);
    mutation_account(m, dir, -(int64_t)entry_cost(entry, strlen(name)), -1);
    mutation_account(m, new_dir, (int64_t)entry_cost(entry, strlen(new_name)), 1);
    m->moves[m->moves_count++] = (struct move){.version = entry->version,
                                               .dir = dir,
                                               .new_dir = new_dir,
                                               .deadline_ms = entry_deadline_ms(entry),
                                               .name = name,
                                               .new_name = new_name};
    return 0;
}

static int move(struct mutation *m, const struct entry *entry, uint64_t dir, const char *name, uint64_t new_dir,
                const char *new_name)
{
    return entry->kind == ENTRY_DIR ? move_dir(m, entry, new_dir, new_name)
                                    : move_file(m, entry, dir, name, new_dir, new_name);
}

/* May `target` (NULL: nothing) be replaced by `entry`, or change places with it? */
static int check(const struct engine *engine, const struct renaming *r, const struct entry *entry,
                 const struct entry *target)
{
    bool exchange = r->flags == STORE_EXCHANGE;
    int result = 0;
    if (r->flags == STORE_NOREPLACE && target)
        return -EEXIST;
    if (exchange && !target)
        return -ENOENT;
    if (entry->kind == ENTRY_DIR)
        result = check_not_below(engine, entry->ino, r->new_dir);
    if (result == 0 && exchange && target->kind == ENTRY_DIR)
        result = check_not_below(engine, target->ino, r->dir);
    if (result == 0 && !exchange && target && (target->kind == ENTRY_DIR) != (entry->kind == ENTRY_DIR))
        result = target->kind == ENTRY_DIR ? -EISDIR : -ENOTDIR;
    return result;
}

/* Kills what the entry replaces. -EAGAIN as names_empty_dir(). */
static int clear_target(struct mutation *m, const struct renaming *r, const struct entry *target)
{
    if (target->kind != ENTRY_DIR) {
        mutation_kill(m, r->new_dir, r->new_name, target, DEATH_REPLACED);
        return 0;
    }
    int result = names_empty_dir(m, target->ino);
    return result < 0 ? result : mutation_drop_dir(m, r->new_dir, r->new_name, target->ino);
}

static int touch_parents(struct mutation *m, const struct renaming *r)
{
    int result = mutation_touch_dir(m, r->new_dir);
    return result < 0 || r->dir == r->new_dir ? result : mutation_touch_dir(m, r->dir);
}

static int rename_found(struct mutation *m, struct renaming *r, const struct entry *entry, const struct entry *target)
{
    if (r->dir == r->new_dir && strcmp(r->name, r->new_name) == 0)
        return 0;
    int result = check(m->engine, r, entry, target);
    if (result == 0)
        result = touch_parents(m, r);
    if (result == 0 && target && r->flags != STORE_EXCHANGE) {
        result = clear_target(m, r, target);
        r->more = result == -EAGAIN;
        if (result < 0)
            return r->more ? 0 : result;
    }
    if (result == 0 && r->flags == STORE_EXCHANGE)
        result = move(m, target, r->new_dir, r->new_name, r->dir, r->name);
    else
        mutation_delete_row(m, r->dir, r->name);
    return result < 0 ? result : move(m, entry, r->dir, r->name, r->new_dir, r->new_name);
}

static int rename_step(struct mutation *m, void *arg)
{
    struct renaming *r = arg;
    struct entry entry, target;
    r->more = false;
    int result = row_recall_exactly(m->engine, r->dir, r->name, &entry);
    if (result < 0)
        return result;
    if (!row_alive(m->engine, &entry, m->now_ms)) {
        entry_release(&entry);
        return -ENOENT;
    }
    result = names_find(m, r->new_dir, r->new_name, true, &target);
    bool there = result == 0;
    if (result == 0 || result == -ENOENT)
        result = rename_found(m, r, &entry, there ? &target : NULL);
    if (there)
        entry_release(&target);
    entry_release(&entry);
    return result;
}

int names_rename(void *impl, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name, unsigned flags)
{
    struct renaming renaming = {dir, new_dir, name, new_name, flags, false};
    int result;
    do
        result = mutate(impl, rename_step, &renaming);
    while (result == 0 && renaming.more);
    return mutation_synced(impl, result);
}
