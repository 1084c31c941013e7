/* SPDX-License-Identifier: MIT */
/*
 * memory.c - the store in memory ("mem:"): the reference model, the obvious code that the tests compare the other
 * backends with. Where speed and plainness differ it is plain.
 *
 * An item is a directory, or a version of a file or link with its value in one block of memory. Published items hang
 * below a directory, in an array sorted by name; all directories also stand in one sorted by id, published versions
 * in the queue that eviction walks, oldest first:
 *
 *     directories: id -> item --children--> item, item, ...
 *     queue:       oldest <-> ... <- hand -> ... <-> newest
 *
 * A version is staged, published or dead. It is freed when it is not published and nobody has it pinned.
 *
 * Invariants: every item is charged at all times with charge(), `bytes` is the sum of the charges and never above the
 * limit. Nothing that is expired outlives enter(), so that no function below ever meets it.
 *
 * Locking: one mutex guards everything. Every slot of the table holds it from enter() to leave(), which then tells
 * options.gone what went meanwhile - in the thread of the call, as there is no thread of its own here.
 *
 * It does not keep anything past close, and starts no thread: what a background thread would do is done by the call
 * that needs it.
 */
#include "../backend.h"
#include "../entry.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS 1000000

enum state { STAGED, PUBLISHED, DEAD };

struct item {
    struct store_version base; /* first, so that a version in hand is an item */
    struct entry entry; /* its value is set for links alone */
    enum state state; /* of a directory: PUBLISHED */
    struct item *parent; /* where it is published; NULL for the root and what is not published */
    char *name;

    struct item **children; /* directories: sorted by name */
    size_t children_count, children_room;

    uint8_t *value; /* files: entry.size bytes, in a block of value_room */
    size_t value_room;
    unsigned pins;
    unsigned kept; /* ENTRY_SET_ bits changed while staged */
    uint64_t inherited_ino; /* staged: the ino it got from the file it is to replace, or 0 */
    bool visited; /* read since the hand came by */
    struct item *older, *newer; /* in the queue, while published */
};

/* An entry that went without anybody asking, until options.gone is told. */
struct gone {
    struct gone *next;
    uint64_t dir;
    enum store_gone why;
    char name[STORE_NAME_MAX + 1];
};

struct memory {
    struct store *store;
    const struct store_options *options;
    pthread_mutex_t lock; /* guards all below */
    int64_t now_ns; /* the time of the call that holds the lock */
    uint64_t last_id; /* of inodes, directories, versions and changes alike */
    struct item **directories; /* all of them, the root first, sorted by id */
    size_t directory_count, directory_room;
    struct item *oldest, *newest, *hand;
    int64_t next_deadline_ms; /* nothing expires before */
    uint64_t bytes, items;
    uint64_t pinned, hits, sets, deletes, expired, evicted, waits;
    struct gone *gone, **gone_end;
};

static int64_t now_ms(const struct memory *memory)
{
    return memory->now_ns / NS_PER_MS;
}

/* --- items --------------------------------------------------------------------------------------------- */

static bool is_dir(const struct item *item)
{
    return item->entry.kind == ENTRY_DIR;
}

static struct item *item_of(struct store_version *version)
{
    return (struct item *)version;
}

static void item_free(struct item *item)
{
    entry_release(&item->entry);
    free(item->name);
    free(item->children);
    free(item->value);
    free(item);
}

/* What an item would cost with this entry and name. */
static uint64_t charge_as(const struct item *item, const struct entry *entry, const char *name)
{
    if (item->state != PUBLISHED)
        return entry->size;
    return entry->ino == STORE_ROOT ? 0 : entry_cost(entry, strlen(name));
}

static uint64_t charge(const struct item *item)
{
    return charge_as(item, &item->entry, item->name);
}

/* What is no longer charged when a published item dies. */
static uint64_t freed_by_death(const struct item *item)
{
    return charge(item) - (item->pins > 0 ? item->entry.size : 0);
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

/* Ids only grow, so that a new one belongs at the end; directories_reserve() has made room. */
static void directory_add(struct memory *memory, struct item *dir)
{
    assert(memory->directory_count < memory->directory_room);
    memory->directories[memory->directory_count++] = dir;
}

static int directories_reserve(struct memory *memory)
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

static int find_dir(const struct memory *memory, uint64_t id, struct item **ret_dir)
{
    size_t position = directory_position(memory, id);
    if (position == memory->directory_count || memory->directories[position]->entry.ino != id)
        return queue_find_ino(memory, id) ? -ENOTDIR : -ENOENT;
    *ret_dir = memory->directories[position];
    return 0;
}

/* Where a name stands among the children, or where it would. */
static size_t position_of(const struct item *dir, const char *name, bool *ret_there)
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
    size_t position = position_of(dir, name, &there);
    return there ? dir->children[position] : NULL;
}

