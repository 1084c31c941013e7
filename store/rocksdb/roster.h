/* SPDX-License-Identifier: MIT */
/*
 * roster.h - the versions below a directory that has a quota, oldest first, with their deadlines: the queue its eviction
 * walks. Only in memory, 16 bytes a version; made anew by a walk when it is needed first (quota_count.c).
 *
 * One array sorted by version. Versions are given out in rising order, so almost all of them go to its end; those that do
 * not, of values staged long ago or of files moved in, go into a small array beside it, which is merged into it when it is
 * full: so none of them costs a move of all that is there. Who goes is marked, by an odd number as no version has, and the
 * array is closed up when half of it is marks.
 *
 * Nothing here locks: the owner does.
 */
#ifndef LARDER_ROCKSDB_ROSTER_H
#define LARDER_ROCKSDB_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct roster_row {
    uint64_t version; /* odd: it is gone */
    int64_t deadline_ms; /* INT64_MAX none */
};

/* Zeroed it is empty. */
struct roster {
    struct roster_row *rows; /* owned */
    size_t count, room, gone;
    struct roster_row *late; /* owned; those that came in the middle, sorted, too */
    size_t late_count;
};

void roster_release(struct roster *roster);

/* Enters a version, or changes its deadline. False without memory: then it is not whole any more. */
bool roster_put(struct roster *roster, uint64_t version, int64_t deadline_ms);

/* Takes a version out; harmless when it is not in it. */
void roster_drop(struct roster *roster, uint64_t version);

/* The same, but remembers the version when it is not in it: for roster_merge(). False without memory. */
bool roster_drop_unseen(struct roster *roster, uint64_t version);

/* Sorts what was pushed, none of it twice. */
void roster_sort(struct roster *roster);

/* Enters all of `walked`, which is sorted, but for what `roster` has or has taken out. `walked` is used up. It costs
 * about as much as what `roster` has. False without memory. */
bool roster_merge(struct roster *roster, struct roster *walked);

/* Adds a row at the end, for roster_sort(). False without memory. */
bool roster_push(struct roster *roster, uint64_t version, int64_t deadline_ms);

bool roster_has(const struct roster *roster, uint64_t version);

/* The first version from `from` on. False when there is none. */
bool roster_next(const struct roster *roster, uint64_t from, uint64_t *ret_version);

/* Writes the up to `max` rows with the nearest deadlines, the nearest first. Returns how many. */
size_t roster_nearest(const struct roster *roster, struct roster_row *ret_rows, size_t max);

#endif
