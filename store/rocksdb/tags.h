/* SPDX-License-Identifier: MIT */
/*
 * tags.h - tags that were invalidated, in memory: which, and up to which number.
 *
 * Invalidating a tag writes one row with a *mark*, a number of the sequence that changes take theirs from. What has the
 * tag and a `change` up to the mark was stored before, and is dead; what was published, or given the tag, after it has a
 * higher one. So an entry is judged by what stands in its row alone, and by its tags that are in here:
 *
 *     dead  <=>  for one of its tags: entry.change <= mark(tag)
 *
 * Numbers are given to changes and marks under the mutation mutex. An entry that is given an invalidated tag, and would
 * be dead by that, takes a new number (change.c). The keeper kills what is dead, in the order of the tag's index; then
 * the row goes, and the tag from here.
 *
 * Who judges a row that was read without the mutation mutex notes before reading it how many marks have gone: if more
 * have when it is judged, the row may be one that was dead, and killed meanwhile. Under the mutex, and of a version whose
 * pin is still published afterwards, that cannot be.
 *
 * All are here, from before an invalidation returns and from the opening on. Locking: its own, the last in the order; an
 * entry without tags, or younger than the newest mark, needs none.
 */
#ifndef LARDER_ROCKSDB_TAGS_H
#define LARDER_ROCKSDB_TAGS_H

#include "store.h"

#include <pthread.h>
#include <stdatomic.h>

struct invalidated;

struct tags {
    pthread_rwlock_t lock; /* guards the table */
    struct invalidated *table; /* by tag (uthash) */
    _Atomic uint64_t newest; /* no mark is higher; 0: there is none. Changes under the lock, read without */
    _Atomic uint64_t left; /* how many marks have gone; likewise */
};

void tags_init(struct tags *tags);
void tags_release(struct tags *tags);

/* One to be entered, or NULL without memory; and to be let go when it is not. */
struct invalidated *invalidated_new(const char *tag);
void invalidated_free(struct invalidated *invalidated);

/* Enters a tag with its mark, or raises the mark it has, and takes the first over. Of the versions up to the mark those
 * before `living_from` are dead by it. With the mutation mutex, as the next: no version comes to have the tag meanwhile. */
void tags_enter(struct tags *tags, struct invalidated *invalidated, uint64_t mark, uint64_t living_from);

/* A living version came to have a tag. */
void tags_joined(struct tags *tags, const char *tag, size_t size, uint64_t version);

/* The index of a tag has nothing that lives before this version; 0: not known, or not invalidated. */
uint64_t tags_living_from(struct tags *tags, const char *tag);

/* The mark of a tag that need not end in NUL; 0 when it was not invalidated. */
uint64_t tags_mark(struct tags *tags, const char *tag, size_t size);

/* Some tag that is in here, in a buffer of STORE_TAG_MAX + 1 bytes, its mark, and the version from which on its index
 * may have what is dead. False when there is none. */
bool tags_first(struct tags *tags, char *ret_tag, uint64_t *ret_mark, uint64_t *ret_from);

/* Before `from` nothing is dead by this mark. */
void tags_advance(struct tags *tags, const char *tag, uint64_t mark, uint64_t from);

/* Nothing is dead by this mark any more: the tag goes, unless it has another one by now. */
void tags_leave(struct tags *tags, const char *tag, uint64_t mark);

/* How many marks have gone. */
static inline uint64_t tags_left(const struct tags *tags)
{
    return atomic_load(&tags->left);
}

/* The same as tags_dead() for an entry that has tags and is not younger than the newest mark. */
bool tags_judge(struct tags *tags, const struct entry *entry);

/* Was one of the entry's tags invalidated after it was stored? */
static inline bool tags_dead(struct tags *tags, const struct entry *entry)
{
    return entry->tags_size > 0 && entry->change <= atomic_load(&tags->newest) && tags_judge(tags, entry);
}

#endif
