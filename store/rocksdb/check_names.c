/* SPDX-License-Identifier: MIT */
/*
 * check_names.c - the default family: directories lead to the root and their names to them, and each entry's row is one,
 * and is led to; see checking.h.
 *
 * The walk meets a directory's own row, then what is in it. A directory whose own row is missing is made anew from its
 * name, which may be met later; so it is the second round that lets go of what is in none.
 */
#include "checking.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* --- directories --------------------------------------------------------------------------------------- */

static bool is_directory_number(uint64_t number)
{
    return number % 2 == 1 && number < CHECK_NUMBER_MAX;
}

/* Closed to others: nobody knows any more who may enter it. */
static void make_dir_anew(struct check *check, uint64_t dir, const char *name, uint64_t parent)
{
    struct entry above = {0}, entry = {0};
    bool known = dir != parent && check_read_dir(check, parent, &above, NULL) == 0;
    uint32_t uid = known ? above.uid : geteuid(), gid = known ? above.gid : getegid();
    if (entry_init(&entry, ENTRY_DIR, 0700, uid, gid, NULL, store_now_ns(check->db->options)) == 0) {
        entry.ino = entry.change = dir;
        entry.parent = parent;
        mend_put_dir(check, dir, name, &entry);
    } else {
        check->trouble = -ENOMEM;
    }
    entry_release(&entry);
    entry_release(&above);
}

static bool is_rooted(const struct check *check, uint64_t dir)
{
    return dir == STORE_ROOT || check->rooted[dir / 2 % CHECK_ROOTED] == dir;
}

static uint64_t parent_of(struct check *check, uint64_t dir)
{
    struct entry entry;
    if (check_read_dir(check, dir, &entry, NULL) < 0)
        return 0;
    uint64_t parent = entry.parent;
    entry_release(&entry);
    return parent;
}

/* True if the way up comes back to where it was: by Brent, whose mark jumps ahead ever further. A way that ends at a
 * directory which is not there is found at that. */
static bool goes_round(struct check *check, uint64_t dir)
{
    uint64_t at = parent_of(check, dir), mark = dir;
    for (uint64_t steps = 0, until = 1; at && !is_rooted(check, at); at = parent_of(check, at)) {
        if (at == mark)
            return true;
        if (++steps == until) {
            mark = at;
            until *= 2;
            steps = 0;
        }
    }
    if (at)
        check->rooted[dir / 2 % CHECK_ROOTED] = dir;
    return false;
}

static void put_link(struct check *check, uint64_t parent, const char *name, uint64_t dir)
{
    uint8_t row[DIRROW_LINK_SIZE];
    dirrow_put_link(row, dir);
    mend_put(check, FAMILY_DEFAULT, key_name(parent, name), row, sizeof row);
}

/* A directory that is nowhere comes to the root, by a name that nothing else has. */
static void move_to_root(struct check *check, uint64_t dir, const char *name, const struct entry *entry)
{
    char new_name[40];
    struct entry moved = *entry;
    moved.parent = STORE_ROOT;
    snprintf(new_name, sizeof new_name, "lost-%" PRIu64, dir);
    uint64_t link = 0;
    struct entry there = {0};
    if (check_read(check, STORE_ROOT, new_name, &there, &link) != -ENOENT)
        snprintf(new_name, sizeof new_name, "lost-%" PRIu64 "-%" PRId64, dir, store_now_ns(check->db->options));
    entry_release(&there);
    if (check_read(check, entry->parent, name, &there, &link) == 0 && link == dir)
        mend_delete(check, FAMILY_DEFAULT, key_name(entry->parent, name));
    entry_release(&there);
    put_link(check, STORE_ROOT, new_name, dir);
    mend_put_dir(check, dir, new_name, &moved);
}

