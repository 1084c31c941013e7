/* SPDX-License-Identifier: MIT */
/*
 * memory.h - the state of a store in memory, and what names.c and versions.c are made of.
 *
 * An item is a directory, or a version of a file or link with its value in one block of memory. Published items hang
 * below a directory, in an array sorted by name; all directories also stand in one sorted by id, published versions
 * in a table by id and in the queue that eviction walks, oldest first:
 *
 *     directories: id -> item --children--> item, item, ...
 *     queue:       oldest <-> ... <- hand -> ... <-> newest
 *
 * A version is staged, published or dead. It is freed when it is not published and nobody has it pinned.
 *
 * Invariants: every item is charged at all times with item_charge(), `bytes` is the sum of the charges and never above
 * the limit. Nothing that is expired outlives memory_enter(), so that no slot of the table ever meets it.
 *
 * Locking: one mutex guards everything. Every slot begins with ENTER() and holds it to its end; then memory_leave()
 * tells options.gone what went meanwhile - in the thread of the call, as there is no thread of its own here.
 */
#ifndef LARDER_STORE_MEMORY_MEMORY_H
#define LARDER_STORE_MEMORY_MEMORY_H

#include "backend.h"
#include "entry.h"

#include <pthread.h>
#include <uthash.h>

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
    struct store_quota *quota; /* directories: owned; or NULL. Its totals are not kept */

    uint8_t *value; /* files: entry.size bytes, in a block of value_room */
    size_t value_room;
    unsigned pins;
    unsigned kept; /* ENTRY_SET_ bits changed while staged */
    uint64_t staged_dir; /* where it was staged */
    uint64_t inherited_ino; /* staged: the ino it got from the file it is to replace, or 0 */
    bool visited; /* read since the hand came by */
    uint64_t used; /* memory.clock at the last read or publish, */
    unsigned uses; /* and how often, logarithmically, lately */
    struct item *older, *newer; /* in the queue, while published */
    UT_hash_handle hh; /* in the table, likewise */
};

/* An entry that went without anybody asking, until options.gone is told. */
struct gone {
    struct gone *next;
    uint64_t dir, version, size;
    enum store_gone why;
    char name[STORE_NAME_MAX + 1];
};

struct memory {
    struct store *store;
    const struct store_options *options;
    pthread_mutex_t lock; /* guards all below */
    uint64_t limit_bytes, limit_items; /* 0: no limit of items */
    int64_t now_ns; /* the time of the call that holds the lock */
    uint64_t last_id; /* of inodes, directories, versions and changes alike */
    struct item **directories; /* all of them, the root first, sorted by id */
    size_t directory_count, directory_room;
    struct item *oldest, *newest, *hand;
    enum store_policy policy;
    uint64_t clock; /* of publishes and reads; for policies */
    uint64_t dice; /* the last number thrown */
    struct item *versions; /* those of the queue by id (uthash) */
    int64_t next_deadline_ms; /* nothing expires before */
    uint64_t bytes, items;
    uint64_t pinned, hits, sets, deletes, expired, evicted, evicted_for_quotas, invalidated, waits;
    struct gone *gone, **gone_end;
};

/* Takes the lock, reads the clock and lets go what has expired. */
struct memory *memory_enter(void *impl);
/* Gives the lock back, and then tells options.gone. */
void memory_leave(struct memory **scoped);

/* A variable `memory` that holds the lock to the end of its scope. */
#define ENTER(impl) struct memory *memory __attribute__((cleanup(memory_leave))) = memory_enter(impl)

/* --- below here the lock is held ----------------------------------------------------------------------- */

static inline int64_t memory_now_ms(const struct memory *memory)
{
    return memory->now_ns / NS_PER_MS;
}

static inline bool item_is_dir(const struct item *item)
{
    return item->entry.kind == ENTRY_DIR;
}

static inline struct item *item_of(struct store_version *version)
{
    return (struct item *)version;
}

/* A new item, charged nothing yet, not published. With `name` it gets a copy of it. NULL without memory. */
struct item *item_new(const struct memory *memory, const char *name);
void item_free(struct item *item);

/* What an item costs now; what it would with this entry and name; what is no longer charged when it dies. */
uint64_t item_charge(const struct item *item);
uint64_t item_charge_as(const struct item *item, const struct entry *entry, const char *name);
uint64_t item_freed_by_death(const struct item *item);

/* Tells the policies that a published item was read. */
void item_used(struct memory *memory, struct item *item);

/* True when `item`, which may be NULL, is `dir` or somewhere below it. */
bool item_is_within(const struct item *item, const struct item *dir);

/* Where a name stands among a directory's children, or where it would. */
size_t item_position_of(const struct item *dir, const char *name, bool *ret_there);

/* Directories by id: -ENOENT, -ENOTDIR. What is in one under a name, NULL if nothing is; or -ENOENT then. */
int memory_find_dir(const struct memory *memory, uint64_t id, struct item **ret_dir);
int memory_find_place(const struct memory *memory, uint64_t dir_id, const char *name, struct item **ret_dir,
                      struct item **ret_child);
int memory_find_child(const struct memory *memory, uint64_t dir_id, const char *name, struct item **ret_child);

/* Make sure that the next two have room. -ENOMEM. */
int memory_reserve_dir(struct memory *memory);
int item_reserve_child(struct item *dir);
/* Ids only grow, so that a new directory belongs at the end. */
void memory_add_dir(struct memory *memory, struct item *dir);
void item_insert_child(struct item *dir, struct item *child);
void item_remove_child(struct item *child);

/* What entries made in a directory start with. */
struct entry_defaults memory_defaults_in(const struct memory *memory, const struct item *dir);

