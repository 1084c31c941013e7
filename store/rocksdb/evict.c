/* SPDX-License-Identifier: MIT */
/*
 * evict.c - chore_evict(): SIEVE and FIFO.
 *
 * The queue is the version family, oldest first. A hand walks along it: what was read since it came by last stays and
 * is not asked again until it comes by next; what was not goes. At the end it begins anew. FIFO asks nobody.
 *
 * Candidates are found without a lock; under the mutation mutex each is looked at once more. Where the queue begins and
 * where the hand stands changes under that mutex alone. A version that was staged long ago enters the queue at its
 * number, so perhaps behind the keeper's back while it looks: engine.queued_low knows of all who came in since the
 * keeper began to, and neither the beginning nor the hand of FIFO, which has to meet them next, goes beyond it.
 */
#include "chores.h"
#include "mutation.h"

#include <errno.h>

enum { LOOKS_MAX = 4096 }; /* entries passed by before what was found is evicted */

struct candidates {
    size_t count;
    uint64_t versions[MUTATION_VICTIMS_MAX];
    uint64_t next; /* where the hand stands behind the last */
    bool wrapped;
    struct room_amount excess;
    size_t looked, evicted;
};

/* --- the queue ----------------------------------------------------------------------------------------- */

/* Where to look from: the hand. *ret_from_head when nothing is older. */
static uint64_t begin_look(struct engine *engine, bool *ret_from_head)
{
    pthread_mutex_lock(&engine->mutation);
    *ret_from_head = engine->hand <= engine->oldest;
    uint64_t from = *ret_from_head ? engine->oldest : engine->hand;
    engine->queued_low = UINT64_MAX;
    pthread_mutex_unlock(&engine->mutation);
    return from;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The oldest was this one when the look began: the next need not pass by the tombstones before it. */
static void begin_queue_at(struct engine *engine, uint64_t version)
{
    pthread_mutex_lock(&engine->mutation);
    engine->oldest = lower(version, engine->queued_low);
    pthread_mutex_unlock(&engine->mutation);
}

static uint64_t hand_behind_locked(const struct engine *engine, const struct candidates *c)
{
    bool all = c->looked == c->count;
    uint64_t to = !all ? c->versions[c->looked] : c->wrapped ? engine->oldest : c->next;
    return engine->options->policy == STORE_POLICY_FIFO ? lower(to, engine->queued_low) : to;
}

static void move_hand(struct engine *engine, const struct candidates *c)
{
    pthread_mutex_lock(&engine->mutation);
    engine->hand = hand_behind_locked(engine, c);
    pthread_mutex_unlock(&engine->mutation);
}

/* --- finding ------------------------------------------------------------------------------------------- */

/* How much it takes to evict an entry: what was read is spared in the first rounds; what is in hand, whose bytes
 * would stay, is spared unless somebody waits for room. */
enum force { FORCE_NONE, FORCE_READ, FORCE_PINNED };

static bool spared(struct engine *engine, uint64_t version, enum force force)
{
    if (engine->options->policy == STORE_POLICY_FIFO)
        return false;
    bool seen = policy_seen(&engine->policy, version);
    return (seen && force < FORCE_READ) || (force < FORCE_PINNED && pins_have(&engine->pins, version));
}

static void find(struct engine *engine, enum force force, struct candidates *candidates)
{
    bool from_head, more;
    uint64_t hand = begin_look(engine, &from_head);
    struct key from = key_version(hand), end = key_version(UINT64_MAX);
    SCOPED_WALK walk;
    db_walk(&engine->db, FAMILY_VERSION, &from, &end, &walk);
    struct slice key;
    candidates->count = candidates->looked = candidates->evicted = 0;
    candidates->next = hand;
    for (int looks = 0; (more = walk_get(&walk, &key, NULL)); walk_next(&walk), looks++) {
        uint64_t version = get_u64(key.data);
        if (looks == 0 && from_head)
            begin_queue_at(engine, version);
        if (looks == LOOKS_MAX || candidates->count == MUTATION_VICTIMS_MAX)
            break;
        candidates->next = version + 1;
        if (!spared(engine, version, force))
            candidates->versions[candidates->count++] = version;
    }
    candidates->wrapped = !more;
    (void)walk_error(&engine->db, &walk);
}

/* --- killing ------------------------------------------------------------------------------------------- */

/* Kills one, if an entry still has it. *freed grows by what that frees. */
static int evict_one(struct mutation *m, uint64_t version, struct room_amount *freed)
{
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    struct entry row;
    int result = row_place(m->engine, version, &dir, name);
    if (result == 0)
        result = row_read(m->engine, dir, name, true, &row);
    if (result < 0)
        return result == -ENOENT ? 0 : result;
    if (row.kind != ENTRY_DIR && row.version == version && !pins_changing(&m->engine->pins, version)) {
        bool alive = row_alive(m->engine, &row, m->now_ms);
        mutation_kill(m, dir, name, &row, alive ? DEATH_EVICTED : DEATH_EXPIRED);
        mutation_delete_row(m, dir, name);
        freed->items++;
        if (!pins_have(&m->engine->pins, version))
            freed->bytes += entry_cost(&row, strlen(name));
    }
    entry_release(&row);
    return 0;
}

static void put_hand(struct mutation *m, uint64_t hand)
{
    struct key key = key_meta(META_HAND);
    uint8_t row[META_HAND_SIZE];
    put_u64(row, hand);
    db_batch_put(&m->engine->db, m->engine->batch, FAMILY_DEFAULT, &key, row, sizeof row);
}

static int evict_step(struct mutation *m, void *arg)
{
    struct candidates *c = arg;
    struct room_amount freed = {0};
    int result = 0;
    for (c->looked = 0; c->looked < c->count && result == 0; c->looked++) {
        if (freed.bytes >= c->excess.bytes && freed.items >= c->excess.items)
            break;
        result = evict_one(m, c->versions[c->looked], &freed);
    }
    c->evicted = m->victims_count;
    put_hand(m, hand_behind_locked(m->engine, c));
    return result;
}

size_t chore_evict(struct engine *engine, struct room_amount excess)
{
    struct candidates candidates = {.excess = excess};
    int rounds = 0;
    while (rounds <= FORCE_PINNED + 1) {
        enum force force = rounds <= 1 ? FORCE_NONE : rounds == 2 ? FORCE_READ : FORCE_PINNED;
        if (force == FORCE_PINNED && !room_waited_for(&engine->room))
            return 0;
        find(engine, force, &candidates);
        if (candidates.count > 0 && mutate(engine, evict_step, &candidates) < 0)
            return 0;
        move_hand(engine, &candidates);
        if (candidates.evicted > 0)
            return candidates.evicted;
        rounds += candidates.wrapped;
    }
    return 0;
}
