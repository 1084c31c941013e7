/* SPDX-License-Identifier: MIT */
/* policy.c - see policy.h. Every step on a slot is one compare-and-swap of its 8 bytes; nothing is ordered by them. */
#include "policy.h"

#include <errno.h>
#include <sys/mman.h>

enum {
    HITS_BITS = 24,
    SLOTS_FIRST = 1024,
};
#define HITS_MAX ((UINT64_C(1) << HITS_BITS) - 1)
#define SEEN     (UINT64_C(1) << HITS_BITS)
#define TAG_MASK (~(HITS_MAX | SEEN))

/* Versions are even. */
static uint64_t tag_of(uint64_t version)
{
    return version << HITS_BITS;
}

static uint64_t version_of(uint64_t slot)
{
    return (slot & TAG_MASK) >> HITS_BITS;
}

static uint64_t hash(uint64_t tag)
{
    uint64_t mixed = (tag >> (HITS_BITS + 1)) * UINT64_C(0x9E3779B97F4A7C15);
    return mixed ^ mixed >> 32;
}

int policy_init(struct policy *policy, uint64_t entries_max)
{
    uint64_t slots = SLOTS_FIRST;
    while (slots < entries_max && slots < UINT64_C(1) << 32)
        slots *= 2;
    slots *= 2;
    void *memory = mmap(NULL, slots * sizeof *policy->slots, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    policy->slots = memory;
    policy->slots_max = slots;
    atomic_init(&policy->mask, SLOTS_FIRST - 1);
    atomic_init(&policy->used, 0);
    return 0;
}

void policy_release(struct policy *policy)
{
    munmap(policy->slots, policy->slots_max * sizeof *policy->slots);
}

/* The slot of a tag, or NULL; and in *ret_free (may be NULL) one where it could go. */
static _Atomic uint64_t *find(const struct policy *policy, uint64_t tag, _Atomic uint64_t **ret_free)
{
    uint64_t mask = atomic_load_explicit(&policy->mask, memory_order_relaxed), at = hash(tag);
    _Atomic uint64_t *spare = NULL;
    for (int i = 0; i < POLICY_WINDOW; i++) {
        _Atomic uint64_t *slot = &policy->slots[(at + (uint64_t)i) & mask];
        uint64_t is = atomic_load_explicit(slot, memory_order_relaxed);
        if ((is & TAG_MASK) == tag && is != 0)
            return slot;
        if (!spare && is == 0)
            spare = slot;
    }
    if (ret_free)
        *ret_free = spare ? spare : &policy->slots[at & mask];
    return NULL;
}

/* Adds to a version's slot, or gives it one, at the cost of another version's when its window is full. */
static void add(struct policy *policy, uint64_t tag, uint64_t hits, uint64_t seen)
{
    for (int attempt = 0; attempt < 8; attempt++) {
        _Atomic uint64_t *spare, *slot = find(policy, tag, &spare);
        if (!slot)
            slot = spare;
        uint64_t is = atomic_load_explicit(slot, memory_order_relaxed);
        bool mine = is != 0 && (is & TAG_MASK) == tag;
        uint64_t sum = (mine ? is & HITS_MAX : 0) + hits;
        uint64_t becomes = tag | (mine ? is & SEEN : 0) | seen | (sum < HITS_MAX ? sum : HITS_MAX);
        if (is == becomes)
            return;
        if (atomic_compare_exchange_strong_explicit(slot, &is, becomes, memory_order_relaxed, memory_order_relaxed)) {
            if (is == 0)
                atomic_fetch_add_explicit(&policy->used, 1, memory_order_relaxed);
            return;
        }
    }
}

static bool crowded(const struct policy *policy)
{
    uint64_t slots = atomic_load_explicit(&policy->mask, memory_order_relaxed) + 1;
    return atomic_load_explicit(&policy->used, memory_order_relaxed) >= slots / 4 * 3 && slots * 2 <= policy->slots_max;
}

bool policy_hit(struct policy *policy, uint64_t version)
{
    add(policy, tag_of(version), 1, SEEN);
    return crowded(policy);
}

uint64_t policy_hits(const struct policy *policy, uint64_t version)
{
    _Atomic uint64_t *slot = find(policy, tag_of(version), NULL);
    if (!slot)
        return 0;
    uint64_t is = atomic_load_explicit(slot, memory_order_relaxed);
    return version_of(is) == version ? is & HITS_MAX : 0;
}

void policy_folded(struct policy *policy, uint64_t version, uint64_t hits)
{
    _Atomic uint64_t *slot = hits > 0 ? find(policy, tag_of(version), NULL) : NULL;
    if (!slot)
        return;
    uint64_t is = atomic_load_explicit(slot, memory_order_relaxed);
    while (version_of(is) == version) {
        uint64_t left = (is & HITS_MAX) > hits ? (is & HITS_MAX) - hits : 0;
        if (atomic_compare_exchange_weak_explicit(slot, &is, (is & ~HITS_MAX) | left, memory_order_relaxed,
                                                  memory_order_relaxed))
            return;
    }
}

bool policy_seen(struct policy *policy, uint64_t version)
{
    _Atomic uint64_t *slot = find(policy, tag_of(version), NULL);
    if (!slot)
        return false;
    uint64_t is = atomic_load_explicit(slot, memory_order_relaxed);
    while (version_of(is) == version && is & SEEN)
        if (atomic_compare_exchange_weak_explicit(slot, &is, is & ~SEEN, memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

void policy_forget(struct policy *policy, uint64_t version)
{
    _Atomic uint64_t *slot = find(policy, tag_of(version), NULL);
    if (!slot)
        return;
    uint64_t is = atomic_load_explicit(slot, memory_order_relaxed);
    while (is != 0 && version_of(is) == version)
        if (atomic_compare_exchange_weak_explicit(slot, &is, 0, memory_order_relaxed, memory_order_relaxed)) {
            atomic_fetch_sub_explicit(&policy->used, 1, memory_order_relaxed);
            return;
        }
}

/* The slots are read by the new mask at once; those now out of their window are put where they belong one by one,
 * and meanwhile count as not read. */
void policy_grow(struct policy *policy)
{
    uint64_t slots = atomic_load(&policy->mask) + 1;
    if (!crowded(policy))
        return;
    atomic_store(&policy->mask, slots * 2 - 1);
    for (uint64_t i = 0; i < slots + POLICY_WINDOW; i++) {
        uint64_t is = atomic_load(&policy->slots[i]);
        if (is == 0 || ((i - hash(is & TAG_MASK)) & (slots * 2 - 1)) < POLICY_WINDOW)
            continue;
        if (!atomic_compare_exchange_strong(&policy->slots[i], &is, 0))
            continue;
        atomic_fetch_sub(&policy->used, 1);
        add(policy, is & TAG_MASK, is & HITS_MAX, is & SEEN);
    }
}

void policy_walk(struct policy *policy, void (*each)(void *arg, uint64_t version), void *arg)
{
    uint64_t slots = atomic_load(&policy->mask) + 1;
    for (uint64_t i = 0; i < slots; i++) {
        uint64_t is = atomic_load(&policy->slots[i]);
        if (is & HITS_MAX)
            each(arg, version_of(is));
    }
}
