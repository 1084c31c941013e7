/* SPDX-License-Identifier: MIT */
/* choose.c - see choose.h. */
#include "choose.h"

#include <stdlib.h>

enum {
    LOOKS_MAX = 4096, /* entries passed by before what was found is returned */
    POOL_MIN = 16,
    POOL_MAX = 65536,
    POOL_SHARE = 64, /* the pool is filled from so many times as many slots */
    AGE_SHARE = 32, /* it is old after this part of a turnover, */
    AGE_SLOTS = 1024, /* but not before a set for so many slots */
};

void chooser_init(struct chooser *chooser, struct policy *policy)
{
    *chooser = (struct chooser){.policy = policy};
}

void chooser_release(struct chooser *chooser)
{
    free(chooser->pool);
}

static void take(struct choice *choice, uint64_t version, uint64_t hand, size_t pool)
{
    choice->versions[choice->count++] = version;
    choice->hands[choice->count] = hand;
    choice->pools[choice->count] = pool;
}

/* --- by the hand: sieve and fifo ----------------------------------------------------------------------- */

static bool stays(struct chooser *chooser, const struct queue *queue, uint64_t version, bool read_too)
{
    bool seen = policy_seen(chooser->policy, version);
    return (seen && !read_too) || queue->held(queue->arg, version);
}

static void choose_by_hand(struct chooser *chooser, const struct queue *queue, uint64_t hand, size_t want, bool asks,
                           bool read_too, struct choice *choice)
{
    uint64_t version;
    bool more = queue->stored(queue->arg, true, hand, &version);
    for (int looks = 0; more && looks < LOOKS_MAX && choice->count < want; looks++) {
        if (!asks || !stays(chooser, queue, version, read_too))
            take(choice, version, version + 1, 0);
        choice->hands[choice->count] = version + 1;
        more = queue->stored(queue->arg, false, 0, &version);
    }
    choice->wrapped = !more;
    if (!more)
        choice->hands[choice->count] = 0;
}

/* --- by rank: lru and lfu ------------------------------------------------------------------------------ */

/* Those without a mark, where the hand stands among them. */
struct unread {
    uint64_t hand; /* behind the last that was passed by; `version` when it was found */
    uint64_t version; /* the next */
    uint64_t rank; /* of it; unless `found`, no lower than that of any to come */
    bool started, found, end;
    int looks;
};

static void unread_next(struct chooser *chooser, const struct queue *queue, struct unread *at)
{
    uint32_t mark;
    uint64_t version;
    at->found = false;
    while (at->looks < LOOKS_MAX) {
        at->looks++;
        if (!queue->stored(queue->arg, !at->started, at->hand, &version)) {
            at->end = true;
            return;
        }
        at->started = true;
        at->rank = policy_rank_unread(chooser->policy, version);
        at->hand = at->version = version;
        bool marked = policy_mark(chooser->policy, version, &mark);
        if (!marked && !queue->held(queue->arg, version)) {
            at->found = true;
            return;
        }
        at->hand++;
        if (!marked)
            atomic_store(&chooser->policy->lost, true); /* the hand has to come back for it */
    }
}

static void fill_pool(struct chooser *chooser, const struct queue *queue)
{
    uint64_t room = (atomic_load(&chooser->policy->mask) + 1) / POOL_SHARE;
    room = room < POOL_MIN ? POOL_MIN : room > POOL_MAX ? POOL_MAX : room;
    if (room > chooser->pool_room) {
        struct policy_ranked *pool = realloc(chooser->pool, room * sizeof *pool);
        if (pool) {
            chooser->pool = pool;
            chooser->pool_room = room;
        }
    }
    chooser->pool_clock = atomic_load(&chooser->policy->clock);
    chooser->pool_count = policy_lowest(chooser->policy, queue->held, queue->arg, chooser->pool, chooser->pool_room);
    chooser->pool_whole =
        chooser->pool_count < chooser->pool_room || chooser->pool_room == 0; /* no memory: do without */
    chooser->pool_next = 0;
}

/* What was read since it was filled, or decayed, is not where it should be. A look through the slots costs no more than
 * a thousand of them a set. */
static bool pool_is_old(const struct chooser *chooser)
{
    uint64_t few = atomic_load(&chooser->policy->entries) / AGE_SHARE;
    uint64_t cheap = (atomic_load(&chooser->policy->mask) + 1) / AGE_SLOTS;
    uint64_t age = atomic_load(&chooser->policy->clock) - chooser->pool_clock;
    return age > (few > cheap ? few : cheap) || (chooser->pool_next == chooser->pool_count && !chooser->pool_whole);
}

