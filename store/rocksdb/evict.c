/* SPDX-License-Identifier: MIT */
/*
 * evict.c - chore_evict(): what choose.h chooses, goes.
 *
 * The queue is the version family, oldest first, and the deadline family, nearest first. Candidates are chosen without a
 * lock; under the mutation mutex each is looked at once more. Where the queue begins and where the hand stands changes
 * under that mutex alone. A version that was staged long ago enters the queue at its number, so perhaps behind the
 * keeper's back while it looks: engine.queued_low knows of all who came in since the keeper began to, and neither the
 * beginning nor a hand that does not come round, which has to meet them next, goes beyond it.
 */
#include "chores.h"
#include "mutation.h"

#include <errno.h>

/* How much it takes to evict an entry: what was read is spared in the first rounds; what is in hand, whose bytes
 * would stay, is spared unless somebody waits for room. */
enum force { FORCE_NONE, FORCE_READ, FORCE_PINNED };

/* One choice, and what becomes of it. */
struct look {
    struct engine *engine;
    enum force force;
    uint64_t oldest; /* no version is older, but for those that enter meanwhile */
    struct walk walk; /* through the version family, or the deadline family */
    bool walks;
    struct choice choice;
    struct room_amount excess;
    size_t looked, evicted;
};

/* --- the queue ----------------------------------------------------------------------------------------- */

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Where the hand stands. Whoever enters from now on is remembered. */
static uint64_t begin_look(struct engine *engine, uint64_t *ret_oldest, unsigned *ret_uses)
{
    pthread_mutex_lock(&engine->mutation);
    uint64_t hand = engine->hand;
    *ret_uses = atomic_load(&engine->policy.uses);
    *ret_oldest = engine->oldest;
    engine->queued_low = UINT64_MAX;
    pthread_mutex_unlock(&engine->mutation);
    return hand;
}

/* The oldest was this one when the look began: the next need not pass by the tombstones before it. */
static void begin_queue_at(struct engine *engine, uint64_t version)
{
    pthread_mutex_lock(&engine->mutation);
    engine->oldest = lower(version, engine->queued_low);
    pthread_mutex_unlock(&engine->mutation);
}

/* SIEVE's hand meets in the next round who came in behind it. */
static uint64_t hand_behind_locked(const struct engine *engine, const struct look *look)
{
    if (look->choice.uses != engine->policy.uses)
        return 0;
    uint64_t to = look->choice.hands[look->looked];
    return choose_hand_returns(policy_rule(&engine->policy)) ? to : lower(to, engine->queued_low);
}

static void move_hand(struct engine *engine, const struct look *look)
{
    pthread_mutex_lock(&engine->mutation);
    engine->hand = hand_behind_locked(engine, look);
    pthread_mutex_unlock(&engine->mutation);
    chooser_took(&engine->chooser, &look->choice, look->looked);
}

/* --- what choose() asks -------------------------------------------------------------------------------- */

static void end_walk(struct look *look)
{
    if (!look->walks)
        return;
    (void)walk_error(&look->engine->db, &look->walk);
    walk_release(&look->walk);
    look->walks = false;
}

static void walk_anew(struct look *look, enum family family, const struct key *from, const struct key *end)
{
    end_walk(look);
    db_walk(&look->engine->db, family, from, end, &look->walk);
    look->walks = true;
}

static bool stored(void *arg, bool again, uint64_t from, uint64_t *ret_version)
{
    struct look *look = arg;
    struct slice key;
    bool from_head = from <= look->oldest;
    struct key first = key_version(from_head ? look->oldest : from), end = key_version(UINT64_MAX);
    if (again)
        walk_anew(look, FAMILY_VERSION, &first, &end);
    else
        walk_next(&look->walk);
    if (!walk_get(&look->walk, &key, NULL))
        return false;
    *ret_version = get_u64(key.data);
    if (again && from_head)
        begin_queue_at(look->engine, *ret_version);
    return true;
}

static bool ending(void *arg, bool again, uint64_t *ret_version)
{
    struct look *look = arg;
    struct slice key;
    if (again) {
        struct key first = key_deadline(expire_cursor(look->engine), 0), end = key_deadline(INT64_MAX, 0);
        walk_anew(look, FAMILY_DEADLINE, &first, &end);
    } else {
        walk_next(&look->walk);
    }
    if (!walk_get(&look->walk, &key, NULL))
        return false;
    if (again)
        look->engine->keeper.deadline_cursor_ms = (int64_t)get_u64(key.data);
    *ret_version = get_u64(key.data + 8);
    return true;
}

static bool held(void *arg, uint64_t version)
{
    const struct look *look = arg;
    return look->force < FORCE_PINNED && pins_have(&look->engine->pins, version);
}

/* About how many it takes. */
static size_t want(struct engine *engine, struct room_amount excess)
{
    struct room_amount used = room_used(&engine->room);
    uint64_t each = used.items > 0 && used.bytes > used.items ? used.bytes / used.items : 1;
    uint64_t by_bytes = (excess.bytes + each - 1) / each;
    uint64_t most = by_bytes > excess.items ? by_bytes : excess.items;
    return most < 1 ? 1 : most < CHOICE_MAX ? (size_t)most : CHOICE_MAX;
}

static void find(struct engine *engine, enum force force, struct look *look)
{
    struct queue queue = {.arg = look, .stored = stored, .ending = ending, .held = held};
    look->force = force;
    look->looked = look->evicted = 0;
    unsigned uses;
    uint64_t hand = begin_look(engine, &look->oldest, &uses);
    choose(&engine->chooser, &queue, hand, want(engine, look->excess), force >= FORCE_READ, &look->choice);
    look->choice.uses = uses; /* of the policy whose hand that was: another one begins anew */
    end_walk(look);
}

/* --- killing ------------------------------------------------------------------------------------------- */

/* Kills one, if an entry still has it. *freed grows by what that frees. */
static int evict_one(struct mutation *m, uint64_t version, struct room_amount *freed)
{
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    struct entry row;
    int result = row_of_version(m->engine, version, &dir, name, &row);
    if (result == -ENOENT)
        policy_forget(&m->engine->policy, version); /* read in the moment of its death */
    if (result < 0)
        return result == -ENOENT ? 0 : result;
    if (!pins_changing(&m->engine->pins, version)) {
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
    struct look *look = arg;
    struct room_amount freed = {0};
    int result = 0;
    for (look->looked = 0; look->looked < look->choice.count && result == 0; look->looked++) {
        if (freed.bytes >= look->excess.bytes && freed.items >= look->excess.items)
            break;
        result = evict_one(m, look->choice.versions[look->looked], &freed);
    }
    look->evicted = m->victims_count;
    put_hand(m, hand_behind_locked(m->engine, look));
    return result;
}

size_t chore_evict(struct engine *engine, struct room_amount excess)
{
    struct look look = {.engine = engine, .excess = excess};
    int rounds = 0;
    while (rounds <= FORCE_PINNED + 1) {
        enum force force = rounds <= 1 ? FORCE_NONE : rounds == 2 ? FORCE_READ : FORCE_PINNED;
        if (force == FORCE_PINNED && !room_waited_for(&engine->room))
            return 0;
        find(engine, force, &look);
        if (look.choice.count > 0 && mutate(engine, evict_step, &look) < 0)
            return 0;
        move_hand(engine, &look);
        if (look.evicted > 0)
            return look.evicted;
        rounds += look.choice.wrapped;
    }
    return 0;
}
