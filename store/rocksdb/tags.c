/* SPDX-License-Identifier: MIT */
/* tags.c - see tags.h. */
#include "tags.h"
#include "entry.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct invalidated {
    uint64_t mark;
    uint64_t from; /* the index of the tag has nothing dead before this version, */
    uint64_t living_from; /* and nothing that lives before this one */
    UT_hash_handle hh;
    char tag[];
};

void tags_init(struct tags *tags)
{
    *tags = (struct tags){0};
    pthread_rwlock_init(&tags->lock, NULL);
}

void tags_release(struct tags *tags)
{
    struct invalidated *at, *next;
    HASH_ITER(hh, tags->table, at, next)
    {
        HASH_DEL(tags->table, at);
        free(at);
    }
    pthread_rwlock_destroy(&tags->lock);
}

struct invalidated *invalidated_new(const char *tag)
{
    size_t size = strlen(tag) + 1;
    struct invalidated *invalidated = calloc(1, sizeof *invalidated + size);
    if (invalidated)
        memcpy(invalidated->tag, tag, size);
    return invalidated;
}

void invalidated_free(struct invalidated *invalidated)
{
    free(invalidated);
}

static struct invalidated *find_locked(const struct tags *tags, const char *tag, size_t size)
{
    struct invalidated *found;
    HASH_FIND(hh, tags->table, tag, size, found);
    return found;
}

static void note_newest_locked(struct tags *tags)
{
    uint64_t newest = 0;
    for (const struct invalidated *at = tags->table; at; at = at->hh.next)
        if (at->mark > newest)
            newest = at->mark;
    atomic_store(&tags->newest, newest);
}

void tags_enter(struct tags *tags, struct invalidated *invalidated, uint64_t mark, uint64_t living_from)
{
    size_t size = strlen(invalidated->tag);
    pthread_rwlock_wrlock(&tags->lock);
    struct invalidated *there = find_locked(tags, invalidated->tag, size);
    if (there) {
        free(invalidated);
    } else {
        there = invalidated;
        HASH_ADD_KEYPTR(hh, tags->table, there->tag, size, there);
    }
    if (mark > there->mark) {
        there->mark = mark;
        there->from = 0;
        there->living_from = living_from;
    }
    note_newest_locked(tags);
    pthread_rwlock_unlock(&tags->lock);
}

void tags_joined(struct tags *tags, const char *tag, size_t size, uint64_t version)
{
    if (version > atomic_load(&tags->newest))
        return;
    pthread_rwlock_wrlock(&tags->lock);
    struct invalidated *found = find_locked(tags, tag, size);
    if (found && version < found->living_from)
        found->living_from = version;
    pthread_rwlock_unlock(&tags->lock);
}

uint64_t tags_living_from(struct tags *tags, const char *tag)
{
    if (atomic_load(&tags->newest) == 0)
        return 0;
    pthread_rwlock_rdlock(&tags->lock);
    const struct invalidated *found = find_locked(tags, tag, strlen(tag));
    uint64_t from = found ? found->living_from : 0;
    pthread_rwlock_unlock(&tags->lock);
    return from;
}

uint64_t tags_mark(struct tags *tags, const char *tag, size_t size)
{
    if (atomic_load(&tags->newest) == 0)
        return 0;
    pthread_rwlock_rdlock(&tags->lock);
    const struct invalidated *found = find_locked(tags, tag, size);
    uint64_t mark = found ? found->mark : 0;
    pthread_rwlock_unlock(&tags->lock);
    return mark;
}

bool tags_first(struct tags *tags, char *ret_tag, uint64_t *ret_mark, uint64_t *ret_from)
{
    if (atomic_load(&tags->newest) == 0)
        return false;
    pthread_rwlock_rdlock(&tags->lock);
    const struct invalidated *first = tags->table;
    if (first) {
        strcpy(ret_tag, first->tag);
        *ret_mark = first->mark;
        *ret_from = first->from;
    }
    pthread_rwlock_unlock(&tags->lock);
    return first;
}

void tags_advance(struct tags *tags, const char *tag, uint64_t mark, uint64_t from)
{
    pthread_rwlock_wrlock(&tags->lock);
    struct invalidated *found = find_locked(tags, tag, strlen(tag));
    if (found && found->mark == mark)
        found->from = from;
    pthread_rwlock_unlock(&tags->lock);
}

void tags_leave(struct tags *tags, const char *tag, uint64_t mark)
{
    pthread_rwlock_wrlock(&tags->lock);
    struct invalidated *found = find_locked(tags, tag, strlen(tag));
    if (found && found->mark == mark) {
        atomic_fetch_add(&tags->left, 1); /* before it is not to be found any more */
        HASH_DEL(tags->table, found);
        free(found);
        note_newest_locked(tags);
    }
    pthread_rwlock_unlock(&tags->lock);
}

bool tags_judge(struct tags *tags, const struct entry *entry)
{
    size_t position = 0, size;
    const char *tag;
    bool dead = false;
    if (entry->kind == ENTRY_DIR)
        return false; /* its tags are for what is made in it */
    pthread_rwlock_rdlock(&tags->lock);
    while (!dead && entry_tag_next(entry->tags, &position, &tag, &size)) {
        const struct invalidated *found = find_locked(tags, tag, size);
        dead = found && entry->change <= found->mark;
    }
    pthread_rwlock_unlock(&tags->lock);
    return dead;
}
