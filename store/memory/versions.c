/* SPDX-License-Identifier: MIT */
/*
 * versions.c - the slots about versions: pinning, staging, publishing, reading, writing, changing.
 */
#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- pins ---------------------------------------------------------------------------------------------- */

static void item_pin(struct memory *memory, struct item *item)
{
    if (item->pins++ == 0)
        memory->pinned++;
}

static void count_hit(struct memory *memory, struct item *item)
{
    struct entry *entry = &item->entry;
    memory->hits++;
    entry->hits++;
    item_used(memory, item);
    if (entry->idle_ms != ENTRY_UNSET && entry->idle_ms != ENTRY_FOREVER)
        entry->used_ms = memory_now_ms(memory);
}

int memory_pin(void *impl, uint64_t dir_id, const char *name, unsigned flags, struct store_version **ret_version)
{
    ENTER(impl);
    struct item *item;
    int result = memory_find_child(memory, dir_id, name, &item);
    if (result < 0 || item_is_dir(item))
        return result < 0 ? result : -EISDIR;
    item_pin(memory, item);
    if (flags & STORE_HIT)
        count_hit(memory, item);
    *ret_version = &item->base;
    return 0;
}

int memory_pin_version(void *impl, uint64_t version, unsigned flags, struct store_version **ret_version)
{
    ENTER(impl);
    struct item *item;
    HASH_FIND(hh, memory->versions, &version, sizeof version, item);
    if (!item)
        return -EAGAIN;
    item_pin(memory, item);
    if (flags & STORE_HIT)
        count_hit(memory, item);
    *ret_version = &item->base;
    return 0;
}

void memory_repin(void *impl, struct store_version *version)
{
    ENTER(impl);
    (void)memory;
    item_of(version)->pins++;
}

void memory_unpin(void *impl, struct store_version *version)
{
    ENTER(impl);
    struct item *item = item_of(version);
    if (--item->pins > 0)
        return;
    memory->pinned--;
    if (item->state == PUBLISHED)
        return;
    memory->bytes -= item_charge(item);
    item_free(item);
}

/* Fills a new staged version's entry, from the file it is going to replace or from what is given. */
static int fill_staged(struct memory *memory, struct item *made, const struct item *dir, const struct item *current,
                       uint32_t mode, uint32_t uid, uint32_t gid)
{
    struct entry_defaults defaults = memory_defaults_in(memory, dir);
    int result = entry_init(&made->entry, ENTRY_FILE, mode, uid, gid, &defaults, memory->now_ns);
    made->entry.ino = ++memory->last_id;
    made->base.id = made->entry.version = ++memory->last_id;
    if (result == 0 && current && current->entry.kind == ENTRY_FILE) {
        result = entry_take_over(&made->entry, &current->entry, 0);
        made->entry.hits = 0;
        made->inherited_ino = current->entry.ino;
        entry_restart(&made->entry, memory_now_ms(memory));
    }
    return result;
}

int memory_stage(void *impl, uint64_t dir_id, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                 struct store_version **ret_version)
{
    ENTER(impl);
    struct item *dir, *current = NULL;
    int result = memory_find_place(memory, dir_id, name, &dir, &current);
    if (result < 0)
        return result;
    if (current && item_is_dir(current))
        return -EISDIR;
    struct item *made = item_new(memory, NULL);
    if (!made)
        return -ENOMEM;
    result = fill_staged(memory, made, dir, current, mode, uid, gid);
    if (result < 0) {
        item_free(made);
        return result;
    }
    made->staged_dir = dir_id;
    item_pin(memory, made);
    *ret_version = &made->base;
    return 0;
}

/* --- publishing ---------------------------------------------------------------------------------------- */

/* The entry a staged version will have once it is published in place of `current`, which may be NULL. */
static int entry_to_publish(struct memory *memory, const struct item *item, const struct item *current, unsigned flags,
                            struct entry *ret_entry)
{
    struct entry entry;
    int result = entry_copy(&item->entry, false, &entry);
    if (result == 0 && current && current->entry.kind == ENTRY_FILE && !(flags & STORE_FRESH)) {
        result = entry_take_over(&entry, &current->entry, item->kept);
        if (result < 0)
            entry_release(&entry);
    }
    if (result < 0)
        return result;
    entry_restart(&entry, memory_now_ms(memory));
    if (current && flags & STORE_KEEP_CLOCK)
        entry.expires_ms = current->entry.expires_ms;
    if (item->kept & ENTRY_SET_EXPIRES)
        entry.expires_ms = item->entry.expires_ms;
    /* The file the ino came from may be elsewhere by now, and keeps it. */
    if (entry.ino == item->inherited_ino && !(current && current->entry.ino == entry.ino))
        entry.ino = ++memory->last_id;
    entry.ctime_ns = memory->now_ns;
    entry.change = ++memory->last_id;
    *ret_entry = entry;
    return 0;
}

/* Publishes as `entry`, which it owns when it succeeds. */
static int publish_as(struct memory *memory, struct item *item, struct entry *entry, struct item *dir,
                      struct item *current, const char *new_name)
{
    struct room room = {.items = current ? 0 : 1, .spare = current};
    room.bytes = (int64_t)entry_cost(entry, strlen(new_name)) - (int64_t)item_charge(item);
    room.bytes -= current ? (int64_t)item_freed_by_death(current) : 0;
    struct below below = {.dir = dir, .items = room.items, .spare = current};
    below.bytes = (int64_t)entry_cost(entry, strlen(new_name)) - (current ? (int64_t)item_charge(current) : 0);
    char *name = strdup(new_name);
    int result = name ? item_reserve_child(dir) : -ENOMEM;
    if (result == 0)
        result = memory_make_room_below(memory, &below);
    if (result == 0)
        result = memory_make_room(memory, &room);
    if (result < 0) {
        free(name);
        return result;
    }
    if (current)
        item_bury(memory, current);
    else
        memory_touch_dir(memory, dir);
    memory->bytes -= item_charge(item);
    entry_release(&item->entry);
    item->entry = *entry;
    item->name = name;
    item_publish(memory, item, dir);
    return 0;
}

