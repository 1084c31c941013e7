/* SPDX-License-Identifier: MIT */
/*
 * snapshots.c - the slots about snapshots: a copy of everything, values included, made at the opening in the order in
 * which it is walked.
 */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copy {
    char *path;
    struct entry entry;
    uint8_t *value;
};

struct snapshot {
    struct store_snapshot base;
    struct copy *copies;
    size_t count, room, next;
};

static char *path_below(const char *dir, const char *name)
{
    size_t size = strlen(dir);
    char *path = malloc(size + 1 + strlen(name) + 1);
    if (path)
        sprintf(path, "%s%s%s", dir, size ? "/" : "", name);
    return path;
}

/* The slot for one more copy; NULL without memory. It is empty, and counted already. */
static struct copy *next_copy(struct snapshot *snapshot)
{
    if (snapshot->count == snapshot->room) {
        size_t room = snapshot->room ? 2 * snapshot->room : 64;
        struct copy *copies = realloc(snapshot->copies, room * sizeof *copies);
        if (!copies)
            return NULL;
        snapshot->copies = copies;
        snapshot->room = room;
    }
    struct copy *copy = &snapshot->copies[snapshot->count++];
    *copy = (struct copy){0};
    return copy;
}

static int copy_one(struct snapshot *snapshot, const struct item *item, const char *dir_path)
{
    struct copy *copy = next_copy(snapshot);
    if (!copy || !(copy->path = path_below(dir_path, item->name)))
        return -ENOMEM;
    int result = entry_copy(&item->entry, true, &copy->entry);
    if (result == 0 && item->entry.kind == ENTRY_FILE && item->entry.size > 0) {
        if (!(copy->value = malloc(item->entry.size)))
            return -ENOMEM;
        memcpy(copy->value, item->value, item->entry.size);
    }
    return result;
}

/* What comes behind an item, and is not in it: the next in its directory, or in the nearest above that has one. */
static const struct item *behind(const struct item *item)
{
    for (; item->parent; item = item->parent) {
        bool there;
        size_t next = item_position_of(item->parent, item->name, &there) + 1;
        if (next < item->parent->children_count)
            return item->parent->children[next];
    }
    return NULL;
}

static int copy_all(struct snapshot *snapshot, const struct item *root)
{
    size_t dir = 0; /* the copy of the item's directory */
    int result = 0;
    const struct item *item = root;
    while (item && result == 0) {
        result = copy_one(snapshot, item, item->parent ? snapshot->copies[dir].path : "");
        const struct item *next = item->children_count > 0 ? item->children[0] : behind(item);
        if (result == 0 && next && next->parent->entry.ino != snapshot->copies[dir].entry.ino)
            for (dir = snapshot->count - 1; snapshot->copies[dir].entry.ino != next->parent->entry.ino;)
                dir--; /* it was copied before */
        item = next;
    }
    return result;
}

int memory_snapshot_open(void *impl, struct store_snapshot **ret_snapshot)
{
    ENTER(impl);
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return -ENOMEM;
    snapshot->base.store = memory->store;
    int result = copy_all(snapshot, memory->directories[0]);
    if (result < 0)
        memory_snapshot_close(impl, &snapshot->base);
    else
        *ret_snapshot = &snapshot->base;
    return result;
}

void memory_snapshot_close(void *impl, struct store_snapshot *base)
{
    struct snapshot *snapshot = (struct snapshot *)base;
    (void)impl;
    for (size_t i = 0; i < snapshot->count; i++) {
        free(snapshot->copies[i].path);
        free(snapshot->copies[i].value);
        entry_release(&snapshot->copies[i].entry);
    }
    free(snapshot->copies);
    free(snapshot);
}

int memory_snapshot_next(void *impl, struct store_snapshot *base, const char **ret_path, const struct entry **ret_entry)
{
    struct snapshot *snapshot = (struct snapshot *)base;
    (void)impl;
    if (snapshot->next == snapshot->count)
        return 1;
    const struct copy *copy = &snapshot->copies[snapshot->next++];
    *ret_path = copy->path;
    *ret_entry = &copy->entry;
    return 0;
}

int memory_snapshot_read(void *impl, struct store_snapshot *base, void *buffer, size_t size, uint64_t offset)
{
    const struct snapshot *snapshot = (struct snapshot *)base;
    (void)impl;
    memcpy(buffer, snapshot->copies[snapshot->next - 1].value + offset, size);
    return 0;
}
