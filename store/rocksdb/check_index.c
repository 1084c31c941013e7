/* SPDX-License-Identifier: MIT */
/* check_index.c - the families that lead to entries, and values: each row belongs to an entry; see checking.h. */
#include "checking.h"

#include <errno.h>
#include <inttypes.h>

/* Walks a family; `one` judges a row. */
static int walk_family(struct check *check, enum family family,
                       void (*one)(struct check *check, const struct slice *key, const struct slice *row))
{
    SCOPED_WALK walk;
    struct slice key, row;
    for (view_walk(&check->view, family, &walk); walk_get(&walk, &key, &row) && check_goes_on(check); walk_next(&walk))
        one(check, &key, &row);
    if (view_walk_error(&walk) < 0)
        check_unreadable(check);
    return 0;
}

static void drop(struct check *check, enum family family, const struct slice *key, enum store_fault fault,
                 const char *what, uint64_t version)
{
    check_found(check, fault, STORE_MENDED, "%s of version %" PRIu64 ", which no entry has so", what, version);
    mend_delete_raw(check, family, key);
}

/* --- version ------------------------------------------------------------------------------------------- */

/* With files lost this tells which entry was. */
static void check_version(struct check *check, const struct slice *key, const struct slice *row)
{
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    struct path path;
    struct entry entry;
    uint64_t version = key->size == 8 ? get_u64(key->data) : 0;
    if (!check->ids_there && version < CHECK_NUMBER_MAX) /* it was given out, whoever had it */
        check_number(check, version);
    int result = version ? check_entry_of(check, version, &dir, name, &entry) : -ENOENT;
    if (result == 0) {
        check_number(check, version);
        entry_release(&entry);
    } else if (result == -ENOENT) {
        bool place = key_place(row->data, row->size, &dir, name) && strlen(name) == row->size - 8;
        uint64_t link;
        struct entry other = {0};
        bool gone = place && check->fix && check->distrust && check_read(check, dir, name, &other, &link) == -ENOENT;
        entry_release(&other);
        check_found(check, STORE_FAULT_VERSION, gone ? STORE_LOST : STORE_MENDED,
                    gone ? "%s is lost" : "a version leads to %s, which does not have it",
                    place ? check_path(check, dir, name, &path) : "nothing");
        mend_delete_raw(check, FAMILY_VERSION, key);
    }
}

int check_versions(struct check *check)
{
    return walk_family(check, FAMILY_VERSION, check_version);
}

/* --- data ---------------------------------------------------------------------------------------------- */

/* The version whose chunks the walk is at. */
struct value_at {
    uint64_t version, size;
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    bool known, there; /* there is an entry that has it, in chunks; known: or there is none */
};

/* In use it may be one that is being written, or was just let go. */
static void suspect(struct check *check, uint64_t version)
{
    if (check->suspects_count == CHECK_SUSPECTS)
        check_suspects(check);
    check->suspects[check->suspects_count++] = version;
}

static void begin_value(struct check *check, uint64_t version, struct value_at *at)
{
    struct entry entry;
    *at = (struct value_at){.version = version};
    int result = check_entry_of(check, version, &at->dir, at->name, &entry);
    at->known = result == 0 || result == -ENOENT;
    at->there = result == 0 && !entry.value;
    if (result == 0) {
        at->size = at->there ? entry.size : 0;
        entry_release(&entry);
    }
    if (result != -ENOENT && (result < 0 || at->there))
        return;
    if (check->engine && result == -ENOENT) {
        suspect(check, version);
        return;
    }
    check_found(check, STORE_FAULT_CHUNK, STORE_MENDED, "chunks of version %" PRIu64 ", which no entry has in chunks",
                version);
    if (version < UINT64_MAX)
        mend_delete_chunks(check, version, 0);
}

/* What a chunk may be long; less is zeroes. */
static void check_chunk(struct check *check, const struct value_at *at, uint64_t chunk, const struct slice *row)
{
    struct path path;
    bool within = chunk <= at->size / check->chunk_bytes;
    uint64_t start = within ? chunk * check->chunk_bytes : 0, rest = within ? at->size - start : 0;
    uint64_t most = rest < check->chunk_bytes ? rest : check->chunk_bytes;
    if (row->size <= most && most > 0)
        return;
    const char *name = check_path(check, at->dir, at->name, &path);
    check_found(check, STORE_FAULT_CHUNK, STORE_MENDED, "chunk %" PRIu64 " of %s reaches past its end", chunk, name);
    if (most == 0)
        mend_delete(check, FAMILY_DATA, key_chunk(at->version, chunk));
    else
        mend_put(check, FAMILY_DATA, key_chunk(at->version, chunk), row->data, (size_t)most);
}