/* Finds a directory and what is in it under a name, NULL if nothing is. */
static int find_place(const struct memory *memory, uint64_t dir_id, const char *name, struct item **ret_dir,
                      struct item **ret_child)
{
    int result = find_dir(memory, dir_id, ret_dir);
    if (result == 0)
        *ret_child = child_of(*ret_dir, name);
    return result;
}

static int find_child(const struct memory *memory, uint64_t dir_id, const char *name, struct item **ret_child)
{
    struct item *dir, *child;
    int result = find_place(memory, dir_id, name, &dir, &child);
    if (result == 0 && !child)
        result = -ENOENT;
    if (result == 0)
        *ret_child = child;
    return result;
}

/* Makes sure that children_insert() has room. */
static int children_reserve(struct item *dir)
{
    return reserve(&dir->children, &dir->children_room, dir->children_count);
}

static void children_insert(struct item *dir, struct item *child)
{
    bool there;
    size_t position = position_of(dir, child->name, &there);
    assert(!there && dir->children_count < dir->children_room);
    memmove(dir->children + position + 1, dir->children + position,
            (dir->children_count - position) * sizeof *dir->children);
    dir->children[position] = child;
    dir->children_count++;
    child->parent = dir;
    if (is_dir(child))
        child->entry.parent = dir->entry.ino;
}

static void children_remove(struct item *child)
{
    struct item *dir = child->parent;
    bool there;
    size_t position = position_of(dir, child->name, &there);
    assert(there && dir->children[position] == child);
    dir->children_count--;
    memmove(dir->children + position, dir->children + position + 1,
            (dir->children_count - position) * sizeof *dir->children);
    child->parent = NULL;
}

/* True when `item` is `dir` or somewhere below it. */
static bool is_within(const struct item *item, const struct item *dir)
{
    while (item && item != dir)
        item = item->parent;
    return item;
}

/* A name in a directory has come or gone. */
static void touch_dir(const struct memory *memory, struct item *dir)
{
    dir->entry.mtime_ns = dir->entry.ctime_ns = memory->now_ns;
}

static struct entry_defaults defaults_in(const struct memory *memory, const struct item *dir)
{
    struct entry_defaults defaults = {0};
    while (dir && !entry_defaults_take(&defaults, &dir->entry))
        dir = dir->parent;
    if (defaults.ttl_ms == ENTRY_UNSET)
        defaults.ttl_ms = memory->options->ttl_ms;
    return defaults;
}

/* --- the queue ----------------------------------------------------------------------------------------- */

static void queue_append(struct memory *memory, struct item *item)
{
    item->older = memory->newest;
    item->newer = NULL;
    if (memory->newest)
        memory->newest->newer = item;
    else
        memory->oldest = item;
    memory->newest = item;
}

static void queue_remove(struct memory *memory, struct item *item)
{
    if (memory->hand == item)
        memory->hand = item->newer;
    *(item->older ? &item->older->newer : &memory->oldest) = item->newer;
    *(item->newer ? &item->newer->older : &memory->newest) = item->older;
    item->older = item->newer = NULL;
}

/* --- coming and going ---------------------------------------------------------------------------------- */

static void note_deadline(struct memory *memory, const struct item *item)
{
    int64_t deadline_ms = entry_deadline_ms(&item->entry);
    if (deadline_ms < memory->next_deadline_ms)
        memory->next_deadline_ms = deadline_ms;
}

/* Puts a new item under a name it owns already. Room, and the array's, was made before. */
static void item_publish(struct memory *memory, struct item *item, struct item *dir)
{
    item->state = PUBLISHED;
    children_insert(dir, item);
    memory->bytes += charge(item);
    if (is_dir(item)) {
        directory_add(memory, item);
        return;
    }
    memory->items++;
    memory->sets++;
    queue_append(memory, item);
    note_deadline(memory, item);
}

