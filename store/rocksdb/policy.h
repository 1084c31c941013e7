/* SPDX-License-Identifier: MIT */
/*
 * policy.h - what the store remembers of reads, in memory alone: 12 bytes for an entry that was read.
 *
 * A slot says how often a version was read and whether it was since the eviction hand came by (SIEVE: Zhang et al.,
 * NSDI 2024). Beside it stands a mark, which only `lru` and `lfu` write. Losing either, to a crash or to a crowded table,
 * costs precision and never correctness.
 *
 *      63            25   24    23           0            31                          0
 *     | version / 2    |seen| reads not yet in the row |  | lru: when it was last read |      0: free, no mark
 *                                                         | lfu: count (8) | when (24) |
 *
 * The clock is the newest version stored, halved. So what was never read has a time, too, that of its own version, and
 * what was read between two sets was read at the same moment: time stands still while nothing is stored, and then
 * nothing is evicted either.
 *
 * The rank of a version says who goes first: the lower. With `lru` it is the last use. With `lfu` it is the count of
 * Redis' LFU ("Key eviction" in its documentation), then the last use: it begins with 5, a read adds one with probability
 * 1 / ((count - 5) * 10 + 1), and it loses one for every ten turnovers of the store without a read; a turnover is
 * that about as many entries were stored as there are.
 *
 * A version's slot is one of the POLICY_WINDOW behind the place its number hashes to. The table lies in reserved
 * address space, so that it doubles without moving: readers take no lock. All functions but policy_grow() and
 * policy_lowest() may be called from any thread; those from one thread at a time, and policy_use() by one at a time.
 */
#ifndef LARDER_ROCKSDB_POLICY_H
#define LARDER_ROCKSDB_POLICY_H

#include "store.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POLICY_WINDOW = 16 };

struct policy {
    _Atomic uint64_t *slots;
    _Atomic uint32_t *marks; /* of the slot with the same index */
    uint64_t slots_max; /* reserved */
    _Atomic uint64_t mask; /* slots in use, a power of two, less one */
    _Atomic uint64_t used; /* slots that are not free */
    _Atomic uint64_t clock; /* the newest version stored, halved */
    _Atomic uint64_t entries; /* so many there are */
    _Atomic int rule; /* enum store_policy */
    _Atomic unsigned uses; /* times policy_use() was called */
    _Atomic bool lost; /* somebody lost a slot to another since this was last taken back */
};

/* For a store of up to about `entries_max` entries. -ENOMEM. */
int policy_init(struct policy *policy, uint64_t entries_max);
void policy_release(struct policy *policy);

/* By this policy what goes is chosen from now on. What another one remembers beyond the slots is forgotten. */
void policy_use(struct policy *policy, enum store_policy rule);
enum store_policy policy_rule(const struct policy *policy);

/* A version was stored; there are so many entries now. */
void policy_stored(struct policy *policy, uint64_t version, uint64_t entries);

/* The version was read. True when the table is getting crowded: policy_grow() is due. */
bool policy_hit(struct policy *policy, uint64_t version);

/* Reads counted that are not in the row. */
uint64_t policy_hits(const struct policy *policy, uint64_t version);

/* `hits` of them are in the row now. */
void policy_folded(struct policy *policy, uint64_t version, uint64_t hits);

/* True if it was read since this was last asked. */
bool policy_seen(struct policy *policy, uint64_t version);

/* The version is gone. */
void policy_forget(struct policy *policy, uint64_t version);

/* A version with the rank it had, and its mark then. */
struct policy_ranked {
    uint64_t rank, version;
    uint32_t mark;
};

/* True if the version has a mark: it was read. */
bool policy_mark(const struct policy *policy, uint64_t version, uint32_t *ret_mark);

/* The rank of a version without a mark. The older, the lower. */
uint64_t policy_rank_unread(const struct policy *policy, uint64_t version);

/* So much later, by the clock, about all entries have been replaced. */
uint64_t policy_turnover(const struct policy *policy);

/* Writes the up to `max` versions of lowest rank of those that have a mark and are not held, the lowest first. Returns
 * how many. */
size_t policy_lowest(const struct policy *policy, bool (*held)(void *arg, uint64_t version), void *arg,
                     struct policy_ranked *ret_ranked, size_t max);

/* True when policy_grow() is due. */
bool policy_crowded(const struct policy *policy);

/* Doubles the table when it has become crowded. */
void policy_grow(struct policy *policy);

/* Calls `each` for every version that has reads which are not in its row. */
void policy_walk(struct policy *policy, void (*each)(void *arg, uint64_t version), void *arg);

#endif
