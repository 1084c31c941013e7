/* SPDX-License-Identifier: MIT */
/* entry.c - see entry.h. The row's layout stands in FORMAT.md; every number is big-endian. */
#include "entry.h"
#include "bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000

/* --- memory -------------------------------------------------------------------------------------------- */

/* Copies everything variable into one block the entry owns, and frees the one it owned before. */
static int own(struct entry *entry)
{
    size_t size = entry->tags_size + 1 + entry->xattrs_size + (entry->value ? entry->value_size : 0);
    uint8_t *memory = malloc(size);
    if (!memory)
        return -ENOMEM;
    uint8_t *at = memory;
    if (entry->tags_size > 0)
        memcpy(at, entry->tags, entry->tags_size);
    entry->tags = (char *)at;
    at += entry->tags_size;
    *at++ = '\0';
    if (entry->xattrs_size > 0)
        memcpy(at, entry->xattrs, entry->xattrs_size);
    entry->xattrs = at;
    at += entry->xattrs_size;
    if (entry->value) {
        memcpy(at, entry->value, entry->value_size);
        entry->value = at;
    }
    free(entry->memory);
    entry->memory = memory;
    return 0;
}

void entry_release(struct entry *entry)
{
    free(entry->memory);
    *entry = (struct entry){0};
}

int entry_copy(const struct entry *entry, bool with_value, struct entry *ret_entry)
{
    struct entry copy = *entry;
    copy.memory = NULL;
    if (!with_value && copy.kind != ENTRY_SYMLINK) {
        copy.value = NULL;
        copy.value_size = 0;
    }
    int result = own(&copy);
    if (result == 0)
        *ret_entry = copy;
    return result;
}

int entry_set_value(struct entry *entry, const void *value, size_t size)
{
    struct entry changed = *entry;
    changed.value = value;
    changed.value_size = value ? size : 0;
    int result = own(&changed);
    if (result == 0)
        *entry = changed;
    return result;
}

/* --- encoding ------------------------------------------------------------------------------------------ */

enum { ROW_HAS_VALUE = 1 };

size_t entry_row_size(const struct entry *entry)
{
    return ENTRY_ROW_HEAD + entry->tags_size + entry->xattrs_size + (entry->value ? entry->value_size : 0);
}

void entry_encode(const struct entry *entry, uint8_t *row)
{
    row[0] = (uint8_t)entry->kind;
    row[1] = entry->value ? ROW_HAS_VALUE : 0;
    put_u16(row + 2, (uint16_t)entry->mode);
    put_u32(row + 4, entry->uid);
    put_u32(row + 8, entry->gid);
    put_u64(row + 12, entry->ino);
    put_u64(row + 20, entry->kind == ENTRY_DIR ? entry->parent : entry->version);
    put_u64(row + 28, entry->change);
    put_u64(row + 36, entry->size);
    put_u64(row + 44, entry->hits);
    put_u64(row + 52, (uint64_t)entry->atime_ns);
    put_u64(row + 60, (uint64_t)entry->mtime_ns);
    put_u64(row + 68, (uint64_t)entry->ctime_ns);
    put_u64(row + 76, (uint64_t)entry->btime_ns);
    put_u64(row + 84, entry->ttl_ms);
    put_u64(row + 92, entry->idle_ms);
    put_u64(row + 100, (uint64_t)entry->expires_ms);
    put_u64(row + 108, (uint64_t)entry->used_ms);
    put_u16(row + 116, (uint16_t)entry->tags_size);
    put_u32(row + 118, (uint32_t)entry->xattrs_size);
    uint8_t *at = row + ENTRY_ROW_HEAD;
    if (entry->tags_size > 0)
        memcpy(at, entry->tags, entry->tags_size);
    at += entry->tags_size;
    if (entry->xattrs_size > 0)
        memcpy(at, entry->xattrs, entry->xattrs_size);
    at += entry->xattrs_size;
    if (entry->value && entry->value_size > 0)
        memcpy(at, entry->value, entry->value_size);
}