/* Its name in the directory above it leads back. */
static void check_link_to(struct check *check, uint64_t dir, const char *name, const struct entry *entry)
{
    struct path path;
    struct entry other = {0};
    uint64_t link = 0;
    SCOPED_SLICE row_above = {0};
    int above = check_get(check, FAMILY_DEFAULT, key_self(entry->parent), &row_above);
    int there = check_read(check, entry->parent, name, &other, &link);
    entry_release(&other);
    if (there == -EIO || above == -EIO || (there == 0 && link == dir))
        return;
    bool free_place = above == 0 && there == -ENOENT;
    check_found(check, STORE_FAULT_DIRECTORY, STORE_MENDED,
                free_place ? "the name of the directory %s is missing"
                           : "the directory %s has no place; it comes to the root, as lost-%" PRIu64,
                check_path(check, dir, "", &path), dir);
    if (free_place)
        put_link(check, entry->parent, name, dir);
    else
        move_to_root(check, dir, name, entry);
}

static bool dir_fits(uint64_t dir, const char *name, const struct entry *entry)
{
    bool root = dir == STORE_ROOT;
    return entry->ino == dir && entry->size == 0 && entry->change < CHECK_NUMBER_MAX &&
           is_directory_number(entry->parent) && (root ? !*name && entry->parent == dir : entry_check_name(name) == 0);
}

/* A directory's own row. */
static void check_self(struct check *check, uint64_t dir, const struct slice *key, const struct slice *row)
{
    struct entry entry;
    char name[STORE_NAME_MAX + 1];
    bool decoded = dirrow_decode(row->data, row->size, &entry, name) == 0;
    if (!decoded || strlen(name) != row->data[0] || !dir_fits(dir, name, &entry)) {
        check->uncounted = true;
        check->dir_there = !check->fix || check->round == 0;
        if (decoded)
            entry_release(&entry);
        if (check->fix && check->round == 0 && dir != STORE_ROOT) {
            check->findings++; /* its name may be met yet */
            return;
        }
        check_found(check, STORE_FAULT_ROW, STORE_LOST, "the row of directory %" PRIu64 " is damaged", dir);
        mend_delete_raw(check, FAMILY_DEFAULT, key);
        return;
    }
    check->dir_there = true;
    check_number(check, dir);
    check_number(check, entry.change);
    if (dir == STORE_ROOT) {
        check->root_there = true;
    } else if (goes_round(check, dir)) {
        check_found(check, STORE_FAULT_DIRECTORY, STORE_MENDED,
                    "the directory %s, number %" PRIu64 ", lies in itself; it comes to the root, as lost-%" PRIu64,
                    name, dir, dir);
        move_to_root(check, dir, name, &entry);
        check->counted.directories++;
        check_count_in(check, STORE_ROOT, entry_cost(&entry, strlen(name)), 0);
    } else {
        check->counted.directories++;
        check_count_in(check, entry.parent, entry_cost(&entry, strlen(name)), 0);
        check_link_to(check, dir, name, &entry);
    }
    entry_release(&entry);
}

/* A directory's row in another. */
static void check_link(struct check *check, uint64_t dir, const char *name, const struct slice *key, uint64_t child)
{
    struct entry entry = {0};
    char own_name[STORE_NAME_MAX + 1];
    struct path path;
    int result =
        is_directory_number(child) && child != STORE_ROOT ? check_read_dir(check, child, &entry, own_name) : -ERANGE;
    bool fits = result == 0 && entry.ino == child;
    bool back = fits && entry.parent == dir && strcmp(own_name, name) == 0;
    entry_release(&entry);
    if (result == -EIO || back)
        return;
    if (fits || result == -ERANGE) {
        check_found(check, STORE_FAULT_DIRECTORY, STORE_MENDED, "%s leads to a directory that is elsewhere, or none",
                    check_path(check, dir, name, &path));
        mend_delete_raw(check, FAMILY_DEFAULT, key);
        return;
    }
    check_found(check, STORE_FAULT_DIRECTORY, STORE_MENDED,
                "the row of the directory %s is missing or damaged; made anew, it is closed to all but its owner",
                check_path(check, dir, name, &path));
    make_dir_anew(check, child, name, dir);
}

static void check_root(struct check *check)
{
    if (check->root_there || check->damaged)
        return;
    check_found(check, STORE_FAULT_DIRECTORY, STORE_MENDED,
                "the root's row is missing or damaged; made anew, it is closed to all but its owner");
    make_dir_anew(check, STORE_ROOT, "", STORE_ROOT);
}

/* --- entries ------------------------------------------------------------------------------------------- */