static void item_bury(struct memory *memory, struct item *item)
{
    memory->bytes -= charge(item);
    children_remove(item);
    item->state = DEAD;
    if (is_dir(item)) {
        directory_remove(memory, item);
    } else {
        queue_remove(memory, item);
        memory->items--;
    }
    if (item->pins > 0)
        memory->bytes += charge(item);
    else
        item_free(item);
}

/* Buries an entry that nobody asked to. Without memory for it, the note of it is lost. */
static void item_lose(struct memory *memory, struct item *item, enum store_gone why)
{
    struct gone *gone = memory->options->gone ? malloc(sizeof *gone) : NULL;
    if (gone) {
        gone->next = NULL;
        gone->dir = item->parent->entry.ino;
        gone->why = why;
        strcpy(gone->name, item->name);
        *memory->gone_end = gone;
        memory->gone_end = &gone->next;
    }
    *(why == STORE_GONE_EXPIRED ? &memory->expired : &memory->evicted) += 1;
    item_bury(memory, item);
}

static void expire_due(struct memory *memory)
{
    if (now_ms(memory) < memory->next_deadline_ms)
        return;
    memory->next_deadline_ms = INT64_MAX;
    for (struct item *item = memory->oldest, *newer; item; item = newer) {
        newer = item->newer;
        if (entry_alive(&item->entry, now_ms(memory)))
            note_deadline(memory, item);
        else
            item_lose(memory, item, STORE_GONE_EXPIRED);
    }
}

/* --- room ---------------------------------------------------------------------------------------------- */

/* What a mutation is about to add, and what it works on, which must not go to make room for it. */
struct room {
    int64_t bytes;
    uint64_t items;
    const struct item *spare, *spare_too;
};

static bool has_room(const struct memory *memory, const struct room *room)
{
    const struct store_options *options = memory->options;
    if (room->bytes > 0 && (uint64_t)room->bytes > options->limit_bytes - memory->bytes)
        return false;
    return room->items == 0 || options->limit_items == 0 || memory->items + room->items <= options->limit_items;
}

/*
 * The entry to go next. SIEVE (Zhang et al., NSDI 2024): the hand walks from the oldest to the newest and round
 * again, takes the visited bit from who has one and evicts who has none. FIFO is the same without the bit. Two
 * rounds meet everybody without it.
 */
static struct item *next_victim(struct memory *memory, const struct room *room)
{
    if (memory->options->policy == STORE_POLICY_NONE)
        return NULL;
    bool sieve = memory->options->policy == STORE_POLICY_SIEVE;
    struct item *item = sieve && memory->hand ? memory->hand : memory->oldest;
    for (uint64_t step = 0; item && step < 2 * memory->items; step++) {
        struct item *newer = item->newer ? item->newer : memory->oldest;
        if (item != room->spare && item != room->spare_too) {
            if (!sieve || !item->visited) {
                memory->hand = item;
                return item;
            }
            item->visited = false;
        }
        item = newer;
    }
    return NULL;
}

static int make_room(struct memory *memory, const struct room *room)
{
    if (has_room(memory, room))
        return 0;
    memory->waits++;
    while (!has_room(memory, room)) {
        struct item *victim = next_victim(memory, room);
        if (!victim)
            return -ENOSPC;
        item_lose(memory, victim, STORE_GONE_EVICTED);
    }
    return 0;
}

/* --- one call ------------------------------------------------------------------------------------------ */

static struct memory *enter(void *impl)
{
    struct memory *memory = impl;
    pthread_mutex_lock(&memory->lock);
    memory->now_ns = store_now_ns(memory->options);
    expire_due(memory);
    return memory;
}

static void leave(struct memory **scoped)
{
    struct memory *memory = *scoped;
    struct gone *gone = memory->gone;
    memory->gone = NULL;
    memory->gone_end = &memory->gone;
    pthread_mutex_unlock(&memory->lock);
    while (gone) {
        struct gone *next = gone->next;
        memory->options->gone(memory->options->gone_arg, gone->dir, gone->name, gone->why);
        free(gone);
        gone = next;
    }
}

/* A variable `memory` that holds the lock to the end of its scope. */
#define ENTER(impl) struct memory *memory __attribute__((cleanup(leave))) = enter(impl)

/* --- opening ------------------------------------------------------------------------------------------- */

