/* SPDX-License-Identifier: MIT */
/*
 * names.c - the slots about names: looking up, listing, making, removing, moving. Each checks everything, then makes
 * room, then changes what there is; so none has to undo anything.
 */
#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- looking ------------------------------------------------------------------------------------------- */

int memory_lookup(void *impl, uint64_t dir_id, const char *name, struct entry *ret_entry)
{
    ENTER(impl);
    struct item *item;
    int result = memory_find_child(memory, dir_id, name, &item);
    if (result < 0)
        return result;
    struct entry entry = item->entry;
    if (entry.kind == ENTRY_FILE && entry.size <= ENTRY_INLINE_MAX) {
        entry.value = item->value ? item->value : (const uint8_t *)"";
        entry.value_size = entry.size;
    }
    return entry_copy(&entry, true, ret_entry);
}

int memory_dir(void *impl, uint64_t dir_id, struct entry *ret_entry)
{
    ENTER(impl);
    struct item *dir;
    int result = memory_find_dir(memory, dir_id, &dir);
    return result < 0 ? result : entry_copy(&dir->entry, false, ret_entry);
}

int memory_dir_place(void *impl, uint64_t dir_id, uint64_t *ret_parent, char *ret_name)
{
    ENTER(impl);
    struct item *dir;
    int result = memory_find_dir(memory, dir_id, &dir);
    if (result < 0)
        return result;
    *ret_parent = dir->parent ? dir->parent->entry.ino : dir_id;
    strcpy(ret_name, dir->parent ? dir->name : "");
    return 0;
}

int memory_list(void *impl, uint64_t dir_id, const char *after,
                int (*each)(void *arg, const char *name, const struct entry *entry), void *arg)
{
    ENTER(impl);
    struct item *dir;
    bool there = false;
    int result = memory_find_dir(memory, dir_id, &dir);
    if (result < 0)
        return result;
    size_t i = after ? item_position_of(dir, after, &there) : 0;
    for (i += there; result == 0 && i < dir->children_count; i++)
        result = each(arg, dir->children[i]->name, &dir->children[i]->entry);
    return result;
}

/* --- making -------------------------------------------------------------------------------------------- */

/* Publishes what make_ functions have filled, or frees it. */
static int publish_made(struct memory *memory, struct item *made, struct item *dir, uint64_t items,
                        struct entry *ret_entry)
{
    struct entry entry = {0};
    struct room room = {.bytes = (int64_t)entry_cost(&made->entry, strlen(made->name)), .items = items};
    struct below below = {.dir = dir, .bytes = room.bytes, .items = items};
    int result = memory_make_room_below(memory, &below);
    if (result == 0)
        result = memory_make_room(memory, &room);
    if (result == 0)
        result = item_reserve_child(dir);
    if (result == 0)
        result = memory_reserve_dir(memory);
    if (item_is_dir(made))
        made->entry.parent = dir->entry.ino;
    if (result == 0 && ret_entry)
        result = entry_copy(&made->entry, true, &entry);
    if (result < 0) {
        entry_release(&entry);
        item_free(made);
        return result;
    }
    item_publish(memory, made, dir);
    memory_touch_dir(memory, dir);
    if (ret_entry)
        *ret_entry = entry;
    return 0;
}

int memory_make_dir(void *impl, uint64_t dir_id, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                    struct entry *ret_entry)
{
    ENTER(impl);
    struct item *dir, *current = NULL;
    int result = memory_find_place(memory, dir_id, name, &dir, &current);
    if (result < 0 || current)
        return result < 0 ? result : -EEXIST;
    struct item *made = item_new(memory, name);
    if (!made)
        return -ENOMEM;
    result = entry_init(&made->entry, ENTRY_DIR, mode, uid, gid, NULL, memory->now_ns);
    if (result < 0) {
        item_free(made);
        return result;
    }
    made->entry.ino = ++memory->last_id;
    return publish_made(memory, made, dir, 0, ret_entry);
}

static int fill_symlink(struct memory *memory, struct item *made, const struct item *dir, const char *target,
                        uint32_t uid, uint32_t gid)
{
    struct entry_defaults defaults = memory_defaults_in(memory, dir);
    int result = entry_init(&made->entry, ENTRY_SYMLINK, 0777, uid, gid, &defaults, memory->now_ns);
    if (result == 0)
        result = entry_set_value(&made->entry, target, strlen(target));
    made->entry.size = strlen(target);
    made->entry.ino = ++memory->last_id;
    made->base.id = made->entry.version = made->entry.change = ++memory->last_id;
    return result;
}