static bool entry_fits(const struct entry *entry)
{
    bool link_fits = entry->kind != ENTRY_SYMLINK || entry->size > 0;
    return entry->kind != ENTRY_DIR && entry->version > 0 && entry->version % 2 == 0 &&
           entry->version < CHECK_NUMBER_MAX && entry->ino < CHECK_NUMBER_MAX && entry->change < CHECK_NUMBER_MAX &&
           link_fits;
}

/* The entry goes, with what leads to it. */
static void drop(struct check *check, enum store_fault fault, uint64_t dir, const char *name, const struct entry *entry,
                 const char *why)
{
    struct path path;
    check->uncounted = true;
    check_found(check, fault, STORE_LOST, "%s %s", check_path(check, dir, name, &path), why);
    mend_delete_entry(check, dir, name, entry);
}

/* Its version leads to it. True if the entry stays. */
static bool check_leads_here(struct check *check, uint64_t dir, const char *name, const struct entry *entry)
{
    struct key place = key_name(dir, name);
    SCOPED_SLICE leads = {0};
    struct path path;
    int result = check_get(check, FAMILY_VERSION, key_version(entry->version), &leads);
    if (result == -EIO || (result == 0 && leads.size == place.size && memcmp(leads.data, place.bytes, place.size) == 0))
        return true;
    char other_name[STORE_NAME_MAX + 1];
    uint64_t other_dir;
    struct entry other;
    bool taken = result == 0 && check_entry_of(check, entry->version, &other_dir, other_name, &other) == 0;
    if (taken)
        entry_release(&other);
    if (taken || (check->fix && check->distrust)) {
        drop(check, STORE_FAULT_VERSION, dir, name, entry,
             taken ? "has a version that another entry has" : "cannot be told to be the newest");
        return false;
    }
    check_found(check, STORE_FAULT_VERSION, STORE_MENDED, "the version of %s does not lead to it",
                check_path(check, dir, name, &path));
    mend_put(check, FAMILY_VERSION, key_version(entry->version), place.bytes, place.size);
    return true;
}

static bool check_has_deadline(struct check *check, uint64_t dir, const char *name, const struct entry *entry)
{
    int64_t deadline_ms = entry_deadline_ms(entry);
    SCOPED_SLICE row = {0};
    struct path path;
    if (deadline_ms == INT64_MAX ||
        check_get(check, FAMILY_DEADLINE, key_deadline(deadline_ms, entry->version), &row) != -ENOENT)
        return true;
    if (check->fix && check->distrust) {
        drop(check, STORE_FAULT_DEADLINE, dir, name, entry, "cannot be told to be the newest");
        return false;
    }
    check_found(check, STORE_FAULT_DEADLINE, STORE_MENDED, "the deadline of %s is missing from the queue",
                check_path(check, dir, name, &path));
    mend_put(check, FAMILY_DEADLINE, key_deadline(deadline_ms, entry->version), "", 0);
    return true;
}

static bool check_has_tags(struct check *check, uint64_t dir, const char *name, const struct entry *entry)
{
    size_t position = 0, size;
    const char *tag;
    struct path path;
    uint8_t since[8];
    put_u64(since, entry->change);
    while (entry->tags_size > 0 && entry_tag_next(entry->tags, &position, &tag, &size)) {
        SCOPED_SLICE row = {0};
        if (check_get(check, FAMILY_TAG, key_tag(tag, size, entry->version), &row) != -ENOENT)
            continue;
        if (check->fix && check->distrust) {
            drop(check, STORE_FAULT_TAG, dir, name, entry, "cannot be told to be the newest");
            return false;
        }
        check_found(check, STORE_FAULT_TAG, STORE_MENDED, "%s is not listed under its tag %.*s",
                    check_path(check, dir, name, &path), (int)size, tag);
        mend_put(check, FAMILY_TAG, key_tag(tag, size, entry->version), since, sizeof since);
    }
    return true;
}

