/* SPDX-License-Identifier: MIT */
/* findings.c - what a check says and does about what it finds; see checking.h. */
#include "checking.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- saying it ----------------------------------------------------------------------------------------- */

static void count(struct check *check, enum store_remedy remedy)
{
    check->findings++;
    if (remedy == STORE_LEFT)
        check->done->left++;
    else if (remedy == STORE_MENDED)
        check->done->mended++;
    else
        check->done->lost++;
}

void check_found(struct check *check, enum store_fault fault, enum store_remedy mended, const char *format, ...)
{
    char text[1400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct store_finding finding = {.fault = fault, .remedy = check->fix ? mended : STORE_LEFT, .text = text};
    count(check, finding.remedy);
    if (check->watch->found)
        check->watch->found(check->watch->arg, &finding);
}

/* Which is said once, however many rows of one block are looked up. */
void check_unreadable(struct check *check)
{
    const char *text = db_last_error();
    uint64_t hash = 14695981039346656037u;
    for (const char *at = text; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 1099511628211u;
    check->damaged = true;
    for (unsigned i = 0; i < check->told_count; i++)
        if (check->told[i] == hash)
            return;
    if (check->told_count == CHECK_TOLD)
        return;
    check->told[check->told_count++] = hash;
    check_found(check, STORE_FAULT_FILE, STORE_LOST, "%s", text);
}

/* --- paths --------------------------------------------------------------------------------------------- */

/* Puts a name in front of a path that ends at `end`, and begins at *at. False when there is no room. */
static bool prepend(char *begin, char **at, const char *name)
{
    char clean[4 * STORE_NAME_MAX + 2] = "/", *to = clean + 1;
    for (; *name; name++) {
        unsigned char byte = (unsigned char)*name;
        bool plain = byte >= 0x20 && byte != 0x7f && byte != '\\';
        to += plain ? (*to = *name, 1) : sprintf(to, "\\x%02x", byte);
    }
    size_t size = (size_t)(to - clean);
    if ((size_t)(*at - begin) < size)
        return false;
    *at -= size;
    memcpy(*at, clean, size);
    return true;
}

const char *check_path(struct check *check, uint64_t dir, const char *name, struct path *path)
{
    enum { DEPTH_MAX = 256, HEAD = 40 }; /* room for what stands for the rest */
    char *at = path->text + sizeof path->text - 1, number[HEAD], up[STORE_NAME_MAX + 1];
    *at = '\0';
    bool fits = !*name || prepend(path->text + HEAD, &at, name);
    for (int depth = 0; fits && dir != STORE_ROOT && depth < DEPTH_MAX; depth++) {
        struct entry entry;
        struct slice row = {0};
        struct key key = key_self(dir);
        int result = view_get(&check->view, FAMILY_DEFAULT, &key, &row);
        if (result == 0)
            result = dirrow_decode(row.data, row.size, &entry, up);
        slice_release(&row);
        if (result < 0)
            break;
        uint64_t parent = entry.parent;
        entry_release(&entry);
        fits = prepend(path->text + HEAD, &at, up);
        dir = parent;
    }
    if (dir != STORE_ROOT || !fits) {
        int size = snprintf(number, sizeof number, fits ? "(directory %llu)" : "...", (unsigned long long)dir);
        at = memcpy(at - size, number, (size_t)size);
    } else if (!*at) {
        at = strcpy(path->text, "/");
    }
    return at;
}

/* --- mending ------------------------------------------------------------------------------------------- */

/* The first that fails ends the check. */
static void noted(struct check *check, int result)
{
    if (result < 0 && check->trouble == 0)
        check->trouble = result;
}

void mend_put(struct check *check, enum family family, struct key key, const void *row, size_t size)
{
    if (check->fix)
        noted(check, db_put(check->db, family, &key, row, size));
}

static void write_batch(struct check *check, rocksdb_writebatch_t *batch)
{
    noted(check, db_write(check->db, batch));
    rocksdb_writebatch_destroy(batch);
}

void mend_delete_raw(struct check *check, enum family family, const struct slice *key)
{
    if (!check->fix)
        return;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writebatch_delete_cf(batch, check->db->families[family], (const char *)key->data, key->size);
    write_batch(check, batch);
}

void mend_delete(struct check *check, enum family family, struct key key)
{
    struct slice raw = {.data = key.bytes, .size = key.size};
    mend_delete_raw(check, family, &raw);
}

void mend_delete_chunks(struct check *check, uint64_t version, uint64_t first)
{
    if (!check->fix)
        return;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    struct key from = key_chunk(version, first), end = key_chunk(version + 1, 0);
    db_batch_delete_range(check->db, batch, FAMILY_DATA, &from, &end);
    write_batch(check, batch);
}

static void delete_tags(struct check *check, const struct entry *entry)
{
    size_t position = 0, size;
    const char *tag;
    while (entry->tags_size > 0 && entry_tag_next(entry->tags, &position, &tag, &size))
        if (size <= STORE_TAG_MAX)
            mend_delete(check, FAMILY_TAG, key_tag(tag, size, entry->version));
}

void mend_delete_entry(struct check *check, uint64_t dir, const char *name, const struct entry *entry)
{
    struct key place = key_name(dir, name);
    struct slice leads = {0};
    mend_delete(check, FAMILY_DEFAULT, place);
    if (check_get(check, FAMILY_VERSION, key_version(entry->version), &leads) == 0 && leads.size == place.size &&
        memcmp(leads.data, place.bytes, place.size) == 0) {
        mend_delete(check, FAMILY_VERSION, key_version(entry->version));
        mend_delete(check, FAMILY_DEADLINE, key_deadline(entry_deadline_ms(entry), entry->version));
        delete_tags(check, entry);
        if (!entry->value && entry->version < UINT64_MAX)
            mend_delete_chunks(check, entry->version, 0);
    }
    slice_release(&leads);
}

void mend_put_dir(struct check *check, uint64_t dir, const char *name, const struct entry *entry)
{
    uint8_t *row;
    size_t size;
    int result = check->fix ? dirrow_encode(entry, name, &row, &size) : 0;
    noted(check, result);
    if (!check->fix || result < 0)
        return;
    mend_put(check, FAMILY_DEFAULT, key_self(dir), row, size);
    free(row);
}