int memory_make_symlink(void *impl, uint64_t dir_id, const char *name, const char *target, uint32_t uid, uint32_t gid,
                        struct entry *ret_entry)
{
    ENTER(impl);
    struct item *dir, *current = NULL;
    int result = memory_find_place(memory, dir_id, name, &dir, &current);
    if (result < 0 || current)
        return result < 0 ? result : -EEXIST;
    struct item *made = item_new(memory, name);
    if (!made)
        return -ENOMEM;
    result = fill_symlink(memory, made, dir, target, uid, gid);
    if (result < 0) {
        item_free(made);
        return result;
    }
    return publish_made(memory, made, dir, 1, ret_entry);
}

/* --- removing and moving ------------------------------------------------------------------------------- */

int memory_remove(void *impl, uint64_t dir_id, const char *name, uint64_t version)
{
    ENTER(impl);
    struct item *item;
    int result = memory_find_child(memory, dir_id, name, &item);
    if (result < 0 || item_is_dir(item))
        return result < 0 ? result : -EISDIR;
    if (version && item->base.id != version)
        return -ESTALE;
    memory_touch_dir(memory, item->parent);
    memory->deletes++;
    item_bury(memory, item);
    return 0;
}

int memory_remove_dir(void *impl, uint64_t dir_id, const char *name)
{
    ENTER(impl);
    struct item *item;
    int result = memory_find_child(memory, dir_id, name, &item);
    if (result < 0)
        return result;
    if (!item_is_dir(item))
        return -ENOTDIR;
    if (item->children_count > 0)
        return -ENOTEMPTY;
    memory_touch_dir(memory, item->parent);
    item_bury(memory, item);
    return 0;
}

/* The first file or link behind clearing->after that is meant; NULL when there is none, and it is done, or it is not found
 * in so many looks. Counts what it passes by. */
static struct item *next_to_clear(const struct item *dir, struct store_clearing *clearing, unsigned *looks)
{
    bool there;
    size_t i = *clearing->after ? item_position_of(dir, clearing->after, &there) + there : 0;
    for (; i<dir->children_count && * looks> 0; i++, --*looks) {
        struct item *item = dir->children[i];
        strcpy(clearing->after, item->name);
        if (item_is_dir(item))
            continue;
        if (item->entry.change <= clearing->mark && (!clearing->owned || item->entry.uid == clearing->uid))
            return item;
        clearing->left++;
    }
    clearing->done = i == dir->children_count;
    return NULL;
}

/* Removes the next one, and fills its version and size: 1; or 0, there is none, and none within so many looks. */
static int clear_one(void *impl, uint64_t dir_id, struct store_clearing *clearing, unsigned *looks,
                     uint64_t *ret_version, uint64_t *ret_size)
{
    ENTER(impl);
    struct item *dir;
    int result = memory_find_dir(memory, dir_id, &dir);
    if (result < 0)
        return result;
    if (clearing->mark == 0)
        clearing->mark = ++memory->last_id;
    struct item *item = next_to_clear(dir, clearing, looks);
    if (!item)
        return 0;
    *ret_version = item->base.id;
    *ret_size = item->entry.size;
    memory_touch_dir(memory, dir);
    memory->deletes++;
    clearing->removed++;
    item_bury(memory, item);
    return 1;
}

int memory_clear(void *impl, uint64_t dir_id, uint64_t most, struct store_clearing *clearing,
                 void (*each)(void *arg, const char *name, uint64_t version, uint64_t size), void *arg)
{
    uint64_t version, size;
    unsigned looks = STORE_CLEAR_LOOKS;
    int result = 1;
    for (uint64_t i = 0; i < most && result > 0; i++) {
        result = clear_one(impl, dir_id, clearing, &looks, &version, &size);
        if (result > 0)
            each(arg, clearing->after, version, size);
    }
    return result < 0 ? result : 0;
}

/* Whether `item` may take the place of `target`, which may be NULL, in `to`. */
static int check_replace(const struct item *item, const struct item *target, const struct item *to)
{
    if (item_is_dir(item) && item_is_within(to, item))
        return -EINVAL;
    if (target && item_is_dir(target) && !item_is_dir(item))
        return -EISDIR;
    if (target && !item_is_dir(target) && item_is_dir(item))
        return -ENOTDIR;
    return target && target->children_count > 0 ? -ENOTEMPTY : 0;
}