/* With files lost: whether all of its value is there. What never was written, a hole, cannot be told from that. */
static bool check_is_whole(struct check *check, uint64_t dir, const char *name, const struct entry *entry)
{
    if (!check->fix || !check->distrust || entry->kind != ENTRY_FILE || entry->value)
        return true;
    bool whole = true;
    for (uint64_t start = 0, chunk = 0; whole && start < entry->size; start += check->chunk_bytes, chunk++) {
        SCOPED_SLICE row = {0};
        uint64_t rest = entry->size - start;
        int result = check_get(check, FAMILY_DATA, key_chunk(entry->version, chunk), &row);
        if (result == -EIO)
            return true;
        whole = result == 0 && row.size == (rest < check->chunk_bytes ? rest : check->chunk_bytes);
    }
    if (!whole)
        drop(check, STORE_FAULT_CHUNK, dir, name, entry, "has lost a part of its value");
    return whole;
}

static void check_entry(struct check *check, uint64_t dir, const char *name, const struct slice *key,
                        const struct slice *row)
{
    struct entry entry;
    struct path path;
    bool decoded = entry_decode(row->data, row->size, true, &entry) == 0;
    if (!decoded || !entry_fits(&entry)) {
        check->uncounted = true;
        check_found(check, STORE_FAULT_ROW, STORE_LOST, "the row of %s is damaged",
                    check_path(check, dir, name, &path));
        mend_delete_raw(check, FAMILY_DEFAULT, key);
    } else if (check_leads_here(check, dir, name, &entry) && check_has_deadline(check, dir, name, &entry) &&
               check_has_tags(check, dir, name, &entry) && check_is_whole(check, dir, name, &entry)) {
        check_number(check, entry.version);
        check_number(check, entry.ino);
        check_number(check, entry.change);
        check_count_in(check, dir, entry_cost(&entry, strlen(name)), 1);
    }
    if (decoded)
        entry_release(&entry);
}

/* --- the walk ------------------------------------------------------------------------------------------ */

/* What is in a directory that has no row. Of a directory it is the name that goes, and then it in the same way. */
static void check_stray(struct check *check, uint64_t dir, const char *name, const struct slice *key)
{
    struct path path;
    check->uncounted = true;
    if (check->fix && check->round == 0) {
        check->findings++;
        return;
    }
    check_found(check, STORE_FAULT_DIRECTORY, STORE_LOST, "%s is in a directory that is none",
                check_path(check, dir, name, &path));
    mend_delete_raw(check, FAMILY_DEFAULT, key);
}

static void check_named(struct check *check, uint64_t dir, const struct slice *key, const struct slice *row)
{
    char name[STORE_NAME_MAX + 1];
    uint64_t child;
    bool is_place = key_place(key->data, key->size, &dir, name) && strlen(name) == key->size - 8 &&
                    entry_check_name(name) == 0 && is_directory_number(dir);
    if (!is_place) {
        check->uncounted = true;
        check_found(check, STORE_FAULT_ROW, STORE_LOST, "a row in directory %" PRIu64 " has a name that is none", dir);
        mend_delete_raw(check, FAMILY_DEFAULT, key);
    } else if (!check->dir_there) {
        check_stray(check, dir, name, key);
    } else if (dirrow_get_link(row->data, row->size, &child)) {
        check_link(check, dir, name, key, child);
    } else {
        check_entry(check, dir, name, key, row);
    }
}

static void check_one(struct check *check, const struct slice *key, const struct slice *row)
{
    if (key->size < 8) {
        check_found(check, STORE_FAULT_ROW, STORE_MENDED, "a row has a key of %zu bytes", key->size);
        mend_delete_raw(check, FAMILY_DEFAULT, key);
        return;
    }
    uint64_t dir = get_u64(key->data);
    if (dir != check->dir) {
        check->dir = dir;
        check->dir_there = dir == STORE_ROOT; /* that is never given up */
    }
    if (dir == 0)
        check_row_of_store(check, key, row);
    else if (key->size == 8)
        check_self(check, dir, key, row);
    else
        check_named(check, dir, key, row);
}

int check_names(struct check *check)
{
    SCOPED_WALK walk;
    struct slice key, row;
    for (view_walk(&check->view, FAMILY_DEFAULT, &walk); walk_get(&walk, &key, &row) && check_goes_on(check);
         walk_next(&walk))
        check_one(check, &key, &row);
    check_count_up(check);
    if (view_walk_error(&walk) < 0)
        check_unreadable(check);
    else if (check->trouble == 0)
        check_root(check);
    return 0;
}
