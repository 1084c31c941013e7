/* SPDX-License-Identifier: MIT */
/* item.c - items, where they hang, their room and their end; see memory.h. */
#include "memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- items --------------------------------------------------------------------------------------------- */

void item_free(struct item *item)
{
    entry_release(&item->entry);
    free(item->name);
    free(item->children);
    free(item->quota);
    free(item->value);
    free(item);
}

uint64_t item_charge_as(const struct item *item, const struct entry *entry, const char *name)
{
    if (item->state != PUBLISHED)
        return entry->size;
    return entry->ino == STORE_ROOT ? 0 : entry_cost(entry, strlen(name));
}

uint64_t item_charge(const struct item *item)
{
    return item_charge_as(item, &item->entry, item->name);
}

uint64_t item_freed_by_death(const struct item *item)
{
    return item_charge(item) - (item->pins > 0 ? item->entry.size : 0);
}

/* Makes sure that an array of `count` has room for one more. */
static int reserve(struct item ***array, size_t *room, size_t count)
{
    if (count < *room)
        return 0;
    size_t new_room = *room ? 2 * *room : 8;
    struct item **grown = realloc(*array, new_room * sizeof(struct item *));
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *room = new_room;
    return 0;
}

struct item *item_new(const struct memory *memory, const char *name)
{
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        return NULL;
    item->base.store = memory->store;
    if (name && !(item->name = strdup(name))) {
        free(item);
        return NULL;
    }
    return item;
}

/* --- directories --------------------------------------------------------------------------------------- */