static int check_exchange(const struct item *item, const struct item *target)
{
    if (!target)
        return -ENOENT;
    return item_is_within(target->parent, item) || item_is_within(item->parent, target) ? -EINVAL : 0;
}

/* Room for one of two that change places: where it goes, the other one leaves. */
static int make_room_for(struct memory *memory, const struct item *item, const struct item *other)
{
    struct below below = {.dir = other->parent, .from = item->parent, .spare = item, .spare_too = other};
    below.bytes = (int64_t)item_charge_as(item, &item->entry, other->name) - (int64_t)item_charge(other);
    below.counted_bytes = (int64_t)item_charge(item) - (int64_t)item_charge_as(other, &other->entry, item->name);
    below.items = !item_is_dir(item) && item_is_dir(other);
    return memory_make_room_below(memory, &below);
}

/* Both names stay; what they name changes sides. */
static void exchange(struct item *item, struct item *target)
{
    struct item *from = item->parent, *to = target->parent;
    char *name = item->name;
    item_remove_child(item);
    item_remove_child(target);
    item->name = target->name;
    target->name = name;
    item_insert_child(to, item);
    item_insert_child(from, target);
}

/* `target`, which may be NULL, goes, and `item` takes its place. */
static int replace(struct memory *memory, struct item *item, struct item *target, struct item *to, const char *new_name)
{
    struct room room = {.spare = item, .spare_too = target};
    room.bytes = (int64_t)item_charge_as(item, &item->entry, new_name) - (int64_t)item_charge(item);
    room.bytes -= target ? (int64_t)item_freed_by_death(target) : 0;
    struct below below = {.dir = to, .from = item->parent, .spare = item, .spare_too = target};
    below.bytes = (int64_t)item_charge_as(item, &item->entry, new_name) - (target ? (int64_t)item_charge(target) : 0);
    below.counted_bytes = (int64_t)item_charge(item);
    below.items = !target && !item_is_dir(item);
    char *name = strdup(new_name);
    int result = name ? item_reserve_child(to) : -ENOMEM;
    if (result == 0)
        result = memory_make_room_below(memory, &below);
    if (result == 0)
        result = memory_make_room(memory, &room);
    if (result < 0) {
        free(name);
        return result;
    }
    if (target)
        item_bury(memory, target);
    memory->bytes -= item_charge(item);
    item_remove_child(item);
    free(item->name);
    item->name = name;
    item_insert_child(to, item);
    memory->bytes += item_charge(item);
    return 0;
}

int memory_rename(void *impl, uint64_t dir_id, const char *name, uint64_t new_dir_id, const char *new_name,
                  unsigned flags)
{
    ENTER(impl);
    struct item *from, *to, *item = NULL, *target = NULL;
    int result = memory_find_place(memory, dir_id, name, &from, &item);
    if (result == 0)
        result = memory_find_place(memory, new_dir_id, new_name, &to, &target);
    if (result < 0)
        return result;
    if (!item)
        return -ENOENT;
    if (item == target)
        return 0;
    if (flags == STORE_NOREPLACE && target)
        return -EEXIST;
    result = flags == STORE_EXCHANGE ? check_exchange(item, target) : check_replace(item, target, to);
    if (result < 0)
        return result;
    if (flags == STORE_EXCHANGE) {
        result = make_room_for(memory, item, target);
        if (result == 0)
            result = make_room_for(memory, target, item);
        if (result == 0)
            exchange(item, target);
    } else {
        result = replace(memory, item, target, to, new_name);
    }
    if (result == 0) {
        memory_touch_dir(memory, from);
        memory_touch_dir(memory, to);
    }
    return result;
}

/* --- attributes ---------------------------------------------------------------------------------------- */

int memory_change_dir(void *impl, uint64_t dir_id, const struct entry_change *change, struct entry *ret_entry)
{
    ENTER(impl);
    struct item *dir;
    int result = memory_find_dir(memory, dir_id, &dir);
    if (result == 0)
        result = item_change(memory, dir, change);
    if (result == 0 && ret_entry)
        result = entry_copy(&dir->entry, false, ret_entry);
    return result;
}
