/* SPDX-License-Identifier: MIT */
/*
 * evict.c - chore_evict(): SIEVE and FIFO.
 *
 * The queue is the version family, oldest first. A hand walks along it: what was read since it came by last stays and
 * is not asked again until it comes by next; what was not goes. At the end it begins anew. FIFO asks nobody. Candidates
 * are found without a lock; under the mutation mutex each is looked at once more.
 */
#include "chores.h"
#include "mutation.h"

#include <errno.h>

enum { LOOKS_MAX = 4096 }; /* entries passed by before what was found is evicted */

struct candidates {
    size_t count;
    struct {
        uint64_t version, dir;
        char name[STORE_NAME_MAX + 1];
    } list[MUTATION_VICTIMS_MAX];
    uint64_t next; /* where the hand stands behind the last */
    bool wrapped;
    struct room_amount excess;
    size_t looked, evicted;
};

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
    uint64_t oldest = engine->oldest, hand = engine->hand;
    if (hand < oldest)
        hand = oldest;
    struct key from = key_version(hand), end = key_version(UINT64_MAX);
    SCOPED_WALK walk;
    db_walk(&engine->db, FAMILY_VERSION, &from, &end, &walk);
    struct slice key, place;
    candidates->count = 0;
    candidates->next = hand;
    bool more;
    for (int looks = 0; (more = walk_get(&walk, &key, &place)); walk_next(&walk), looks++) {
        uint64_t version = get_u64(key.data);
        if (looks == 0 && hand == oldest)
            atomic_compare_exchange_strong(&engine->oldest, &oldest, version);
        if (looks == LOOKS_MAX || candidates->count == MUTATION_VICTIMS_MAX)
            break;
        candidates->next = version + 1;
        if (spared(engine, version, force))
            continue;
        size_t i = candidates->count;
        candidates->list[i].version = version;
        if (key_place(place.data, place.size, &candidates->list[i].dir, candidates->list[i].name))
            candidates->count++;
    }
    candidates->wrapped = !more;
    (void)walk_error(&engine->db, &walk);
}

/* --- killing ------------------------------------------------------------------------------------------- */

/* Kills one, if it still has that version. *freed grows by what that frees. */
static int evict_one(struct mutation *m, uint64_t version, uint64_t dir, const char *name, struct room_amount *freed)
{
    struct entry row;
    int result = row_read(m->engine, dir, name, true, &row);
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
    uint8_t row[8];
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
        result = evict_one(m, c->list[c->looked].version, c->list[c->looked].dir, c->list[c->looked].name, &freed);
    }
    c->evicted = m->victims_count;
    put_hand(m, c->looked < c->count ? c->list[c->looked].version : c->next);
    return result;
}

/* The hand's new place, unless a publish has drawn it back meanwhile. */
static void move_hand(struct engine *engine, uint64_t from, const struct candidates *c)
{
    bool all = c->looked == c->count;
    uint64_t to = !all ? c->list[c->looked].version : c->wrapped ? engine->oldest : c->next;
    atomic_compare_exchange_strong(&engine->hand, &from, to);
}

size_t chore_evict(struct engine *engine, struct room_amount excess)
{
    struct candidates candidates = {.excess = excess};
    int rounds = 0;
    while (rounds <= FORCE_PINNED + 1) {
        enum force force = rounds <= 1 ? FORCE_NONE : rounds == 2 ? FORCE_READ : FORCE_PINNED;
        if (force == FORCE_PINNED && !room_waited_for(&engine->room))
            return 0;
        uint64_t hand = engine->hand;
        find(engine, force, &candidates);
        candidates.looked = candidates.evicted = 0;
        if (candidates.count > 0 && mutate(engine, evict_step, &candidates) < 0)
            return 0;
        move_hand(engine, hand, &candidates);
        if (candidates.evicted > 0)
            return candidates.evicted;
        rounds += candidates.wrapped;
    }
    return 0;
}