/* Where a directory stands in the array of all, or where it would. */
static size_t directory_position(const struct memory *memory, uint64_t id)
{
    size_t low = 0, high = memory->directory_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memory->directories[middle]->entry.ino < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void memory_add_dir(struct memory *memory, struct item *dir)
{
    assert(memory->directory_count < memory->directory_room);
    memory->directories[memory->directory_count++] = dir;
}

int memory_reserve_dir(struct memory *memory)
{
    return reserve(&memory->directories, &memory->directory_room, memory->directory_count);
}

static void directory_remove(struct memory *memory, const struct item *dir)
{
    size_t position = directory_position(memory, dir->entry.ino);
    assert(memory->directories[position] == dir);
    memory->directory_count--;
    memmove(memory->directories + position, memory->directories + position + 1,
            (memory->directory_count - position) * sizeof(struct item *));
}

static struct item *queue_find_ino(const struct memory *memory, uint64_t ino)
{
    struct item *item = memory->oldest;
    while (item && item->entry.ino != ino)
        item = item->newer;
    return item;
}

int memory_find_dir(const struct memory *memory, uint64_t id, struct item **ret_dir)
{
    size_t position = directory_position(memory, id);
    if (position == memory->directory_count || memory->directories[position]->entry.ino != id)
        return queue_find_ino(memory, id) ? -ENOTDIR : -ENOENT;
    *ret_dir = memory->directories[position];
    return 0;
}

size_t item_position_of(const struct item *dir, const char *name, bool *ret_there)
{
    size_t low = 0, high = dir->children_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(dir->children[middle]->name, name);
        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = false;
    return low;
}

static struct item *child_of(const struct item *dir, const char *name)
{
    bool there;
    size_t position = item_position_of(dir, name, &there);
    return there ? dir->children[position] : NULL;
}

int memory_find_place(const struct memory *memory, uint64_t dir_id, const char *name, struct item **ret_dir,
                      struct item **ret_child)
{
    int result = memory_find_dir(memory, dir_id, ret_dir);
    if (result == 0)
        *ret_child = child_of(*ret_dir, name);
    return result;
}

int memory_find_child(const struct memory *memory, uint64_t dir_id, const char *name, struct item **ret_child)
{
    struct item *dir, *child;
    int result = memory_find_place(memory, dir_id, name, &dir, &child);
    if (result == 0 && !child)
        result = -ENOENT;
    if (result == 0)
        *ret_child = child;
    return result;
}

int item_reserve_child(struct item *dir)
{
    return reserve(&dir->children, &dir->children_room, dir->children_count);
}

void item_insert_child(struct item *dir, struct item *child)
{
    bool there;
    size_t position = item_position_of(dir, child->name, &there);
    assert(!there && dir->children_count < dir->children_room);
    memmove(dir->children + position + 1, dir->children + position,
            (dir->children_count - position) * sizeof *dir->children);
    dir->children[position] = child;
    dir->children_count++;
    child->parent = dir;
    if (item_is_dir(child))
        child->entry.parent = dir->entry.ino;
}

void item_remove_child(struct item *child)
{
    struct item *dir = child->parent;
    bool there;
    size_t position = item_position_of(dir, child->name, &there);
    assert(there && dir->children[position] == child);
    dir->children_count--;
    memmove(dir->children + position, dir->children + position + 1,
            (dir->children_count - position) * sizeof *dir->children);
    child->parent = NULL;
}

bool item_is_within(const struct item *item, const struct item *dir)
{
    while (item && item != dir)
        item = item->parent;
    return item;
}

void memory_touch_dir(const struct memory *memory, struct item *dir)
{
    dir->entry.mtime_ns = dir->entry.ctime_ns = memory->now_ns;
}

struct entry_defaults memory_defaults_in(const struct memory *memory, const struct item *dir)
{
    struct entry_defaults defaults = {0};
    while (dir && !entry_defaults_take(&defaults, &dir->entry))
        dir = dir->parent;
    if (defaults.ttl_ms == ENTRY_UNSET)
        defaults.ttl_ms = memory->options->ttl_ms;
    return defaults;
}

/* --- the queue ----------------------------------------------------------------------------------------- */

enum { USES_FIRST = 5, USES_MAX = 255 };

static void queue_link(struct memory *memory, struct item *item)
{
    item->older = memory->newest;
    item->newer = NULL;
    if (memory->newest)
        memory->newest->newer = item;
    else
        memory->oldest = item;
    memory->newest = item;
}

static void queue_unlink(struct memory *memory, struct item *item)
{
    if (memory->hand == item)
        memory->hand = item->newer;
    *(item->older ? &item->older->newer : &memory->oldest) = item->newer;
    *(item->newer ? &item->newer->older : &memory->newest) = item->older;
    item->older = item->newer = NULL;
}

static void queue_append(struct memory *memory, struct item *item)
{
    item->used = ++memory->clock;
    item->uses = USES_FIRST;
    queue_link(memory, item);
    HASH_ADD(hh, memory->versions, base.id, sizeof item->base.id, item);
}

static void queue_remove(struct memory *memory, struct item *item)
{
    queue_unlink(memory, item);
    HASH_DEL(memory->versions, item);
}

/* --- coming and going ---------------------------------------------------------------------------------- */

void memory_note_deadline(struct memory *memory, const struct item *item)
{
    int64_t deadline_ms = entry_deadline_ms(&item->entry);
    if (deadline_ms < memory->next_deadline_ms)
        memory->next_deadline_ms = deadline_ms;
}

void item_publish(struct memory *memory, struct item *item, struct item *dir)
{
    item->state = PUBLISHED;
    item_insert_child(dir, item);
    memory->bytes += item_charge(item);
    if (item_is_dir(item)) {
        memory_add_dir(memory, item);
        return;
    }
    memory->items++;
    memory->sets++;
    queue_append(memory, item);
    memory_note_deadline(memory, item);
}

void item_bury(struct memory *memory, struct item *item)
{
    memory->bytes -= item_charge(item);
    item_remove_child(item);
    item->state = DEAD;
    if (item_is_dir(item)) {
        directory_remove(memory, item);
    } else {
        queue_remove(memory, item);
        memory->items--;
    }
    if (item->pins > 0)
        memory->bytes += item_charge(item);
    else
        item_free(item);
}

/* Without memory for it, the note of it is lost. */
void item_lose(struct memory *memory, struct item *item, enum store_gone why)
{
    struct gone *gone = memory->options->gone ? malloc(sizeof *gone) : NULL;
    if (gone) {
        gone->next = NULL;
        gone->dir = item->parent->entry.ino;
        gone->version = item->entry.version;
        gone->size = item->entry.size;
        gone->why = why;
        strcpy(gone->name, item->name);
        *memory->gone_end = gone;
        memory->gone_end = &gone->next;
    }
    uint64_t *const counters[] = {[STORE_GONE_EXPIRED] = &memory->expired,
                                  [STORE_GONE_EVICTED] = &memory->evicted,
                                  [STORE_GONE_TAG] = &memory->invalidated};
    ++*counters[why];
    item_bury(memory, item);
}

static void expire_due(struct memory *memory)
{
    if (memory_now_ms(memory) < memory->next_deadline_ms)
        return;
    memory->next_deadline_ms = INT64_MAX;
    for (struct item *item = memory->oldest, *newer; item; item = newer) {
        newer = item->newer;
        if (entry_alive(&item->entry, memory_now_ms(memory)))
            memory_note_deadline(memory, item);
        else
            item_lose(memory, item, STORE_GONE_EXPIRED);
    }
}

/* --- room ---------------------------------------------------------------------------------------------- */

static bool has_room(const struct memory *memory, const struct room *room)
{
    if (room->bytes > 0 && memory->bytes + (uint64_t)room->bytes > memory->limit_bytes)
        return false;
    return room->items == 0 || memory->limit_items == 0 || memory->items + room->items <= memory->limit_items;
}

static bool is_spare(const struct item *item, const struct room *room)
{
    return item == room->spare || item == room->spare_too ||
           (room->within && !item_is_within(item->parent, room->within));
}

/* SIEVE (Zhang et al., NSDI 2024): the hand walks from the oldest to the newest and round again, takes the visited bit
 * from who has one and evicts who has none. Two rounds meet everybody without it. */
static struct item *sieve_victim(struct memory *memory, const struct room *room)
{
    struct item *item = memory->hand ? memory->hand : memory->oldest;
    for (uint64_t step = 0; item && step < 2 * memory->items; step++) {
        struct item *newer = item->newer ? item->newer : memory->oldest;
        if (!is_spare(item, room) && !item->visited) {
            memory->hand = item;
            return item;
        }
        if (!is_spare(item, room))
            item->visited = false;
        item = newer;
    }
    return NULL;
}

/* What is left of an item's uses: one is taken for every ten turnovers without a read. */
static unsigned uses_left(const struct memory *memory, const struct item *item)
{
    uint64_t turnovers = (memory->clock - item->used) / (10 * (memory->items + 1));
    return turnovers < item->uses ? item->uses - (unsigned)turnovers : 0;
}

void item_used(struct memory *memory, struct item *item)
{
    enum { FACTOR = 10 };
    unsigned uses = uses_left(memory, item), beyond = uses > USES_FIRST ? uses - USES_FIRST : 0;
    memory->dice = memory->dice * UINT64_C(6364136223846793005) + 1442695040888963407;
    if (uses < USES_MAX && (memory->dice >> 33) % (beyond * FACTOR + 1) == 0)
        uses++;
    item->uses = uses;
    item->used = memory->clock;
    item->visited = true;
    if (memory->policy == STORE_POLICY_LRU) {
        queue_unlink(memory, item);
        queue_link(memory, item);
    }
}

/* True if `a` goes before `b`, which is older. */
static bool goes_before(const struct memory *memory, enum store_policy policy, const struct item *a,
                        const struct item *b)
{
    if (policy == STORE_POLICY_LRU)
        return a->used < b->used;
    if (policy == STORE_POLICY_TTL)
        return entry_deadline_ms(&a->entry) < entry_deadline_ms(&b->entry);
    unsigned left = uses_left(memory, a), of_b = uses_left(memory, b);
    return left < of_b || (left == of_b && a->used < b->used);
}

static struct item *first_of_all(const struct memory *memory, enum store_policy policy, const struct room *room)
{
    struct item *first = NULL;
    for (struct item *item = memory->oldest; item; item = item->newer)
        if (!is_spare(item, room) && (!first || goes_before(memory, policy, item, first)))
            first = item;
    return first;
}

static struct item *oldest_of_all(const struct memory *memory, const struct room *room)
{
    struct item *item = memory->oldest;
    while (item && is_spare(item, room))
        item = item->newer;
    return item;
}

/* With LRU the queue is in the order of use, while the policy is the store's; LFU counts as Redis documents its own, see
 * rocksdb/policy.h. */
struct item *memory_victim(struct memory *memory, enum store_policy policy, const struct room *room)
{
    struct item *nearest;
    switch (policy) {
    case STORE_POLICY_NONE:
        return NULL;
    case STORE_POLICY_FIFO:
        return oldest_of_all(memory, room);
    case STORE_POLICY_LRU:
        if (policy == memory->policy)
            return oldest_of_all(memory, room);
        return first_of_all(memory, policy, room);
    case STORE_POLICY_LFU:
        return first_of_all(memory, policy, room);
    case STORE_POLICY_TTL:
        nearest = first_of_all(memory, policy, room);
        if (nearest && entry_deadline_ms(&nearest->entry) != INT64_MAX)
            return nearest;
        break;
    case STORE_POLICY_SIEVE:
        break;
    }
    return sieve_victim(memory, room);
}

int memory_make_room(struct memory *memory, const struct room *room)
{
    if (has_room(memory, room))
        return 0;
    memory->waits++;
    while (!has_room(memory, room)) {
        struct item *victim = memory_victim(memory, memory->policy, room);
        if (!victim)
            return -ENOSPC;
        item_lose(memory, victim, STORE_GONE_EVICTED);
    }
    return 0;
}

void memory_shrink(struct memory *memory)
{
    struct room room = {0};
    while (memory->bytes > memory->limit_bytes || (memory->limit_items && memory->items > memory->limit_items)) {
        struct item *victim = memory_victim(memory, memory->policy, &room);
        if (!victim)
            return;
        item_lose(memory, victim, STORE_GONE_EVICTED);
    }
}

/* --- one call ------------------------------------------------------------------------------------------ */

struct memory *memory_enter(void *impl)
{
    struct memory *memory = impl;
    pthread_mutex_lock(&memory->lock);
    memory->now_ns = store_now_ns(memory->options);
    expire_due(memory);
    return memory;
}

void memory_leave(struct memory **scoped)
{
    struct memory *memory = *scoped;
    struct gone *gone = memory->gone;
    memory->gone = NULL;
    memory->gone_end = &memory->gone;
    pthread_mutex_unlock(&memory->lock);
    while (gone) {
        struct gone *next = gone->next;
        memory->options->gone(memory->options->gone_arg, gone->dir, gone->name, gone->why, gone->version, gone->size);
        free(gone);
        gone = next;
    }
}

/* --- attributes ---------------------------------------------------------------------------------------- */

int item_change(struct memory *memory, struct item *item, const struct entry_change *change)
{
    struct entry changed;
    int result = entry_copy(&item->entry, true, &changed);
    if (result < 0)
        return result;
    result = entry_apply(&changed, change, memory->now_ns);
    if (result == 0) {
        struct room room = {.spare = item};
        room.bytes = (int64_t)item_charge_as(item, &changed, item->name) - (int64_t)item_charge(item);
        struct below below = {.dir = item->parent, .bytes = room.bytes, .spare = item};
        if (item->state == PUBLISHED)
            result = memory_make_room_below(memory, &below);
        if (result == 0)
            result = memory_make_room(memory, &room);
    }
    if (result < 0) {
        entry_release(&changed);
        return result;
    }
    memory->bytes -= item_charge(item);
    entry_release(&item->entry);
    item->entry = changed;
    memory->bytes += item_charge(item);
    if (item->state == PUBLISHED)
        memory_note_deadline(memory, item);
    return 0;
}
