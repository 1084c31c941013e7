/* SPDX-License-Identifier: MIT */
/*
 * choose.h - what goes next: the one place where eviction policies decide, for the engine (evict.c) and for the simulator
 * (store/simulate.c) alike.
 *
 * It looks at who is there through struct queue, at reads through policy.h, and names victims; who kills them, and
 * under which lock, is the caller's business.
 *
 *     sieve     a hand walks along the queue, oldest first: what was read since it came by last stays and is not asked
 *               again until it comes by next; what was not goes. At the end it begins anew
 *     fifo      the hand asks nobody
 *     lru, lfu  two queues are merged by rank: what was never read, in the order of storing, which is that of its ranks,
 *               and what was, from a *pool* of the lowest ranks there are. The pool is filled by a look through all
 *               slots, once for so many victims that this costs less than the victims do
 *     ttl       nearest deadline first; then what has none, as sieve does
 *     none      nobody
 *
 * So lru and lfu take no samples: lru is exact but for reads between two sets, which count as one moment; lfu's ranks
 * are exact when the pool is filled, and decay meanwhile. What lost its slot is behind the hand and not met, until the
 * hand goes back: after a turnover, or when nobody else is left.
 *
 * A chooser belongs to one thread.
 */
#ifndef LARDER_ROCKSDB_CHOOSE_H
#define LARDER_ROCKSDB_CHOOSE_H

#include "policy.h"

enum { CHOICE_MAX = 64 }; /* victims chosen at a time */

/* Who is there. Functions return false at the end. */
struct queue {
    void *arg;
    /* The versions in the order of storing: at first the first from `from` on, then, as long as `again` is false, the
     * next. */
    bool (*stored)(void *arg, bool again, uint64_t from, uint64_t *ret_version);
    /* Those with a deadline, the nearest first. */
    bool (*ending)(void *arg, bool again, uint64_t *ret_version);
    /* Must stay for now: somebody has it in hand. */
    bool (*held)(void *arg, uint64_t version);
};

struct chooser {
    struct policy *policy;
    unsigned uses; /* of the policy, when the pool was filled */
    struct policy_ranked *pool; /* owned; lowest rank first */
    size_t pool_room, pool_count, pool_next;
    bool pool_whole; /* there were no more */
    bool starved; /* the last choice was none */
    uint64_t pool_clock; /* when it was filled */
    uint64_t back_clock; /* when the hand last went back for those that lost their slots */
};

/* Victims, and how the chooser stands when only so many of them were taken. */
struct choice {
    unsigned uses; /* of the policy it was made by */
    size_t count;
    uint64_t versions[CHOICE_MAX];
    uint64_t hands[CHOICE_MAX + 1];
    size_t pools[CHOICE_MAX + 1];
    bool wrapped; /* it came to the end of all there is */
};

/* The hand comes round to who entered the queue behind it; else it has to be moved back to them. */
static inline bool choose_hand_returns(enum store_policy rule)
{
    return rule == STORE_POLICY_SIEVE || rule == STORE_POLICY_TTL;
}

void chooser_init(struct chooser *chooser, struct policy *policy);
void chooser_release(struct chooser *chooser);

/*
 * Chooses up to `want` victims, the first to go first. `hand` is where it stood, hands[] of the last choice; 0 is the
 * beginning. With `read_too` sieve takes what was read, too. There may be none although there are more to look at: when
 * `wrapped` is false, it goes on with the next call.
 */
void choose(struct chooser *chooser, const struct queue *queue, uint64_t hand, size_t want, bool read_too,
            struct choice *ret_choice);

/* The first `taken` of them are gone. */
void chooser_took(struct chooser *chooser, const struct choice *choice, size_t taken);

#endif