/* True when packed attributes end exactly where they should, so that walking them needs no checks. */
static bool xattrs_well_formed(const uint8_t *xattrs, size_t size)
{
    while (size > 0) {
        if (size < 5)
            return false;
        uint64_t whole = 5 + (uint64_t)xattrs[0] + get_u32(xattrs + 1);
        if (xattrs[0] == 0 || whole > size || memchr(xattrs + 5, '\0', xattrs[0]))
            return false;
        xattrs += whole;
        size -= whole;
    }
    return true;
}

/* "." and "..": the first stores of this format had such tags. */
static bool is_dots(const char *tag, size_t size)
{
    return (size == 1 || size == 2) && memcmp(tag, "..", size) == 0;
}

/* True when tags are as clean_tags() leaves them, but for duplicates, which do no harm: others rely on how long and how many
 * they can be. `tags` has a NUL behind it. */
static bool tags_well_formed(const char *tags, size_t size)
{
    size_t position = 0, tag_size, count = 0;
    const char *tag;
    while (entry_tag_next(tags, &position, &tag, &tag_size))
        if ((entry_check_tag(tag, tag_size) < 0 && !is_dots(tag, tag_size)) || ++count > STORE_TAGS_MAX)
            return false;
    return size == 0 || tags[size - 1] != ',';
}

int entry_decode(const uint8_t *row, size_t size, bool with_value, struct entry *ret_entry)
{
    if (size < ENTRY_ROW_HEAD || row[0] < ENTRY_FILE || row[0] > ENTRY_SYMLINK || row[1] > ROW_HAS_VALUE)
        return -EUCLEAN;
    struct entry entry = {
        .kind = (enum entry_kind)row[0],
        .mode = get_u16(row + 2),
        .uid = get_u32(row + 4),
        .gid = get_u32(row + 8),
        .ino = get_u64(row + 12),
        .change = get_u64(row + 28),
        .size = get_u64(row + 36),
        .hits = get_u64(row + 44),
        .atime_ns = (int64_t)get_u64(row + 52),
        .mtime_ns = (int64_t)get_u64(row + 60),
        .ctime_ns = (int64_t)get_u64(row + 68),
        .btime_ns = (int64_t)get_u64(row + 76),
        .ttl_ms = get_u64(row + 84),
        .idle_ms = get_u64(row + 92),
        .expires_ms = (int64_t)get_u64(row + 100),
        .used_ms = (int64_t)get_u64(row + 108),
        .tags_size = get_u16(row + 116),
        .xattrs_size = get_u32(row + 118),
    };
    if (entry.kind == ENTRY_DIR)
        entry.parent = get_u64(row + 20);
    else
        entry.version = get_u64(row + 20);

    size_t rest = size - ENTRY_ROW_HEAD;
    if (entry.mode > 07777 || entry.size > INT64_MAX || entry.tags_size > rest ||
        entry.xattrs_size > rest - entry.tags_size)
        return -EUCLEAN;
    rest -= entry.tags_size + entry.xattrs_size;
    entry.tags = (const char *)row + ENTRY_ROW_HEAD;
    entry.xattrs = row + ENTRY_ROW_HEAD + entry.tags_size;
    bool has_value = row[1] & ROW_HAS_VALUE;
    /* A link has its target in the row, a directory has no value, a file's may be here or in chunks. */
    bool kind_fits = entry.kind == ENTRY_FILE || has_value == (entry.kind == ENTRY_SYMLINK);
    if (!kind_fits || rest != (has_value ? entry.size : 0) || memchr(entry.tags, '\0', entry.tags_size) ||
        entry.xattrs_size > STORE_XATTRS_MAX || !xattrs_well_formed(entry.xattrs, entry.xattrs_size))
        return -EUCLEAN;
    const uint8_t *value = entry.xattrs + entry.xattrs_size;
    if (entry.kind == ENTRY_SYMLINK && (rest > STORE_TARGET_MAX || memchr(value, '\0', rest)))
        return -EUCLEAN;
    if (has_value && (with_value || entry.kind == ENTRY_SYMLINK)) {
        entry.value = value;
        entry.value_size = rest;
    }
    int result = own(&entry);
    if (result == 0 && !tags_well_formed(entry.tags, entry.tags_size)) {
        free(entry.memory);
        result = -EUCLEAN;
    }
    if (result == 0)
        *ret_entry = entry;
    return result;
}

