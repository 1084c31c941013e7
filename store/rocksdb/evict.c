/* SPDX-License-Identifier: MIT */
/*
 * evict.c - chore_evict(): what choose.h chooses, goes.
 *
 * The queue is the version family, oldest first, and the deadline family, nearest first; below a directory with a quota it
 * is the quota's roster. Candidates are chosen without a
 * lock; under the mutation mutex each is looked at once more. Where the queue begins and where the hand stands changes
 * under that mutex alone. A version that was staged long ago enters the queue at its number, so perhaps behind the
 * keeper's back while it looks: engine.queued_low knows of all who came in since the keeper began to, and neither the
 * beginning nor a hand that does not come round, which has to meet them next, goes beyond it.
 */
#include "chores.h"
#include "mutation.h"

#include <errno.h>
#include <stdlib.h>

/* How much it takes to evict an entry: what was read is spared in the first rounds; what is in hand, whose bytes
 * would stay, is spared unless somebody waits for room. */
enum force { FORCE_NONE, FORCE_READ, FORCE_PINNED };

enum { PUT_OFF = 0 }; /* no version: in place of one whose deadline is a later one now, or that is gone */

/* One choice, and what becomes of it. */
struct look {
    struct engine *engine;
    struct quota *quota; /* NULL: all there is */
    struct chooser *chooser;
    struct policy *policy;
    uint64_t *hand, *oldest_known, *queued_low; /* the engine's or the quota's */
    enum force force;
    uint64_t oldest; /* no version is older, but for those that enter meanwhile */
    struct walk walk; /* through the version family, or the deadline family */
    bool walks;
    struct choice choice;
    uint64_t at; /* in the roster */
    size_t ending; /* in what the quota gathered of it */
    struct room_amount excess;
    size_t looked, evicted;
};

/* --- the queue ----------------------------------------------------------------------------------------- */

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Where the hand stands. Whoever enters from now on is remembered. */
static uint64_t begin_look(struct look *look, unsigned *ret_uses)
{
    pthread_mutex_lock(&look->engine->mutation);
    uint64_t hand = *look->hand;
    *ret_uses = atomic_load(&look->policy->uses);
    look->oldest = *look->oldest_known;
    *look->queued_low = UINT64_MAX;
    pthread_mutex_unlock(&look->engine->mutation);
    return hand;
}

/* The oldest was this one when the look began: the next need not pass by the tombstones before it. */
static void begin_queue_at(const struct look *look, uint64_t version)
{
    pthread_mutex_lock(&look->engine->mutation);
    *look->oldest_known = lower(version, *look->queued_low);
    pthread_mutex_unlock(&look->engine->mutation);
}

/* SIEVE's hand meets in the next round who came in behind it. */
static uint64_t hand_behind_locked(const struct look *look)
{
    if (look->choice.uses != look->policy->uses)
        return 0;
    uint64_t to = look->choice.hands[look->looked];
    return choose_hand_returns(policy_rule(look->policy)) ? to : lower(to, *look->queued_low);
}

static void move_hand(const struct look *look)
{
    pthread_mutex_lock(&look->engine->mutation);
    *look->hand = hand_behind_locked(look);
    pthread_mutex_unlock(&look->engine->mutation);
    chooser_took(look->chooser, &look->choice, look->looked);
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
        begin_queue_at(look, *ret_version);
    return true;
}

/* The cursor may only move by what was seen while nobody else moved it. */
static bool first_ending(struct look *look, struct slice *ret_key)
{
    struct keeper *keeper = &look->engine->keeper;
    pthread_mutex_lock(&keeper->expiring);
    struct key first = key_deadline(expire_cursor(look->engine), 0), end = key_deadline(INT64_MAX, 0);
    walk_anew(look, FAMILY_DEADLINE, &first, &end);
    bool found = walk_get(&look->walk, ret_key, NULL);
    if (found)
        keeper->deadline_cursor_ms = (int64_t)get_u64(ret_key->data);
    pthread_mutex_unlock(&keeper->expiring);
    return found;
}