/* The lowest of the pool from *next on that was not read since, nor is gone or held. */
static const struct policy_ranked *pool_head(struct chooser *chooser, const struct queue *queue, size_t *next)
{
    uint32_t mark;
    for (; *next < chooser->pool_count; ++*next) {
        const struct policy_ranked *head = &chooser->pool[*next];
        if (policy_mark(chooser->policy, head->version, &mark) && mark == head->mark &&
            !queue->held(queue->arg, head->version))
            return head;
    }
    return NULL;
}

/* Somebody lost a slot, and it is time to look at all again. */
static bool goes_back(struct chooser *chooser)
{
    uint64_t clock = atomic_load(&chooser->policy->clock);
    if (clock - chooser->back_clock < policy_turnover(chooser->policy) ||
        !atomic_exchange(&chooser->policy->lost, false))
        return false;
    chooser->back_clock = clock;
    return true;
}

/* Takes the lower of the two heads. False when neither can be told to be that, for now or at all. */
static bool take_lower(struct chooser *chooser, const struct queue *queue, struct unread *unread, struct choice *choice)
{
    size_t next = choice->pools[choice->count];
    const struct policy_ranked *head = pool_head(chooser, queue, &next);
    if (!head && !chooser->pool_whole)
        return false;
    bool by_hand = !unread->end && (!head || unread->rank < head->rank + unread->found);
    if (by_hand && unread->found) {
        take(choice, unread->version, 0, next);
        unread->hand++;
        unread_next(chooser, queue, unread);
    } else if (!by_hand && head) {
        take(choice, head->version, 0, next + 1);
    } else {
        choice->wrapped = !by_hand;
        return false;
    }
    choice->hands[choice->count] = unread->hand;
    return true;
}

static void choose_by_rank(struct chooser *chooser, const struct queue *queue, uint64_t hand, size_t want,
                           struct choice *choice)
{
    if (chooser->uses != choice->uses || chooser->starved || pool_is_old(chooser))
        fill_pool(chooser, queue);
    chooser->uses = choice->uses;
    struct unread unread = {.hand = goes_back(chooser) ? 0 : hand};
    unread_next(chooser, queue, &unread);
    choice->hands[0] = unread.hand;
    choice->pools[0] = chooser->pool_next;
    while (choice->count < want && take_lower(chooser, queue, &unread, choice))
        ;
    chooser->starved = choice->count == 0;
    if (chooser->starved && choice->wrapped)
        choice->hands[0] = 0;
}

/* --- by deadline --------------------------------------------------------------------------------------- */

static void choose_by_deadline(struct chooser *chooser, const struct queue *queue, uint64_t hand, size_t want,
                               bool read_too, struct choice *choice)
{
    uint64_t version;
    bool more = queue->ending(queue->arg, true, &version);
    for (int looks = 0; more && looks < LOOKS_MAX && choice->count < want; looks++) {
        if (!queue->held(queue->arg, version))
            take(choice, version, hand, 0);
        more = queue->ending(queue->arg, false, &version);
    }
    if (choice->count == 0)
        choose_by_hand(chooser, queue, hand, want, true, read_too, choice);
}

/* --- all ----------------------------------------------------------------------------------------------- */

void choose(struct chooser *chooser, const struct queue *queue, uint64_t hand, size_t want, bool read_too,
            struct choice *ret_choice)
{
    if (want > CHOICE_MAX)
        want = CHOICE_MAX;
    ret_choice->uses = atomic_load(&chooser->policy->uses);
    ret_choice->count = 0;
    ret_choice->wrapped = false;
    ret_choice->hands[0] = hand;
    ret_choice->pools[0] = 0;
    switch (policy_rule(chooser->policy)) {
    case STORE_POLICY_SIEVE:
        choose_by_hand(chooser, queue, hand, want, true, read_too, ret_choice);
        break;
    case STORE_POLICY_FIFO:
        choose_by_hand(chooser, queue, hand, want, false, read_too, ret_choice);
        break;
    case STORE_POLICY_LRU:
    case STORE_POLICY_LFU:
        choose_by_rank(chooser, queue, hand, want, ret_choice);
        break;
    case STORE_POLICY_TTL:
        choose_by_deadline(chooser, queue, hand, want, read_too, ret_choice);
        break;
    case STORE_POLICY_NONE:
        ret_choice->wrapped = true;
        break;
    }
}

void chooser_took(struct chooser *chooser, const struct choice *choice, size_t taken)
{
    if (chooser->uses == choice->uses)
        chooser->pool_next = choice->pools[taken];
}