/* A new item, charged nothing yet, not published. With `name` it gets a copy of it. */
static struct item *item_new(const struct memory *memory, const char *name)
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

static struct item *root_new(struct memory *memory)
{
    struct item *root = item_new(memory, "");
    if (!root)
        return NULL;
    root->state = PUBLISHED;
    if (entry_init(&root->entry, ENTRY_DIR, 0755, geteuid(), getegid(), NULL, store_now_ns(memory->options)) < 0) {
        item_free(root);
        return NULL;
    }
    root->entry.ino = root->entry.parent = STORE_ROOT;
    return root;
}

static int memory_open(const char *path, const struct store_options *options, struct store *store, void **ret_impl,
                       struct store_error *ret_error)
{
    if (path[0] != '\0')
        return store_fail(ret_error, -EINVAL, "mem:%s: a store in memory has no path; use mem:", path);
    struct memory *memory = calloc(1, sizeof *memory);
    if (!memory)
        return store_fail(ret_error, -ENOMEM, "out of memory");
    memory->store = store;
    memory->options = options;
    memory->last_id = STORE_ROOT;
    memory->next_deadline_ms = INT64_MAX;
    memory->gone_end = &memory->gone;
    struct item *root = root_new(memory);
    if (!root || directories_reserve(memory) < 0) {
        if (root)
            item_free(root);
        free(memory);
        return store_fail(ret_error, -ENOMEM, "out of memory");
    }
    directory_add(memory, root);
    pthread_mutex_init(&memory->lock, NULL);
    *ret_impl = memory;
    return 0;
}

