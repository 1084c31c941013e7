/* SPDX-License-Identifier: MIT */
/* check.c - the slots that check: of a store in memory, what memory.h says of it. */
#include "memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct look {
    const struct store_watch *watch;
    struct store_checked checked;
};

__attribute__((format(printf, 3, 4))) static void found(struct look *look, enum store_fault fault, const char *format,
                                                        ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct store_finding finding = {.fault = fault, .remedy = STORE_LEFT, .text = text};
    look->checked.left++;
    if (look->watch->found)
        look->watch->found(look->watch->arg, &finding);
}

static bool is_below_root(const struct memory *memory, const struct item *item)
{
    return item_is_within(item, memory->directories[0]);
}

static void check_dir(struct look *look, const struct memory *memory, const struct item *dir)
{
    look->checked.rows += dir->children_count;
    if (!is_below_root(memory, dir))
        found(look, STORE_FAULT_DIRECTORY, "directory %llu is not below the root", (unsigned long long)dir->entry.ino);
    for (size_t i = 0; i < dir->children_count; i++) {
        const struct item *child = dir->children[i];
        bool there;
        if (child->parent != dir || (item_is_dir(child) && child->entry.parent != dir->entry.ino))
            found(look, STORE_FAULT_DIRECTORY, "%s does not lead to the directory it is in", child->name);
        if (item_position_of(dir, child->name, &there) != i)
            found(look, STORE_FAULT_DIRECTORY, "%s does not stand where it is looked for", child->name);
        if (child->state != PUBLISHED)
            found(look, STORE_FAULT_ROW, "%s is not published", child->name);
    }
}

static void check_version(struct look *look, const struct memory *memory, const struct item *item)
{
    const struct item *listed;
    bool there = false;
    HASH_FIND(hh, memory->versions, &item->base.id, sizeof item->base.id, listed);
    if (listed != item || item->entry.version != item->base.id)
        found(look, STORE_FAULT_VERSION, "the version of %s does not lead to it", item->name);
    if (!item->parent || item->state != PUBLISHED)
        found(look, STORE_FAULT_VERSION, "version %llu is in the queue and nowhere else",
              (unsigned long long)item->base.id);
    else if (item->parent->children[item_position_of(item->parent, item->name, &there)] != item || !there)
        found(look, STORE_FAULT_VERSION, "version %llu is in the queue and not in its directory",
              (unsigned long long)item->base.id);
    if (item->base.id > memory->last_id || item->entry.ino > memory->last_id)
        found(look, STORE_FAULT_NUMBER, "%s has a number that was not given out", item->name);
    if (entry_deadline_ms(&item->entry) < memory->next_deadline_ms)
        found(look, STORE_FAULT_DEADLINE, "nobody looks when %s expires", item->name);
}

int memory_check(void *impl, const struct store_watch *watch, struct store_checked *ret_checked)
{
    ENTER(impl);
    struct look look = {.watch = watch};
    uint64_t bytes = 0;
    for (size_t i = 0; i < memory->directory_count; i++) {
        check_dir(&look, memory, memory->directories[i]);
        bytes += item_charge(memory->directories[i]);
    }
    for (const struct item *item = memory->oldest; item; item = item->newer) {
        check_version(&look, memory, item);
        bytes += item_charge(item);
        look.checked.value_bytes += item->entry.size;
        look.checked.entries++;
    }
    look.checked.directories = memory->directory_count - 1;
    if (look.checked.entries != memory->items || bytes > memory->bytes ||
        (memory->pinned == 0 && bytes != memory->bytes))
        found(&look, STORE_FAULT_COUNTERS, "%llu bytes and %llu entries were counted, and there are %llu and %llu",
              (unsigned long long)memory->bytes, (unsigned long long)memory->items, (unsigned long long)bytes,
              (unsigned long long)look.checked.entries);
    *ret_checked = look.checked;
    return 0;
}

int memory_fsck(const char *path, unsigned flags, const struct store_options *options, const struct store_watch *watch,
                struct store_checked *ret_checked, struct store_error *ret_error)
{
    (void)flags, (void)options, (void)watch, (void)ret_checked;
    return store_fail(ret_error, -EINVAL, "mem:%s: a store in memory ends with its mount; check that", path);
}