/* One that is larger than any: nobody knows what of it is the value. */
static void drop_value(struct check *check, const struct value_at *at)
{
    struct path path;
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    struct entry entry;
    if (check_entry_of(check, at->version, &dir, name, &entry) < 0)
        return;
    check_found(check, STORE_FAULT_CHUNK, STORE_LOST, "%s has a chunk larger than all are",
                check_path(check, dir, name, &path));
    mend_delete_entry(check, dir, name, &entry);
    entry_release(&entry);
}

int check_data(struct check *check)
{
    struct value_at at = {0};
    SCOPED_WALK walk;
    struct slice key, row;
    for (view_walk(&check->view, FAMILY_DATA, &walk); walk_get(&walk, &key, &row) && check_goes_on(check);
         walk_next(&walk)) {
        check->seen.value_bytes += row.size;
        if (key.size != 16) {
            check_found(check, STORE_FAULT_CHUNK, STORE_MENDED, "a chunk has a key of %zu bytes", key.size);
            mend_delete_raw(check, FAMILY_DATA, &key);
            continue;
        }
        if (get_u64(key.data) != at.version)
            begin_value(check, get_u64(key.data), &at);
        if (at.there && row.size > check->chunk_bytes)
            drop_value(check, &at);
        else if (at.there)
            check_chunk(check, &at, get_u64(key.data + 8), &row);
    }
    if (view_walk_error(&walk) < 0)
        check_unreadable(check);
    if (check->trouble == 0)
        check_suspects(check);
    return 0;
}

/* --- deadline and tag ---------------------------------------------------------------------------------- */

static void check_deadline(struct check *check, const struct slice *key, const struct slice *row)
{
    uint64_t dir, version = key->size == 16 ? get_u64(key->data + 8) : 0;
    char name[STORE_NAME_MAX + 1];
    struct entry entry;
    int result = version ? check_entry_of(check, version, &dir, name, &entry) : -ENOENT;
    bool meant = result == -EIO;
    if (result == 0) {
        int64_t deadline_ms = entry_deadline_ms(&entry);
        meant = deadline_ms != INT64_MAX && (uint64_t)deadline_clamp(deadline_ms) == get_u64(key->data);
        entry_release(&entry);
    }
    if (!meant) {
        drop(check, FAMILY_DEADLINE, key, STORE_FAULT_DEADLINE, "a deadline", version);
    } else if (row->size > 0) {
        check_found(check, STORE_FAULT_DEADLINE, STORE_MENDED, "the deadline of version %" PRIu64 " is not empty",
                    version);
        mend_put(check, FAMILY_DEADLINE, key_deadline((int64_t)get_u64(key->data), version), "", 0);
    }
}

int check_deadlines(struct check *check)
{
    return walk_family(check, FAMILY_DEADLINE, check_deadline);
}

static void check_tag(struct check *check, const struct slice *key, const struct slice *row)
{
    bool key_fits = key->size >= 10 && key->size <= STORE_TAG_MAX + 9 && key->data[key->size - 9] == '\0' &&
                    strlen((const char *)key->data) == key->size - 9;
    uint64_t dir, version = key_fits ? get_u64(key->data + key->size - 8) : 0;
    const char *tag = (const char *)key->data;
    char name[STORE_NAME_MAX + 1];
    struct entry entry;
    int result = key_fits ? check_entry_of(check, version, &dir, name, &entry) : -ENOENT;
    if (result == -EIO)
        return;
    if (result == -ENOENT || !entry_has_tag(&entry, tag)) {
        drop(check, FAMILY_TAG, key, STORE_FAULT_TAG, "a tag", version);
    } else if (row->size != 0 && (row->size != 8 || get_u64(row->data) > entry.change)) {
        struct path path;
        uint8_t since[8];
        put_u64(since, entry.change);
        check_found(check, STORE_FAULT_TAG, STORE_MENDED, "when %s got its tag %s cannot be told",
                    check_path(check, dir, name, &path), tag);
        mend_put(check, FAMILY_TAG, key_tag(tag, strlen(tag), version), since, sizeof since);
    }
    if (result == 0)
        entry_release(&entry);
}

int check_tags(struct check *check)
{
    return walk_family(check, FAMILY_TAG, check_tag);
}
