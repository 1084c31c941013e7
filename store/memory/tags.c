/* SPDX-License-Identifier: MIT */
/*
 * tags.c - the slots about tags. There is no index: all that is published is looked at. An invalidation buries at once
 * what has the tag.
 */
#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int memory_invalidate_tag(void *impl, const char *tag)
{
    ENTER(impl);
    for (struct item *item = memory->oldest, *newer; item; item = newer) {
        newer = item->newer;
        if (entry_has_tag(&item->entry, tag))
            item_lose(memory, item, STORE_GONE_TAG);
    }
    return 0;
}

/* The first tag of all behind `after`, in a buffer of STORE_TAG_MAX + 1 bytes; false when there is none. */
static bool tag_behind(const struct memory *memory, const char *after, char *ret_tag)
{
    bool found = false;
    for (const struct item *item = memory->oldest; item; item = item->newer) {
        size_t position = 0, size;
        const char *at;
        while (item->entry.tags_size > 0 && entry_tag_next(item->entry.tags, &position, &at, &size)) {
            char tag[STORE_TAG_MAX + 1] = {0};
            memcpy(tag, at, size);
            if ((after && strcmp(tag, after) <= 0) || (found && strcmp(tag, ret_tag) >= 0))
                continue;
            strcpy(ret_tag, tag);
            found = true;
        }
    }
    return found;
}

int memory_list_tags(void *impl, const char *after, int (*each)(void *arg, const char *tag), void *arg)
{
    ENTER(impl);
    char last[STORE_TAG_MAX + 1], tag[STORE_TAG_MAX + 1];
    int result = 0;
    while (result == 0 && tag_behind(memory, after, tag)) {
        after = strcpy(last, tag);
        result = each(arg, tag);
    }
    return result;
}

static int by_version(const void *a, const void *b)
{
    const struct item *one = *(struct item *const *)a, *other = *(struct item *const *)b;
    return one->base.id < other->base.id ? -1 : one->base.id > other->base.id;
}

int memory_list_tag(void *impl, const char *tag, uint64_t after,
                    int (*each)(void *arg, uint64_t dir, const char *name, const struct entry *entry), void *arg)
{
    ENTER(impl);
    size_t count = 0;
    int result = 0;
    struct item **items = calloc(memory->items + 1, sizeof *items);
    if (!items)
        return -ENOMEM;
    for (struct item *item = memory->oldest; item; item = item->newer)
        if (item->base.id > after && entry_has_tag(&item->entry, tag))
            items[count++] = item;
    qsort(items, count, sizeof *items, by_version);
    for (size_t i = 0; i < count && result == 0; i++)
        result = each(arg, items[i]->parent->entry.ino, items[i]->name, &items[i]->entry);
    free(items);
    return result;
}