static bool ending(void *arg, bool again, uint64_t *ret_version)
{
    struct look *look = arg;
    struct slice key;
    if (!again)
        walk_next(&look->walk);
    if (again ? !first_ending(look, &key) : !walk_get(&look->walk, &key, NULL))
        return false;
    *ret_version = get_u64(key.data + 8);
    return true;
}

static bool held(void *arg, uint64_t version)
{
    const struct look *look = arg;
    struct pins *pins = &look->engine->pins;
    return look->force < FORCE_PINNED ? pins_have(pins, version) : pins_changing(pins, version);
}

/* --- the same below a directory ------------------------------------------------------------------------ */

static bool stored_below(void *arg, bool again, uint64_t from, uint64_t *ret_version)
{
    struct look *look = arg;
    pthread_mutex_lock(&look->engine->quotas.lock);
    bool there = roster_next(&look->quota->roster, again ? from : look->at, ret_version);
    pthread_mutex_unlock(&look->engine->quotas.lock);
    if (there)
        look->at = *ret_version + 1;
    return there;
}

/* Those that went, or were put off, are not met again; those that were only chosen are. */
static void pass_by_gone(struct quota *quota)
{
    while (quota->ending_next < quota->ending_count &&
           !roster_has(&quota->roster, quota->ending[quota->ending_next].version))
        quota->ending_next++;
}

/* The nearest deadlines are gathered anew when those are used up, or so much was stored that others may be nearer. */
static void gather_ending(struct look *look)
{
    enum { ENDING_MAX = 4096, ENDING_SHARE = 8 };
    struct quota *quota = look->quota;
    pthread_mutex_lock(&look->engine->quotas.lock);
    pass_by_gone(quota);
    uint64_t aged = quota->stored - quota->ending_stored;
    bool old =
        quota->roster_ends && (quota->ending_next == quota->ending_count || aged > quota->roster.count / ENDING_SHARE);
    if (!quota->ending)
        quota->ending = malloc(ENDING_MAX * sizeof *quota->ending);
    if (old && quota->ending) {
        quota->ending_count = roster_nearest(&quota->roster, quota->ending, ENDING_MAX);
        quota->ending_next = 0;
        quota->ending_stored = quota->stored;
        quota->roster_ends = quota->ending_count > 0;
    }
    look->ending = quota->ending_next;
    pthread_mutex_unlock(&look->engine->quotas.lock);
}

/* Does it end then? Reads and touches put that off; the roster learns of it here. */
static bool ends_then(struct look *look, const struct roster_row *row)
{
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    struct entry entry;
    if (row_place(look->engine, row->version, &dir, name) < 0 || row_recall(look->engine, dir, name, false, &entry) < 0)
        return false;
    row_refresh(look->engine, &entry);
    int64_t deadline_ms = entry.version == row->version ? entry_deadline_ms(&entry) : row->deadline_ms;
    entry_release(&entry);
    if (deadline_ms <= row->deadline_ms)
        return true;
    pthread_mutex_lock(&look->engine->quotas.lock);
    (void)roster_put(&look->quota->roster, row->version, deadline_ms);
    pthread_mutex_unlock(&look->engine->quotas.lock);
    return false;
}

static bool ending_below(void *arg, bool again, uint64_t *ret_version)
{
    struct look *look = arg;
    struct quota *quota = look->quota;
    if (again)
        gather_ending(look);
    while (look->ending < quota->ending_count) {
        struct roster_row *row = &quota->ending[look->ending++];
        if (row->version != PUT_OFF && ends_then(look, row)) {
            *ret_version = row->version;
            return true;
        }
        row->version = PUT_OFF;
    }
    return false;
}

/* --- choosing ------------------------------------------------------------------------------------------ */

/* About how many it takes. */
static size_t want(const struct look *look)
{
    struct engine *engine = look->engine;
    struct room_amount used = look->quota ? quota_used(engine, look->quota) : room_used(&engine->room);
    struct room_amount excess = look->excess;
    uint64_t each = used.items > 0 && used.bytes > used.items ? used.bytes / used.items : 1;
    uint64_t by_bytes = (excess.bytes + each - 1) / each;
    uint64_t most = by_bytes > excess.items ? by_bytes : excess.items;
    return most < 1 ? 1 : most < CHOICE_MAX ? (size_t)most : CHOICE_MAX;
}