static void memory_close(void *impl)
{
    struct memory *memory = impl;
    assert(memory->pinned == 0);
    while (memory->oldest) {
        struct item *item = memory->oldest;
        memory->oldest = item->newer;
        item_free(item);
    }
    for (size_t i = 0; i < memory->directory_count; i++)
        item_free(memory->directories[i]);
    free(memory->directories);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

static int memory_sync(void *impl)
{
    (void)impl;
    return 0;
}

/* --- looking ------------------------------------------------------------------------------------------- */

static int memory_lookup(void *impl, uint64_t dir_id, const char *name, struct entry *ret_entry)
{
    ENTER(impl);
    struct item *item;
    int result = find_child(memory, dir_id, name, &item);
    if (result < 0)
        return result;
    struct entry entry = item->entry;
    if (entry.kind == ENTRY_FILE && entry.size <= ENTRY_INLINE_MAX) {
        entry.value = item->value ? item->value : (const uint8_t *)"";
        entry.value_size = entry.size;
    }
    return entry_copy(&entry, true, ret_entry);
}

static int memory_dir(void *impl, uint64_t dir_id, struct entry *ret_entry)
{
    ENTER(impl);
    struct item *dir;
    int result = find_dir(memory, dir_id, &dir);
    return result < 0 ? result : entry_copy(&dir->entry, false, ret_entry);
}

static int memory_list(void *impl, uint64_t dir_id, const char *after,
                       int (*each)(void *arg, const char *name, const struct entry *entry), void *arg)
{
    ENTER(impl);
    struct item *dir;
    bool there = false;
    int result = find_dir(memory, dir_id, &dir);
    if (result < 0)
        return result;
    size_t i = after ? position_of(dir, after, &there) : 0;
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
    int result = make_room(memory, &room);
    if (result == 0)
        result = children_reserve(dir);
    if (result == 0)
        result = directories_reserve(memory);
    if (is_dir(made))
        made->entry.parent = dir->entry.ino;
    if (result == 0 && ret_entry)
        result = entry_copy(&made->entry, true, &entry);
    if (result < 0) {
        entry_release(&entry);
        item_free(made);
        return result;
    }
    item_publish(memory, made, dir);
    touch_dir(memory, dir);
    if (ret_entry)
        *ret_entry = entry;
    return 0;
}

static int memory_make_dir(void *impl, uint64_t dir_id, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                           struct entry *ret_entry)
{
    ENTER(impl);
    struct item *dir, *current = NULL;
    int result = find_place(memory, dir_id, name, &dir, &current);
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
    struct entry_defaults defaults = defaults_in(memory, dir);
    int result = entry_init(&made->entry, ENTRY_SYMLINK, 0777, uid, gid, &defaults, memory->now_ns);
    if (result == 0)
        result = entry_set_value(&made->entry, target, strlen(target));
    made->entry.size = strlen(target);
    made->entry.ino = ++memory->last_id;
    made->base.id = made->entry.version = made->entry.change = ++memory->last_id;
    return result;
}

static int memory_make_symlink(void *impl, uint64_t dir_id, const char *name, const char *target, uint32_t uid,
                               uint32_t gid, struct entry *ret_entry)
{
    ENTER(impl);
    struct item *dir, *current = NULL;
    int result = find_place(memory, dir_id, name, &dir, &current);
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

static int memory_remove(void *impl, uint64_t dir_id, const char *name)
{
    ENTER(impl);
    struct item *item;
    int result = find_child(memory, dir_id, name, &item);
    if (result < 0 || is_dir(item))
        return result < 0 ? result : -EISDIR;
    touch_dir(memory, item->parent);
    memory->deletes++;
    item_bury(memory, item);
    return 0;
}

static int memory_remove_dir(void *impl, uint64_t dir_id, const char *name)
{
    ENTER(impl);
    struct item *item;
    int result = find_child(memory, dir_id, name, &item);
    if (result < 0)
        return result;
    if (!is_dir(item))
        return -ENOTDIR;
    if (item->children_count > 0)
        return -ENOTEMPTY;
    touch_dir(memory, item->parent);
    item_bury(memory, item);
    return 0;
}

/* Whether `item` may take the place of `target`, which may be NULL, in `to`. */
static int check_replace(const struct item *item, const struct item *target, const struct item *to)
{
    if (is_dir(item) && is_within(to, item))
        return -EINVAL;
    if (target && is_dir(target) && !is_dir(item))
        return -EISDIR;
    if (target && !is_dir(target) && is_dir(item))
        return -ENOTDIR;
    return target && target->children_count > 0 ? -ENOTEMPTY : 0;
}

static int check_exchange(const struct item *item, const struct item *target)
{
    if (!target)
        return -ENOENT;
    return is_within(target->parent, item) || is_within(item->parent, target) ? -EINVAL : 0;
}

/* Both names stay; what they name changes sides. */
static void exchange(struct item *item, struct item *target)
{
    struct item *from = item->parent, *to = target->parent;
    char *name = item->name;
    children_remove(item);
    children_remove(target);
    item->name = target->name;
    target->name = name;
    children_insert(to, item);
    children_insert(from, target);
}

/* `target`, which may be NULL, goes, and `item` takes its place. */
static int replace(struct memory *memory, struct item *item, struct item *target, struct item *to, const char *new_name)
{
    struct room room = {.spare = item, .spare_too = target};
    room.bytes = (int64_t)charge_as(item, &item->entry, new_name) - (int64_t)charge(item);
    room.bytes -= target ? (int64_t)freed_by_death(target) : 0;
    char *name = strdup(new_name);
    int result = name ? children_reserve(to) : -ENOMEM;
    if (result == 0)
        result = make_room(memory, &room);
    if (result < 0) {
        free(name);
        return result;
    }
    if (target)
        item_bury(memory, target);
    memory->bytes -= charge(item);
    children_remove(item);
    free(item->name);
    item->name = name;
    children_insert(to, item);
    memory->bytes += charge(item);
    return 0;
}

static int memory_rename(void *impl, uint64_t dir_id, const char *name, uint64_t new_dir_id, const char *new_name,
                         unsigned flags)
{
    ENTER(impl);
    struct item *from, *to, *item = NULL, *target = NULL;
    int result = find_place(memory, dir_id, name, &from, &item);
    if (result == 0)
        result = find_place(memory, new_dir_id, new_name, &to, &target);
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
    if (flags == STORE_EXCHANGE)
        exchange(item, target);
    else
        result = replace(memory, item, target, to, new_name);
    if (result == 0) {
        touch_dir(memory, from);
        touch_dir(memory, to);
    }
    return result;
}

/* --- attributes ---------------------------------------------------------------------------------------- */

static int change_item(struct memory *memory, struct item *item, const struct entry_change *change)
{
    struct entry changed;
    int result = entry_copy(&item->entry, true, &changed);
    if (result < 0)
        return result;
    result = entry_apply(&changed, change, memory->now_ns);
    if (result == 0) {
        struct room room = {.spare = item};
        room.bytes = (int64_t)charge_as(item, &changed, item->name) - (int64_t)charge(item);
        result = make_room(memory, &room);
    }
    if (result < 0) {
        entry_release(&changed);
        return result;
    }
    memory->bytes -= charge(item);
    entry_release(&item->entry);
    item->entry = changed;
    memory->bytes += charge(item);
    if (item->state == PUBLISHED)
        note_deadline(memory, item);
    return 0;
}

static int memory_change_dir(void *impl, uint64_t dir_id, const struct entry_change *change, struct entry *ret_entry)
{
    ENTER(impl);
    struct item *dir;
    int result = find_dir(memory, dir_id, &dir);
    if (result == 0)
        result = change_item(memory, dir, change);
    if (result == 0 && ret_entry)
        result = entry_copy(&dir->entry, false, ret_entry);
    return result;
}

static int memory_change(void *impl, struct store_version *version, const struct entry_change *change)
{
    ENTER(impl);
    struct item *item = item_of(version);
    int result = change_item(memory, item, change);
    if (result == 0 && item->state == STAGED) {
        /* A deadline holds until a lifetime is set after it. */
        if (change->set & (ENTRY_SET_TTL | ENTRY_RESTART))
            item->kept &= ~(unsigned)ENTRY_SET_EXPIRES;
        item->kept |= change->set;
    }
    return result;
}

static int memory_version_entry(void *impl, struct store_version *version, struct entry *ret_entry)
{
    ENTER(impl);
    return entry_copy(&item_of(version)->entry, false, ret_entry);
}

static bool memory_version_dead(void *impl, struct store_version *version)
{
    ENTER(impl);
    return item_of(version)->state == DEAD;
}

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
    item->visited = true;
    if (entry->idle_ms != ENTRY_UNSET && entry->idle_ms != ENTRY_FOREVER)
        entry->used_ms = now_ms(memory);
}

static int memory_pin(void *impl, uint64_t dir_id, const char *name, unsigned flags, struct store_version **ret_version)
{
    ENTER(impl);
    struct item *item;
    int result = find_child(memory, dir_id, name, &item);
    if (result < 0 || is_dir(item))
        return result < 0 ? result : -EISDIR;
    item_pin(memory, item);
    if (flags & STORE_HIT)
        count_hit(memory, item);
    *ret_version = &item->base;
    return 0;
}

static void memory_repin(void *impl, struct store_version *version)
{
    ENTER(impl);
    (void)memory;
    item_of(version)->pins++;
}

static void memory_unpin(void *impl, struct store_version *version)
{
    ENTER(impl);
    struct item *item = item_of(version);
    if (--item->pins > 0)
        return;
    memory->pinned--;
    if (item->state == PUBLISHED)
        return;
    memory->bytes -= charge(item);
    item_free(item);
}

/* Fills a new staged version's entry, from the file it is going to replace or from what is given. */
static int fill_staged(struct memory *memory, struct item *made, const struct item *dir, const struct item *current,
                       uint32_t mode, uint32_t uid, uint32_t gid)
{
    struct entry_defaults defaults = defaults_in(memory, dir);
    int result = entry_init(&made->entry, ENTRY_FILE, mode, uid, gid, &defaults, memory->now_ns);
    made->entry.ino = ++memory->last_id;
    made->base.id = made->entry.version = ++memory->last_id;
    if (result == 0 && current && current->entry.kind == ENTRY_FILE) {
        result = entry_take_over(&made->entry, &current->entry, 0);
        made->entry.hits = 0;
        made->inherited_ino = current->entry.ino;
        entry_restart(&made->entry, now_ms(memory));
    }
    return result;
}

static int memory_stage(void *impl, uint64_t dir_id, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                        struct store_version **ret_version)
{
    ENTER(impl);
    struct item *dir, *current = NULL;
    int result = find_place(memory, dir_id, name, &dir, &current);
    if (result < 0)
        return result;
    if (current && is_dir(current))
        return -EISDIR;
    struct item *made = item_new(memory, NULL);
    if (!made)
        return -ENOMEM;
    result = fill_staged(memory, made, dir, current, mode, uid, gid);
    if (result < 0) {
        item_free(made);
        return result;
    }
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
    entry_restart(&entry, now_ms(memory));
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
    room.bytes = (int64_t)entry_cost(entry, strlen(new_name)) - (int64_t)charge(item);
    room.bytes -= current ? (int64_t)freed_by_death(current) : 0;
    char *name = strdup(new_name);
    int result = name ? children_reserve(dir) : -ENOMEM;
    if (result == 0)
        result = make_room(memory, &room);
    if (result < 0) {
        free(name);
        return result;
    }
    if (current)
        item_bury(memory, current);
    else
        touch_dir(memory, dir);
    memory->bytes -= charge(item);
    entry_release(&item->entry);
    item->entry = *entry;
    item->name = name;
    item_publish(memory, item, dir);
    return 0;
}

static int memory_publish(void *impl, struct store_version *version, uint64_t dir_id, const char *name, unsigned flags)
{
    ENTER(impl);
    struct item *item = item_of(version), *dir, *current = NULL;
    struct entry entry;
    if (item->state != STAGED)
        return -EINVAL;
    int result = find_place(memory, dir_id, name, &dir, &current);
    if (result < 0)
        return result;
    if (current && flags & STORE_NOREPLACE)
        return -EEXIST;
    if (current && is_dir(current))
        return -EISDIR;
    result = entry_to_publish(memory, item, current, flags, &entry);
    if (result < 0)
        return result;
    result = publish_as(memory, item, &entry, dir, current, name);
    if (result < 0)
        entry_release(&entry);
    return result;
}

/* --- values -------------------------------------------------------------------------------------------- */

static int memory_read(void *impl, struct store_version *version, void *buffer, size_t size, uint64_t offset,
                       size_t *ret_size)
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
    if (size > memory->options->limit_bytes)
        return -EFBIG;
    struct room room = {.bytes = (int64_t)size - (int64_t)item->entry.size, .spare = item};
    int result = value_reserve(item, size);
    if (result == 0)
        result = make_room(memory, &room);
    if (result < 0)
        return result;
    if (size > item->entry.size)
        memset(item->value + item->entry.size, 0, size - item->entry.size);
    memory->bytes -= charge(item);
    item->entry.size = size;
    memory->bytes += charge(item);
    return 0;
}