int memory_publish(void *impl, struct store_version *version, uint64_t dir_id, const char *name, uint64_t change,
                   unsigned flags)
{
    ENTER(impl);
    struct item *item = item_of(version), *dir, *current = NULL;
    struct entry entry;
    if (item->state != STAGED)
        return -EINVAL;
    int result = memory_find_place(memory, dir_id, name, &dir, &current);
    if (result < 0)
        return result;
    if (current && flags & STORE_NOREPLACE)
        return -EEXIST;
    if (current && item_is_dir(current))
        return -EISDIR;
    if (change && (!current || current->entry.change != change))
        return -ESTALE;
    result = entry_to_publish(memory, item, current, flags, &entry);
    if (result < 0)
        return result;
    result = publish_as(memory, item, &entry, dir, current, name);
    if (result < 0)
        entry_release(&entry);
    return result;
}

/* --- values -------------------------------------------------------------------------------------------- */

int memory_read(void *impl, struct store_version *version, void *buffer, size_t size, uint64_t offset, size_t *ret_size)
{
    ENTER(impl);
    const struct item *item = item_of(version);
    const uint8_t *value = item->entry.kind == ENTRY_SYMLINK ? item->entry.value : item->value;
    uint64_t left = offset < item->entry.size ? item->entry.size - offset : 0;
    size_t copied = size < left ? size : (size_t)left;
    if (copied > 0)
        memcpy(buffer, value + offset, copied);
    *ret_size = copied;
    return 0;
}

static int value_reserve(struct item *item, uint64_t size)
{
    if (size <= item->value_room)
        return 0;
    size_t room = 2 * item->value_room > size ? 2 * item->value_room : size;
    uint8_t *value = realloc(item->value, room);
    if (!value)
        return -ENOMEM;
    item->value = value;
    item->value_room = room;
    return 0;
}

/* Makes a value `size` bytes long, with zeroes where it grows. */
static int value_resize(struct memory *memory, struct item *item, uint64_t size)
{
    struct item *dir = item->parent;
    if (item->state == STAGED && memory_find_dir(memory, item->staged_dir, &dir) < 0)
        dir = NULL;
    if (size > memory->limit_bytes || size > memory_value_max(dir))
        return -EFBIG;
    struct room room = {.bytes = (int64_t)size - (int64_t)item->entry.size, .spare = item};
    struct below below = {.dir = item->parent, .bytes = room.bytes, .spare = item};
    int result = value_reserve(item, size);
    if (result == 0 && item->state == PUBLISHED)
        result = memory_make_room_below(memory, &below);
    if (result == 0)
        result = memory_make_room(memory, &room);
    if (result < 0)
        return result;
    if (size > item->entry.size)
        memset(item->value + item->entry.size, 0, size - item->entry.size);
    memory->bytes -= item_charge(item);
    item->entry.size = size;
    memory->bytes += item_charge(item);
    return 0;
}

/* A value was changed in place. */
static void value_changed(struct memory *memory, struct item *item)
{
    item->entry.mtime_ns = item->entry.ctime_ns = memory->now_ns;
    if (item->state != PUBLISHED)
        return;
    item->entry.change = ++memory->last_id;
    entry_restart(&item->entry, memory_now_ms(memory));
    memory_note_deadline(memory, item);
}

int memory_write(void *impl, struct store_version *version, const void *data, size_t size, uint64_t offset)
{
    ENTER(impl);
    struct item *item = item_of(version);
    uint64_t start = offset == STORE_AT_END ? item->entry.size : offset, end;
    if (item->entry.kind != ENTRY_FILE)
        return -EINVAL;
    if (__builtin_add_overflow(start, size, &end))
        return -EFBIG;
    int result = value_resize(memory, item, end > item->entry.size ? end : item->entry.size);
    if (result < 0)
        return result;
    memcpy(item->value + start, data, size);
    value_changed(memory, item);
    return 0;
}

int memory_resize(void *impl, struct store_version *version, uint64_t size)
{
    ENTER(impl);
    struct item *item = item_of(version);
    if (item->entry.kind != ENTRY_FILE)
        return -EINVAL;
    int result = value_resize(memory, item, size);
    if (result == 0)
        value_changed(memory, item);
    return result;
}

/* --- attributes ---------------------------------------------------------------------------------------- */

int memory_change(void *impl, struct store_version *version, const struct entry_change *change)
{
    ENTER(impl);
    struct item *item = item_of(version);
    int result = item_change(memory, item, change);
    if (result == 0 && item->state == STAGED) {
        /* A deadline holds until a lifetime is set after it. */
        if (change->set & (ENTRY_SET_TTL | ENTRY_RESTART))
            item->kept &= ~(unsigned)ENTRY_SET_EXPIRES;
        item->kept |= change->set;
    }
    return result;
}

int memory_version_entry(void *impl, struct store_version *version, struct entry *ret_entry)
{
    ENTER(impl);
    return entry_copy(&item_of(version)->entry, false, ret_entry);
}

bool memory_version_dead(void *impl, struct store_version *version)
{
    ENTER(impl);
    return item_of(version)->state == DEAD;
}