/* --- extended attributes ------------------------------------------------------------------------------- */

bool entry_xattr_next(const struct entry *entry, size_t *position, const char **ret_name, size_t *ret_name_size,
                      const uint8_t **ret_value, size_t *ret_value_size)
{
    if (*position >= entry->xattrs_size)
        return false;
    const uint8_t *at = entry->xattrs + *position;
    *ret_name_size = at[0];
    *ret_value_size = get_u32(at + 1);
    *ret_name = (const char *)at + 5;
    *ret_value = at + 5 + *ret_name_size;
    *position += 5 + *ret_name_size + *ret_value_size;
    return true;
}

/* Where an attribute stands in the packed ones: its offset, and in *ret_size how many bytes it takes; SIZE_MAX if
 * it is not there. */
static size_t xattr_find(const struct entry *entry, const char *name, size_t *ret_size)
{
    size_t wanted = strlen(name), position = 0, start = 0, name_size, value_size;
    const char *found;
    const uint8_t *value;
    while (entry_xattr_next(entry, &position, &found, &name_size, &value, &value_size)) {
        if (name_size == wanted && memcmp(found, name, wanted) == 0) {
            *ret_size = position - start;
            return start;
        }
        start = position;
    }
    return SIZE_MAX;
}

int entry_xattr_get(const struct entry *entry, const char *name, const uint8_t **ret_value, size_t *ret_value_size)
{
    size_t size, start = xattr_find(entry, name, &size);
    if (start == SIZE_MAX)
        return -ENODATA;
    const uint8_t *at = entry->xattrs + start;
    *ret_value = at + 5 + at[0];
    *ret_value_size = get_u32(at + 1);
    return 0;
}

/* Builds the packed attributes as the change wants them, in fresh memory the caller frees. */
static int xattrs_changed(const struct entry *entry, const struct entry_change *change, uint8_t **ret_xattrs,
                          size_t *ret_size)
{
    size_t old_size = 0, start = xattr_find(entry, change->xattr_name, &old_size);
    bool there = start != SIZE_MAX;
    if (change->xattr_how == ENTRY_XATTR_CREATE && there)
        return -EEXIST;
    if ((change->xattr_how == ENTRY_XATTR_REPLACE || change->xattr_how == ENTRY_XATTR_REMOVE) && !there)
        return -ENODATA;

    bool keep = change->xattr_how != ENTRY_XATTR_REMOVE;
    size_t name_size = strlen(change->xattr_name);
    if (keep && change->xattr_size > STORE_XATTRS_MAX)
        return -ENOSPC;
    size_t new_size = keep ? 5 + name_size + change->xattr_size : 0;
    size_t rest = entry->xattrs_size - old_size;
    if (keep && rest + new_size > STORE_XATTRS_MAX)
        return -ENOSPC;

    uint8_t *xattrs = malloc(rest + new_size + 1);
    if (!xattrs)
        return -ENOMEM;
    size_t before = there ? start : entry->xattrs_size;
    uint8_t *at = xattrs;
    if (before > 0)
        at = (uint8_t *)memcpy(at, entry->xattrs, before) + before;
    if (keep) {
        at[0] = (uint8_t)name_size;
        put_u32(at + 1, (uint32_t)change->xattr_size);
        memcpy(at + 5, change->xattr_name, name_size);
        if (change->xattr_size > 0)
            memcpy(at + 5 + name_size, change->xattr_value, change->xattr_size);
        at += new_size;
    }
    if (rest > before)
        memcpy(at, entry->xattrs + before + old_size, rest - before);
    *ret_xattrs = xattrs;
    *ret_size = rest + new_size;
    return 0;
}

/* --- tags ---------------------------------------------------------------------------------------------- */

bool entry_tag_next(const char *tags, size_t *position, const char **ret_tag, size_t *ret_size)
{
    const char *at = tags + *position;
    if (*at == '\0')
        return false;
    *ret_tag = at;
    *ret_size = strcspn(at, ",");
    *position += *ret_size + (at[*ret_size] == ',');
    return true;
}

static bool has_tag(const char *tags, const char *tag, size_t size)
{
    size_t position = 0, found_size;
    const char *found;
    while (entry_tag_next(tags, &position, &found, &found_size))
        if (found_size == size && memcmp(found, tag, size) == 0)
            return true;
    return false;
}