/* A value was changed in place. */
static void value_changed(struct memory *memory, struct item *item)
{
    item->entry.mtime_ns = item->entry.ctime_ns = memory->now_ns;
    if (item->state != PUBLISHED)
        return;
    item->entry.change = ++memory->last_id;
    entry_restart(&item->entry, now_ms(memory));
    note_deadline(memory, item);
}

static int memory_write(void *impl, struct store_version *version, const void *data, size_t size, uint64_t offset)
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

static int memory_resize(void *impl, struct store_version *version, uint64_t size)
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

/* --- the whole ----------------------------------------------------------------------------------------- */

static void memory_stats(void *impl, struct store_stats *ret_stats)
{
    ENTER(impl);
    *ret_stats = (struct store_stats){
        .bytes = memory->bytes,
        .items = memory->items,
        .directories = memory->directory_count - 1,
        .limit_bytes = memory->options->limit_bytes,
        .limit_items = memory->options->limit_items,
        .hits = memory->hits,
        .sets = memory->sets,
        .deletes = memory->deletes,
        .expired = memory->expired,
        .evicted = memory->evicted,
        .pinned = memory->pinned,
        .waits = memory->waits,
    };
}

/* Expiry happens in every enter(), the rest in the calls that need it. */
static int memory_settle(void *impl)
{
    ENTER(impl);
    (void)memory;
    return 0;
}

const struct backend backend_memory = {
    .scheme = "mem",
    .open = memory_open,
    .close = memory_close,
    .sync = memory_sync,
    .lookup = memory_lookup,
    .dir = memory_dir,
    .list = memory_list,
    .make_dir = memory_make_dir,
    .make_symlink = memory_make_symlink,
    .remove = memory_remove,
    .remove_dir = memory_remove_dir,
    .rename = memory_rename,
    .change_dir = memory_change_dir,
    .pin = memory_pin,
    .stage = memory_stage,
    .repin = memory_repin,
    .unpin = memory_unpin,
    .version_entry = memory_version_entry,
    .version_dead = memory_version_dead,
    .read = memory_read,
    .write = memory_write,
    .resize = memory_resize,
    .change = memory_change,
    .publish = memory_publish,
    .stats = memory_stats,
    .settle = memory_settle,
};
