/* SPDX-License-Identifier: MIT */
/*
 * policy.h - what the store remembers of reads, in memory alone: 8 bytes for an entry that was read.
 *
 * A slot says how often a version was read and whether it was since the eviction hand came by (SIEVE: Zhang et al.,
 * NSDI 2024). Losing a slot, to a crash or to a crowded table, costs precision and never correctness.
 *
 *      63            25   24    23           0
 *     | version / 2    |seen| reads not yet in the row |      0: free
 *
 * A version's slot is one of the POLICY_WINDOW behind the place its number hashes to. The table lies in reserved
 * address space, so that it doubles without moving: readers take no lock. All functions but policy_grow() may be
 * called from any thread; that one from one thread at a time.
 */
#ifndef LARDER_ROCKSDB_POLICY_H
#define LARDER_ROCKSDB_POLICY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POLICY_WINDOW = 16 };

struct policy {
    _Atomic uint64_t *slots;
    uint64_t slots_max; /* reserved */
    _Atomic uint64_t mask; /* slots in use, a power of two, less one */
    _Atomic uint64_t used; /* slots that are not free */
};

/* For a store of up to about `entries_max` entries. -ENOMEM. */
int policy_init(struct policy *policy, uint64_t entries_max);
void policy_release(struct policy *policy);

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

/* Doubles the table when it has become crowded. */
void policy_grow(struct policy *policy);

/* Calls `each` for every version that has reads which are not in its row. */
void policy_walk(struct policy *policy, void (*each)(void *arg, uint64_t version), void *arg);

#endif