bool entry_has_tag(const struct entry *entry, const char *tag)
{
    return entry->tags_size > 0 && has_tag(entry->tags, tag, strlen(tag));
}

/* "." and ".." are left out since they could not name a directory of what has the tag. */
int entry_check_tag(const char *tag, size_t size)
{
    if (size == 0 || size > STORE_TAG_MAX)
        return -EINVAL;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)tag[i] < 0x20 || tag[i] == 0x7f || tag[i] == '/' || tag[i] == ',')
            return -EINVAL;
    return (size == 1 && tag[0] == '.') || (size == 2 && tag[0] == '.' && tag[1] == '.') ? -EINVAL : 0;
}

/* Checks tags and writes them without duplicates to `clean`, which has room for all of them and a NUL. */
static int clean_tags(const char *tags, char *clean)
{
    size_t position = 0, size, used = 0, count = 0;
    const char *tag;
    clean[0] = '\0';
    if (tags[0] != '\0' && tags[strlen(tags) - 1] == ',')
        return -EINVAL;
    while (entry_tag_next(tags, &position, &tag, &size)) {
        if (entry_check_tag(tag, size) < 0)
            return -EINVAL;
        if (has_tag(clean, tag, size))
            continue;
        if (++count > STORE_TAGS_MAX)
            return -EINVAL;
        if (used > 0)
            clean[used++] = ',';
        memcpy(clean + used, tag, size);
        used += size;
        clean[used] = '\0';
    }
    return 0;
}

/* --- time ---------------------------------------------------------------------------------------------- */

static bool is_lifetime(uint64_t ms)
{
    return ms != ENTRY_UNSET && ms != ENTRY_FOREVER;
}

/* The moment `ms` after `from`, INT64_MAX where that is past all time. */
static int64_t later(int64_t from_ms, uint64_t ms)
{
    int64_t result;
    return ms > INT64_MAX || __builtin_add_overflow(from_ms, (int64_t)ms, &result) ? INT64_MAX : result;
}

int64_t entry_deadline_ms(const struct entry *entry)
{
    if (entry->kind == ENTRY_DIR)
        return INT64_MAX;
    int64_t deadline = entry->expires_ms ? entry->expires_ms : INT64_MAX;
    if (is_lifetime(entry->idle_ms)) {
        int64_t idle_end = later(entry->used_ms, entry->idle_ms);
        if (idle_end < deadline)
            deadline = idle_end;
    }
    return deadline;
}

bool entry_alive(const struct entry *entry, int64_t now_ms)
{
    return now_ms < entry_deadline_ms(entry);
}

void entry_restart(struct entry *entry, int64_t now_ms)
{
    entry->used_ms = now_ms;
    entry->expires_ms = entry->kind != ENTRY_DIR && is_lifetime(entry->ttl_ms) ? later(now_ms, entry->ttl_ms) : 0;
}

/* --- making and changing ------------------------------------------------------------------------------- */

bool entry_defaults_take(struct entry_defaults *defaults, const struct entry *dir)
{
    if (defaults->ttl_ms == ENTRY_UNSET)
        defaults->ttl_ms = dir->ttl_ms;
    if (defaults->idle_ms == ENTRY_UNSET)
        defaults->idle_ms = dir->idle_ms;
    if (!defaults->tags && dir->tags_size > 0)
        defaults->tags = dir->tags;
    return defaults->ttl_ms != ENTRY_UNSET && defaults->idle_ms != ENTRY_UNSET && defaults->tags;
}

int entry_init(struct entry *entry, enum entry_kind kind, uint32_t mode, uint32_t uid, uint32_t gid,
               const struct entry_defaults *defaults, int64_t now_ns)
{
    struct entry made = {
        .kind = kind,
        .mode = mode,
        .uid = uid,
        .gid = gid,
        .atime_ns = now_ns,
        .mtime_ns = now_ns,
        .ctime_ns = now_ns,
        .btime_ns = now_ns,
    };
    if (defaults) {
        made.ttl_ms = defaults->ttl_ms;
        made.idle_ms = defaults->idle_ms;
        made.tags = defaults->tags;
        made.tags_size = made.tags ? strlen(made.tags) : 0;
    }
    entry_restart(&made, now_ns / NS_PER_MS);
    int result = own(&made);
    if (result == 0)
        *entry = made;
    return result;
}

