/* SPDX-License-Identifier: MIT */
/* policy.c - see policy.h. Every step on a slot is one compare-and-swap of its 8 bytes; nothing is ordered by them. */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    HITS_BITS = 24,
    SLOTS_FIRST = 1024,
    /* of lfu: */
    COUNT_FIRST = 5,
    COUNT_MAX = 255,
    COUNT_FACTOR = 10,
    COUNT_SHIFT = 24, /* of the count in the mark; the time is below */
    TIME_SHIFT = 6, /* 2^24 of these are 10^9 sets; a time further back is taken for a later one */
    RANK_SHIFT = 48, /* of the count in the rank */
    DECAY_TURNOVERS = 10, /* of 1 to 100 the best on the traces of tests/bench/trace.py */
    TURNOVER_MIN = 256,
};
#define TIME_MASK ((UINT32_C(1) << COUNT_SHIFT) - 1)
#define HITS_MAX  ((UINT64_C(1) << HITS_BITS) - 1)
#define SEEN      (UINT64_C(1) << HITS_BITS)
#define TAG_MASK  (~(HITS_MAX | SEEN))

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

static void *reserve(uint64_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

int policy_init(struct policy *policy, uint64_t entries_max)
{
    uint64_t slots = SLOTS_FIRST;
    while (slots < entries_max && slots < UINT64_C(1) << 32)
        slots *= 2;
    slots *= 2;
    void *memory = reserve(slots * sizeof *policy->slots);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    void *marks = reserve(slots * sizeof *policy->marks);
    if (marks == MAP_FAILED) {
        munmap(memory, slots * sizeof *policy->slots);
        return -ENOMEM;
    }
    *policy = (struct policy){.slots = memory, .marks = marks, .slots_max = slots};
    atomic_init(&policy->mask, SLOTS_FIRST - 1);
    return 0;
}

void policy_release(struct policy *policy)
{
    if (!policy->slots)
        return;
    munmap(policy->slots, policy->slots_max * sizeof *policy->slots);
    munmap(policy->marks, policy->slots_max * sizeof *policy->marks);
}

void policy_use(struct policy *policy, enum store_policy rule)
{
    atomic_store(&policy->rule, STORE_POLICY_NONE);
    madvise(policy->marks, policy->slots_max * sizeof *policy->marks, MADV_DONTNEED);
    atomic_store(&policy->rule, rule);
    atomic_fetch_add(&policy->uses, 1);
}

enum store_policy policy_rule(const struct policy *policy)
{
    return (enum store_policy)atomic_load_explicit(&policy->rule, memory_order_relaxed);
}

static uint64_t clock_of(const struct policy *policy)
{
    return atomic_load_explicit(&policy->clock, memory_order_relaxed);
}

void policy_stored(struct policy *policy, uint64_t version, uint64_t entries)
{
    if (version / 2 > clock_of(policy))
        atomic_store_explicit(&policy->clock, version / 2, memory_order_relaxed);
    atomic_store_explicit(&policy->entries, entries, memory_order_relaxed);
}

/* Of a new key the inode takes a number, too, so that two go by with a set. */
uint64_t policy_turnover(const struct policy *policy)
{
    uint64_t turnover = atomic_load_explicit(&policy->entries, memory_order_relaxed) * 2;
    return turnover > TURNOVER_MIN ? turnover : TURNOVER_MIN;
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

/* --- marks --------------------------------------------------------------------------------------------- */

/* When a mark was made, by the clock: of the moments it can mean, the last. */
static uint64_t lru_time(const struct policy *policy, uint32_t mark)
{
    uint64_t now = clock_of(policy);
    uint32_t age = (uint32_t)now - mark;
    return age < now ? now - age : 0;
}

static uint64_t lfu_time(const struct policy *policy, uint32_t mark)
{
    uint64_t now = clock_of(policy) >> TIME_SHIFT;
    uint32_t age = ((uint32_t)now - mark) & TIME_MASK;
    return (age < now ? now - age : 0) << TIME_SHIFT;
}

/* What is left of a count that was so high then. */
static uint32_t decayed(const struct policy *policy, uint32_t count, uint64_t then)
{
    uint64_t now = clock_of(policy);
    uint64_t turnovers = now > then ? (now - then) / (policy_turnover(policy) * DECAY_TURNOVERS) : 0;
    return turnovers < count ? count - (uint32_t)turnovers : 0;
}

/* A read: the next of a sequence of dice that the slot and the clock are the seed of. */
static uint32_t incremented(const struct policy *policy, uint32_t count, uint64_t slot)
{
    uint64_t dice = (slot ^ clock_of(policy) << HITS_BITS) * UINT64_C(0xBF58476D1CE4E5B9);
    dice = (dice ^ dice >> 31) * UINT64_C(0x94D049BB133111EB) >> 32;
    uint64_t beyond = count > COUNT_FIRST ? count - COUNT_FIRST : 0;
    bool up = count < COUNT_MAX && dice * (beyond * COUNT_FACTOR + 1) < UINT64_C(1) << 32;
    return count + up;
}

/* The mark that a read leaves, in place of `old`. `slot` is what the read made of the slot. */
static uint32_t marked(const struct policy *policy, enum store_policy rule, uint32_t old, uint64_t slot)
{
    uint64_t now = clock_of(policy);
    uint32_t mark = (uint32_t)now;
    if (rule == STORE_POLICY_LFU) {
        uint32_t count = old ? decayed(policy, old >> COUNT_SHIFT, lfu_time(policy, old))
                             : decayed(policy, COUNT_FIRST, version_of(slot) / 2);
        mark = incremented(policy, count, slot) << COUNT_SHIFT | ((uint32_t)(now >> TIME_SHIFT) & TIME_MASK);
    }
    return mark ? mark : 1;
}

static _Atomic uint32_t *mark_of(const struct policy *policy, const _Atomic uint64_t *slot)
{
    return &policy->marks[slot - policy->slots];
}

static void mark(struct policy *policy, const _Atomic uint64_t *slot, uint64_t is, bool fresh)
{
    enum store_policy rule = policy_rule(policy);
    if (rule != STORE_POLICY_LRU && rule != STORE_POLICY_LFU)
        return;
    _Atomic uint32_t *at = mark_of(policy, slot);
    uint32_t old = fresh ? 0 : atomic_load_explicit(at, memory_order_relaxed), new = marked(policy, rule, old, is);
    if (fresh || new != old)
        atomic_store_explicit(at, new, memory_order_relaxed);
}

static uint64_t rank_of(const struct policy *policy, uint32_t mark)
{
    if (policy_rule(policy) != STORE_POLICY_LFU)
        return lru_time(policy, mark);
    uint64_t then = lfu_time(policy, mark);
    return (uint64_t)decayed(policy, mark >> COUNT_SHIFT, then) << RANK_SHIFT | then;
}

uint64_t policy_rank_unread(const struct policy *policy, uint64_t version)
{
    if (policy_rule(policy) != STORE_POLICY_LFU)
        return version / 2;
    return (uint64_t)decayed(policy, COUNT_FIRST, version / 2) << RANK_SHIFT | version / 2;
}

bool policy_mark(const struct policy *policy, uint64_t version, uint32_t *ret_mark)
{
    const _Atomic uint64_t *slot = find(policy, tag_of(version), NULL);
    uint32_t is = slot ? atomic_load_explicit(mark_of(policy, slot), memory_order_relaxed) : 0;
    if (is != 0)
        *ret_mark = is;
    return is != 0;
}

static int by_rank(const void *a, const void *b)
{
    const struct policy_ranked *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->version > y->version) - (x->version < y->version);
}

/* Puts `one` into a heap whose highest is first, from the place `at` downwards. */
static void sift(struct policy_ranked *heap, size_t count, size_t at, struct policy_ranked one)
{
    for (size_t child; (child = at * 2 + 1) < count; at = child) {
        if (child + 1 < count && by_rank(&heap[child], &heap[child + 1]) < 0)
            child++;
        if (by_rank(&heap[child], &one) <= 0)
            break;
        heap[at] = heap[child];
    }
    heap[at] = one;
}

size_t policy_lowest(const struct policy *policy, bool (*held)(void *arg, uint64_t version), void *arg,
                     struct policy_ranked *ret_ranked, size_t max)
{
    uint64_t slots = atomic_load(&policy->mask) + 1;
    size_t count = 0;
    for (uint64_t i = 0; i < slots && max > 0; i++) {
        uint64_t is = atomic_load_explicit(&policy->slots[i], memory_order_relaxed);
        uint32_t mark = atomic_load_explicit(&policy->marks[i], memory_order_relaxed);
        if (is == 0 || mark == 0)
            continue;
        struct policy_ranked one = {rank_of(policy, mark), version_of(is), mark};
        if ((count == max && by_rank(&one, &ret_ranked[0]) >= 0) || held(arg, one.version))
            continue;
        if (count < max) {
            ret_ranked[count++] = one;
            for (size_t at = count / 2; count == max && at-- > 0;)
                sift(ret_ranked, count, at, ret_ranked[at]);
        } else {
            sift(ret_ranked, count, 0, one);
        }
    }
    qsort(ret_ranked, count, sizeof *ret_ranked, by_rank);
    return count;
}

/* --- slots --------------------------------------------------------------------------------------------- */

/* Adds to a version's slot, or gives it one, at the cost of another version's when its window is full. */
static _Atomic uint64_t *add(struct policy *policy, uint64_t tag, uint64_t hits, uint64_t seen, bool *ret_fresh)
{
    for (int attempt = 0; attempt < 8; attempt++) {
        _Atomic uint64_t *spare = NULL, *slot = find(policy, tag, &spare);
        if (!slot)
            slot = spare;
        uint64_t is = atomic_load_explicit(slot, memory_order_relaxed);
        bool mine = is != 0 && (is & TAG_MASK) == tag;
        uint64_t sum = (mine ? is & HITS_MAX : 0) + hits;
        uint64_t becomes = tag | (mine ? is & SEEN : 0) | seen | (sum < HITS_MAX ? sum : HITS_MAX);
        *ret_fresh = !mine;
        if (is == becomes)
            return slot;
        if (atomic_compare_exchange_strong_explicit(slot, &is, becomes, memory_order_relaxed, memory_order_relaxed)) {
            if (is == 0)
                atomic_fetch_add_explicit(&policy->used, 1, memory_order_relaxed);
            else if (!mine)
                atomic_store_explicit(&policy->lost, true, memory_order_relaxed);
            return slot;
        }
    }
    return NULL;
}

bool policy_crowded(const struct policy *policy)
{
    uint64_t slots = atomic_load_explicit(&policy->mask, memory_order_relaxed) + 1;
    return atomic_load_explicit(&policy->used, memory_order_relaxed) >= slots / 4 * 3 && slots * 2 <= policy->slots_max;
}

bool policy_hit(struct policy *policy, uint64_t version)
{
    bool fresh;
    const _Atomic uint64_t *slot = add(policy, tag_of(version), 1, SEEN, &fresh);
    if (slot)
        mark(policy, slot, atomic_load_explicit(slot, memory_order_relaxed), fresh);
    return policy_crowded(policy);
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
    if (!policy_crowded(policy))
        return;
    atomic_store(&policy->mask, slots * 2 - 1);
    for (uint64_t i = 0; i < slots + POLICY_WINDOW; i++) {
        uint64_t is = atomic_load(&policy->slots[i]);
        if (is == 0 || ((i - hash(is & TAG_MASK)) & (slots * 2 - 1)) < POLICY_WINDOW)
            continue;
        if (!atomic_compare_exchange_strong(&policy->slots[i], &is, 0))
            continue;
        atomic_fetch_sub(&policy->used, 1);
        uint32_t mark = atomic_load(&policy->marks[i]);
        bool fresh;
        const _Atomic uint64_t *slot = add(policy, is & TAG_MASK, is & HITS_MAX, is & SEEN, &fresh);
        if (slot && fresh)
            atomic_store(mark_of(policy, slot), mark);
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