/* A name in a directory has come or gone. */
void memory_touch_dir(const struct memory *memory, struct item *dir);

/* A published item's deadline may be the next one. */
void memory_note_deadline(struct memory *memory, const struct item *item);

/* What a mutation is about to add, and what it works on, which must not go to make room for it. */
struct room {
    int64_t bytes;
    uint64_t items;
    const struct item *spare, *spare_too;
    const struct item *within; /* only what is below this directory may go; NULL all */
};

/* Evicts until there is room, or -ENOSPC. */
int memory_make_room(struct memory *memory, const struct room *room);

/* Evicts what is above the limits. */
void memory_shrink(struct memory *memory);

/* The entry to go next by a policy; NULL when none may. */
struct item *memory_victim(struct memory *memory, enum store_policy policy, const struct room *room);

/* What a mutation is about to add below a directory. */
struct below {
    const struct item *dir;
    const struct item *from; /* what it adds counts below here already, with `counted_bytes`; NULL: nowhere */
    int64_t bytes, counted_bytes; /* less what it replaces in `dir` */
    uint64_t items;
    const struct item *spare, *spare_too;
};

/* Evicts until there is room in every quota above, or -EDQUOT. */
int memory_make_room_below(struct memory *memory, const struct below *below);

/* The largest value that may be in a directory. */
uint64_t memory_value_max(const struct item *dir);

/* Buries an entry that nobody asked to remove by its name, and notes that for options.gone. */
void item_lose(struct memory *memory, struct item *item, enum store_gone why);

/* Publishes an item under a name it owns already. Room, and the arrays', was made before. */
void item_publish(struct memory *memory, struct item *item, struct item *dir);
/* Takes a published item away: a directory, and what nobody has in hand, is freed. */
void item_bury(struct memory *memory, struct item *item);

/* Errors as at struct entry_change. */
int item_change(struct memory *memory, struct item *item, const struct entry_change *change);

/* The slots of struct backend. */
int memory_lookup(void *impl, uint64_t dir_id, const char *name, struct entry *ret_entry);
int memory_dir(void *impl, uint64_t dir_id, struct entry *ret_entry);
int memory_dir_place(void *impl, uint64_t dir_id, uint64_t *ret_parent, char *ret_name);
int memory_list(void *impl, uint64_t dir_id, const char *after,
                int (*each)(void *arg, const char *name, const struct entry *entry), void *arg);
int memory_make_dir(void *impl, uint64_t dir_id, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                    struct entry *ret_entry);
int memory_make_symlink(void *impl, uint64_t dir_id, const char *name, const char *target, uint32_t uid, uint32_t gid,
                        struct entry *ret_entry);
int memory_remove(void *impl, uint64_t dir_id, const char *name, uint64_t version);
int memory_remove_dir(void *impl, uint64_t dir_id, const char *name);
int memory_clear(void *impl, uint64_t dir_id, uint64_t most, struct store_clearing *clearing,
                 void (*each)(void *arg, const char *name, uint64_t version, uint64_t size), void *arg);
int memory_rename(void *impl, uint64_t dir_id, const char *name, uint64_t new_dir_id, const char *new_name,
                  unsigned flags);
int memory_change_dir(void *impl, uint64_t dir_id, const struct entry_change *change, struct entry *ret_entry);

int memory_pin(void *impl, uint64_t dir_id, const char *name, unsigned flags, struct store_version **ret_version);
int memory_pin_version(void *impl, uint64_t version, unsigned flags, struct store_version **ret_version);
void memory_repin(void *impl, struct store_version *version);
int memory_stage(void *impl, uint64_t dir_id, const char *name, uint32_t mode, uint32_t uid, uint32_t gid,
                 struct store_version **ret_version);
void memory_unpin(void *impl, struct store_version *version);
int memory_version_entry(void *impl, struct store_version *version, struct entry *ret_entry);
bool memory_version_dead(void *impl, struct store_version *version);
int memory_read(void *impl, struct store_version *version, void *buffer, size_t size, uint64_t offset,
                size_t *ret_size);
int memory_write(void *impl, struct store_version *version, const void *data, size_t size, uint64_t offset);
int memory_resize(void *impl, struct store_version *version, uint64_t size);
int memory_change(void *impl, struct store_version *version, const struct entry_change *change);
int memory_invalidate_tag(void *impl, const char *tag);
int memory_list_tags(void *impl, const char *after, int (*each)(void *arg, const char *tag), void *arg);
int memory_list_tag(void *impl, const char *tag, uint64_t after,
                    int (*each)(void *arg, uint64_t dir, const char *name, const struct entry *entry), void *arg);
int memory_set_quota(void *impl, uint64_t dir_id, unsigned fields, const struct store_quota *wanted);
int memory_quota(void *impl, uint64_t dir_id, struct store_quota *ret_quota);
int memory_list_quotas(void *impl, int (*each)(void *arg, uint64_t dir, const struct store_quota *quota), void *arg);
int memory_check(void *impl, const struct store_watch *watch, struct store_checked *ret_checked);
int memory_fsck(const char *path, unsigned flags, const struct store_options *options, const struct store_watch *watch,
                struct store_checked *ret_checked, struct store_error *ret_error);
int memory_publish(void *impl, struct store_version *version, uint64_t dir_id, const char *name, uint64_t change,
                   unsigned flags);
int memory_snapshot_open(void *impl, struct store_snapshot **ret_snapshot);
void memory_snapshot_close(void *impl, struct store_snapshot *snapshot);
int memory_snapshot_next(void *impl, struct store_snapshot *snapshot, const char **ret_path,
                         const struct entry **ret_entry);
int memory_snapshot_read(void *impl, struct store_snapshot *snapshot, void *buffer, size_t size, uint64_t offset);

#endif