/* The fields that need no memory. */
static void apply_fields(struct entry *entry, const struct entry_change *change, int64_t now_ns)
{
    if (change->set & ENTRY_SET_MODE)
        entry->mode = change->mode & 07777;
    if (change->set & ENTRY_SET_UID)
        entry->uid = change->uid;
    if (change->set & ENTRY_SET_GID)
        entry->gid = change->gid;
    if (change->set & ENTRY_SET_ATIME)
        entry->atime_ns = change->atime_ns;
    if (change->set & ENTRY_SET_MTIME)
        entry->mtime_ns = change->mtime_ns;
    if (change->set & ENTRY_SET_TTL)
        entry->ttl_ms = change->ttl_ms;
    if (change->set & ENTRY_SET_IDLE)
        entry->idle_ms = change->idle_ms;
    if (change->set & (ENTRY_SET_TTL | ENTRY_RESTART))
        entry_restart(entry, now_ns / NS_PER_MS);
    if (change->set & ENTRY_SET_IDLE)
        entry->used_ms = now_ns / NS_PER_MS;
    if (change->set & ENTRY_SET_EXPIRES)
        entry->expires_ms = change->expires_ms;
    entry->ctime_ns = now_ns;
}

int entry_apply(struct entry *entry, const struct entry_change *change, int64_t now_ns)
{
    struct entry changed = *entry;
    char *tags = NULL;
    uint8_t *xattrs = NULL;
    int result = 0;

    if (change->set & ENTRY_SET_EXPIRES && entry->kind == ENTRY_DIR)
        return -EINVAL;
    if (change->set & ENTRY_SET_TAGS) {
        tags = malloc(strlen(change->tags) + 1);
        result = tags ? clean_tags(change->tags, tags) : -ENOMEM;
        changed.tags = tags;
        changed.tags_size = result == 0 ? strlen(tags) : 0;
    }
    if (result == 0 && change->set & ENTRY_SET_XATTR) {
        result = xattrs_changed(entry, change, &xattrs, &changed.xattrs_size);
        changed.xattrs = xattrs;
    }
    if (result == 0 && (tags || xattrs))
        result = own(&changed);
    if (result == 0) {
        apply_fields(&changed, change, now_ns);
        *entry = changed;
    }
    free(tags);
    free(xattrs);
    return result;
}

int entry_take_over(struct entry *staged, const struct entry *current, unsigned kept)
{
    struct entry merged = *staged;
    merged.ino = current->ino;
    merged.btime_ns = current->btime_ns;
    merged.hits = current->hits;
    if (!(kept & ENTRY_SET_MODE))
        merged.mode = current->mode;
    if (!(kept & ENTRY_SET_UID))
        merged.uid = current->uid;
    if (!(kept & ENTRY_SET_GID))
        merged.gid = current->gid;
    if (!(kept & ENTRY_SET_TTL))
        merged.ttl_ms = current->ttl_ms;
    if (!(kept & ENTRY_SET_IDLE))
        merged.idle_ms = current->idle_ms;
    if (!(kept & ENTRY_SET_TAGS)) {
        merged.tags = current->tags;
        merged.tags_size = current->tags_size;
    }
    if (!(kept & ENTRY_SET_XATTR)) {
        merged.xattrs = current->xattrs;
        merged.xattrs_size = current->xattrs_size;
    }
    int result = own(&merged);
    if (result == 0)
        *staged = merged;
    return result;
}

/* --- cost ---------------------------------------------------------------------------------------------- */

uint64_t entry_cost(const struct entry *entry, size_t name_size)
{
    return ENTRY_OVERHEAD + 2 * name_size + ENTRY_ROW_HEAD + 2 * entry->tags_size + entry->xattrs_size + entry->size;
}

int entry_check_name(const char *name)
{
    size_t size = strnlen(name, STORE_NAME_MAX + 1);
    if (size > STORE_NAME_MAX)
        return -ENAMETOOLONG;
    if (size == 0 || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EINVAL;
    return 0;
}