static void find(enum force force, struct look *look)
{
    struct queue all = {.arg = look, .stored = stored, .ending = ending, .held = held};
    struct queue below = {.arg = look, .stored = stored_below, .ending = ending_below, .held = held};
    look->force = force;
    look->looked = look->evicted = 0;
    unsigned uses;
    uint64_t hand = begin_look(look, &uses);
    choose(look->chooser, look->quota ? &below : &all, hand, want(look), force >= FORCE_READ, &look->choice);
    look->choice.uses = uses; /* of the policy whose hand that was: another one begins anew */
    end_walk(look);
}

/* --- killing ------------------------------------------------------------------------------------------- */

/* Nobody has it any more, or it is elsewhere. */
static void forget(const struct look *look, uint64_t version)
{
    policy_forget(look->policy, version);
    if (!look->quota)
        return;
    pthread_mutex_lock(&look->engine->quotas.lock);
    roster_drop(&look->quota->roster, version);
    pthread_mutex_unlock(&look->engine->quotas.lock);
}

/* Kills one, if an entry still has it. *freed grows by what that frees. */
static int evict_one(struct mutation *m, const struct look *look, uint64_t version, struct room_amount *freed)
{
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    struct entry row;
    int result = row_of_version(m->engine, version, &dir, name, &row);
    if (result == -ENOENT)
        forget(look, version); /* perhaps read in the moment of its death */
    if (result < 0)
        return result == -ENOENT ? 0 : result;
    bool meant = !look->quota || quotas_covers(m->engine, look->quota, dir);
    if (!meant)
        forget(look, version);
    if (meant && !pins_changing(&m->engine->pins, version)) {
        bool alive = row_alive(m->engine, &row, m->now_ms);
        mutation_kill(m, dir, name, &row, alive ? DEATH_EVICTED : DEATH_EXPIRED);
        mutation_delete_row(m, dir, name);
        freed->items++;
        if (look->quota || !pins_have(&m->engine->pins, version))
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
        result = evict_one(m, look, look->choice.versions[look->looked], &freed);
    }
    look->evicted = m->victims_count;
    if (!look->quota)
        put_hand(m, hand_behind_locked(look));
    return result;
}

static struct look look_at_all(struct engine *engine)
{
    return (struct look){.engine = engine,
                         .chooser = &engine->chooser,
                         .policy = &engine->policy,
                         .hand = &engine->hand,
                         .oldest_known = &engine->oldest,
                         .queued_low = &engine->queued_low};
}

static struct look look_below(struct engine *engine, struct quota *quota)
{
    return (struct look){.engine = engine,
                         .quota = quota,
                         .chooser = &quota->chooser,
                         .policy = &quota->policy,
                         .hand = &quota->hand,
                         .oldest_known = &quota->oldest,
                         .queued_low = &quota->queued_low};
}

static bool waited_for(const struct look *look)
{
    return look->quota ? quota_waited_for(look->engine, look->quota) : room_waited_for(&look->engine->room);
}

size_t chore_evict(struct engine *engine, struct quota *quota, struct room_amount excess)
{
    struct look look = quota ? look_below(engine, quota) : look_at_all(engine);
    look.excess = excess;
    int rounds = 0;
    while (rounds <= FORCE_PINNED + 1) {
        enum force force = rounds <= 1 ? FORCE_NONE : rounds == 2 ? FORCE_READ : FORCE_PINNED;
        if (force == FORCE_PINNED && !waited_for(&look))
            return 0;
        find(force, &look);
        if (look.choice.count > 0 && mutate(engine, evict_step, &look) < 0)
            return 0;
        move_hand(&look);
        if (quota)
            engine->evicted_for_quotas += look.evicted;
        if (look.evicted > 0)
            return look.evicted;
        rounds += look.choice.wrapped;
    }
    return 0;
}
