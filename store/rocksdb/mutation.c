/* SPDX-License-Identifier: MIT */
/* mutation.c - see mutation.h. */
#include "mutation.h"
#include "quota.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* --- steps' tools -------------------------------------------------------------------------------------- */

static void put(struct mutation *m, enum family family, struct key key, const void *value, size_t size)
{
    db_batch_put(&m->engine->db, m->engine->batch, family, &key, value, size);
}

static void erase(struct mutation *m, enum family family, struct key key)
{
    db_batch_delete(&m->engine->db, m->engine->batch, family, &key);
}

static int put_row(struct mutation *m, uint64_t dir, const char *name, const struct entry *entry)
{
    uint8_t small[1024], *row = small;
    size_t size = entry_row_size(entry);
    if (size > sizeof small && !(row = malloc(size)))
        return -ENOMEM;
    entry_encode(entry, row);
    put(m, FAMILY_DEFAULT, key_name(dir, name), row, size);
    if (row != small)
        free(row);
    return 0;
}

static void put_deadline(struct mutation *m, const struct entry *entry)
{
    int64_t deadline_ms = entry_deadline_ms(entry);
    if (deadline_ms == INT64_MAX)
        return;
    put(m, FAMILY_DEADLINE, key_deadline(deadline_ms, entry->version), "", 0);
    if (deadline_ms < m->deadline_ms)
        m->deadline_ms = deadline_ms;
}

static void delete_deadline(struct mutation *m, const struct entry *entry)
{
    int64_t deadline_ms = entry_deadline_ms(entry);
    if (deadline_ms != INT64_MAX)
        erase(m, FAMILY_DEADLINE, key_deadline(deadline_ms, entry->version));
}

static void put_tags(struct mutation *m, const struct entry *entry)
{
    size_t position = 0, size;
    const char *tag;
    uint8_t since[8];
    put_u64(since, entry->change);
    while (entry->tags_size > 0 && entry_tag_next(entry->tags, &position, &tag, &size)) {
        put(m, FAMILY_TAG, key_tag(tag, size, entry->version), since, sizeof since);
        tags_joined(&m->engine->tags, tag, size, entry->version);
    }
}

static void delete_tags(struct mutation *m, const struct entry *entry)
{
    size_t position = 0, size;
    const char *tag;
    while (entry->tags_size > 0 && entry_tag_next(entry->tags, &position, &tag, &size))
        erase(m, FAMILY_TAG, key_tag(tag, size, entry->version));
}

void mutation_account(struct mutation *m, uint64_t dir, int64_t bytes, int64_t items)
{
    m->bytes += bytes;
    m->items += items;
    int result = quotas_account(m, dir, bytes, items);
    if (result < 0 && m->failed == 0)
        m->failed = result;
}

int mutation_add(struct mutation *m, uint64_t dir, const char *name, const struct entry *entry)
{
    struct key place = key_name(dir, name);
    put(m, FAMILY_VERSION, key_version(entry->version), place.bytes, place.size);
    put_deadline(m, entry);
    put_tags(m, entry);
    mutation_account(m, dir, (int64_t)entry_cost(entry, strlen(name)), 1);
    m->added_version = entry->version;
    m->added_dir = dir;
    m->added_deadline_ms = entry_deadline_ms(entry);
    mutation_place(m, dir, name);
    return put_row(m, dir, name, entry);
}

int mutation_change(struct mutation *m, uint64_t dir, const char *name, const struct entry *old,
                    const struct entry *entry)
{
    if (entry_deadline_ms(old) != entry_deadline_ms(entry)) {
        delete_deadline(m, old);
        put_deadline(m, entry);
    }
    if (entry_deadline_ms(entry) < entry_deadline_ms(old)) {
        m->nearer_version = entry->version;
        m->nearer_dir = dir;
        m->nearer_deadline_ms = entry_deadline_ms(entry);
    }
    if (old->tags_size != entry->tags_size || strcmp(old->tags, entry->tags) != 0) {
        delete_tags(m, old);
        put_tags(m, entry);
    }
    mutation_account(m, dir, (int64_t)entry_cost(entry, strlen(name)) - (int64_t)entry_cost(old, strlen(name)), 0);
    m->changed_dir = dir;
    m->changed_name = name;
    return put_row(m, dir, name, entry);
}

void mutation_kill(struct mutation *m, uint64_t dir, const char *name, const struct entry *entry, enum death why)
{
    assert(m->victims_count < MUTATION_VICTIMS_MAX);
    struct victim *victim = &m->victims[m->victims_count++];
    bool chunked = entry->kind == ENTRY_FILE && !entry->value;
    victim->version = entry->version;
    victim->dir = dir;
    victim->cost = entry_cost(entry, strlen(name));
    victim->size = victim->room = entry->size;
    victim->chunks = chunked ? value_chunks(m->engine, entry->size) : 0;
    victim->why = why == DEATH_EXPIRED && tags_dead(&m->engine->tags, entry) ? DEATH_INVALIDATED : why;
    strcpy(victim->name, name);
    erase(m, FAMILY_VERSION, key_version(entry->version));
    delete_deadline(m, entry);
    delete_tags(m, entry);
    mutation_account(m, dir, -(int64_t)victim->cost, -1);
}

void mutation_place(struct mutation *m, uint64_t dir, const char *name)
{
    if (m->placed_count < MUTATION_PLACED_MAX)
        m->placed[m->placed_count] = (struct placed){dir, name};
    m->placed_count++;
}

void mutation_delete_row(struct mutation *m, uint64_t dir, const char *name)
{
    erase(m, FAMILY_DEFAULT, key_name(dir, name));
}

/* Takes the row over. */
static void note_dir(struct mutation *m, uint64_t dir, uint8_t *row, size_t row_size)
{
    assert(m->dirs_count < MUTATION_DIRS_MAX);
    m->dirs[m->dirs_count++] = (struct noted_dir){dir, row, row_size};
}

int mutation_put_dir(struct mutation *m, const char *name, const char *old_name, const struct entry *old,
                     const struct entry *entry)
{
    uint8_t *row;
    size_t size;
    int result = dirrow_encode(entry, name, &row, &size);
    if (result < 0)
        return result;
    put(m, FAMILY_DEFAULT, key_self(entry->ino), row, size);
    note_dir(m, entry->ino, row, size);
    if (entry->ino != STORE_ROOT) {
        if (old)
            mutation_account(m, old->parent, -(int64_t)entry_cost(old, strlen(old_name)), 0);
        mutation_account(m, entry->parent, (int64_t)entry_cost(entry, strlen(name)), 0);
    }
    return 0;
}

int mutation_touch_dir(struct mutation *m, uint64_t dir)
{
    struct entry entry;
    char name[STORE_NAME_MAX + 1];
    int result = row_read_self(m->engine, dir, &entry, name);
    if (result < 0)
        return result;
    entry.mtime_ns = entry.ctime_ns = m->now_ns;
    result = mutation_put_dir(m, name, name, &entry, &entry);
    entry_release(&entry);
    return result;
}

int mutation_drop_dir(struct mutation *m, uint64_t parent, const char *name, uint64_t dir)
{
    struct entry entry;
    int result = row_read_self(m->engine, dir, &entry, NULL);
    if (result < 0)
        return result;
    mutation_delete_row(m, parent, name);
    mutation_delete_row(m, dir, "");
    note_dir(m, dir, NULL, 0);
    mutation_account(m, parent, -(int64_t)entry_cost(&entry, strlen(name)), 0);
    quotas_drop_dir(m, dir);
    m->directories--;
    entry_release(&entry);
    return 0;
}

/* --- room ---------------------------------------------------------------------------------------------- */

/* What the step needs beyond what is taken already, before any of it may be written. May be less than nothing.
 * Victims that are not in hand and have no chunks make room for what replaces them. */
static struct room_amount needed(struct mutation *m, int64_t *ret_bytes)
{
    int64_t bytes = m->bytes - (m->publishing ? (int64_t)m->publishing->charge : 0);
    for (size_t i = 0; i < m->victims_count; i++) {
        struct victim *victim = &m->victims[i];
        victim->stays = victim->chunks > 0 || pins_have(&m->engine->pins, victim->version);
        if (victim->stays)
            bytes += (int64_t)victim->size;
    }
    *ret_bytes = bytes;
    return (struct room_amount){.bytes = bytes > 0 ? (uint64_t)bytes : 0,
                                .items = m->items > 0 ? (uint64_t)m->items : 0};
}

/* What was taken too much, or is free now that victims are gone. */
static void give_rest(struct mutation *m, struct room_amount held, int64_t bytes)
{
    struct room_amount rest = {.bytes = (uint64_t)((int64_t)held.bytes - bytes),
                               .items = (uint64_t)((int64_t)held.items - m->items)};
    room_give(&m->engine->room, rest);
}

static struct room_amount lacking(struct room_amount held, struct room_amount need)
{
    return (struct room_amount){.bytes = need.bytes > held.bytes ? need.bytes - held.bytes : 0,
                                .items = need.items > held.items ? need.items - held.items : 0};
}

/* --- after the batch ----------------------------------------------------------------------------------- */

/* The dead value's room belongs to who has it in hand. It may have come to hand since needed() looked: the room for
 * it, a row's worth at most, is taken now if it is there, and goes uncounted if not. */
static uint64_t charge_of_dead(struct mutation *m, const struct victim *victim)
{
    struct room_amount late = {.bytes = victim->size};
    return victim->stays || room_try(&m->engine->room, late) != ROOM_NONE ? victim->size : 0;
}

static void apply_to_pins(struct mutation *m)
{
    struct pins *pins = &m->engine->pins;
    pthread_mutex_lock(&pins->lock);
    for (size_t i = 0; i < m->victims_count; i++) {
        struct victim *victim = &m->victims[i];
        struct pinned *pinned = pins_find_locked(pins, victim->version);
        pins_moved_locked(pins, victim->dir, victim->name);
        if (!pinned || !pins_in_hand_locked(pins, pinned))
            continue;
        pinned->charge = charge_of_dead(m, victim);
        pinned->last_hits = policy_hits(&m->engine->policy, victim->version);
        pinned->last_used_ms = idle_used_ms(&m->engine->idle, victim->version, 0);
        pins_die_locked(pins, pinned);
        victim->chunks = 0; /* the last to let go sees to them, */
        victim->room = 0; /* and to its room */
    }
    for (size_t i = 0; i < m->moves_count; i++) {
        const struct move *move = &m->moves[i];
        struct pinned *pinned = pins_find_locked(pins, move->version);
        pins_moved_locked(pins, move->dir, move->name);
        pins_moved_locked(pins, move->new_dir, move->new_name);
        if (pinned)
            pins_move_locked(pins, pinned, move->new_dir, move->new_name);
    }
    if (m->changed_name)
        pins_moved_locked(pins, m->changed_dir, m->changed_name);
    if (m->publishing) {
        m->publishing->charge = 0;
        pins_publish_locked(pins, m->publishing, m->publishing_dir, m->publishing_name);
    }
    pthread_mutex_unlock(&pins->lock);
}

static void tell_gone(struct engine *engine, const struct victim *victim, enum store_gone why)
{
    keeper_tell(engine, victim->dir, victim->name, why, victim->version, victim->size);
}

static void bury(struct mutation *m, const struct victim *victim)
{
    struct engine *engine = m->engine;
    policy_forget(&engine->policy, victim->version);
    idle_forget(&engine->idle, victim->version);
    if (victim->chunks > 0)
        keeper_reap(engine, victim->version, victim->chunks, victim->room);
    else if (victim->stays)
        room_give(&engine->room, (struct room_amount){.bytes = victim->room});
    if (victim->why == DEATH_EXPIRED) {
        engine->expired++;
        tell_gone(engine, victim, STORE_GONE_EXPIRED);
    } else if (victim->why == DEATH_EVICTED) {
        engine->evicted++;
        tell_gone(engine, victim, STORE_GONE_EVICTED);
    } else if (victim->why == DEATH_INVALIDATED) {
        engine->invalidated++;
        tell_gone(engine, victim, STORE_GONE_TAG);
    }
}

static void counters_move(struct meta_counters *counters, const struct mutation *m)
{
    counters->bytes += (uint64_t)m->bytes;
    counters->items += (uint64_t)m->items;
    counters->directories += (uint64_t)m->directories;
}

static void put_counters(struct mutation *m)
{
    struct meta_counters counters = m->engine->counters;
    counters_move(&counters, m);
    uint8_t row[META_COUNTERS_SIZE];
    meta_put_counters(row, counters);
    put(m, FAMILY_DEFAULT, key_meta(META_COUNTERS), row, sizeof row);
}

/* A version that was staged long ago may be older than the place where the queue begins, or than a hand that does not
 * come round. */
static void enter_queue(struct engine *engine, uint64_t version)
{
    if (version != UINT64_MAX)
        policy_stored(&engine->policy, version, engine->counters.items);
    if (version < engine->oldest)
        engine->oldest = version;
    if (!choose_hand_returns(policy_rule(&engine->policy)) && version < engine->hand)
        engine->hand = version;
    if (version < engine->queued_low)
        engine->queued_low = version;
}

/* What a batch kills, moves or changes is not to be found in memory from before it is written until that knows. */
static void unsettle(const struct mutation *m)
{
    for (size_t i = 0; i < m->victims_count; i++)
        pins_unsettle(&m->engine->pins, m->victims[i].version);
    for (size_t i = 0; i < m->moves_count; i++)
        pins_unsettle(&m->engine->pins, m->moves[i].version);
    for (size_t i = 0; i < m->dirs_count; i++)
        dirs_unsettle(m->engine->dirs, m->dirs[i].dir);
}

static void settle_dir(struct dirs *dirs, const struct noted_dir *noted, bool written)
{
    struct entry entry = {0};
    char name[STORE_NAME_MAX + 1];
    bool known = written && noted->row && dirrow_decode(noted->row, noted->row_size, &entry, name) == 0;
    dirs_settle(dirs, noted->dir, known ? &entry : NULL, name);
    entry_release(&entry);
}

static void settle(const struct mutation *m, bool written)
{
    for (size_t i = 0; i < m->victims_count; i++)
        pins_settle(&m->engine->pins, m->victims[i].version);
    for (size_t i = 0; i < m->moves_count; i++)
        pins_settle(&m->engine->pins, m->moves[i].version);
    for (size_t i = 0; i < m->dirs_count; i++)
        settle_dir(m->engine->dirs, &m->dirs[i], written);
}

/* Totals and rosters. */
static void settle_quotas(struct mutation *m)
{
    struct engine *engine = m->engine;
    quotas_settle(m);
    if (engine->quotas.active == 0)
        return;
    for (size_t i = 0; i < m->victims_count; i++)
        quotas_left(engine, m->victims[i].dir, m->victims[i].version);
    for (size_t i = 0; i < m->moves_count; i++)
        quotas_moved(engine, m->moves[i].dir, m->moves[i].new_dir, m->moves[i].version, m->moves[i].deadline_ms);
    if (m->added_version != UINT64_MAX)
        quotas_entered(engine, m->added_dir, m->added_version, m->added_deadline_ms);
    if (m->nearer_version != UINT64_MAX)
        quotas_nearer(engine, m->nearer_dir, m->nearer_version, m->nearer_deadline_ms);
}

/* Also of what was not written, as far as the medium can tell. */
static void tell_heads(const struct mutation *m)
{
    struct heads *heads = &m->engine->heads;
    if (m->placed_count > MUTATION_PLACED_MAX)
        heads_placed_many(heads);
    for (size_t i = 0; i < m->placed_count && m->placed_count <= MUTATION_PLACED_MAX; i++)
        heads_placed(heads, m->placed[i].dir, m->placed[i].name);
}

static int write_batch(struct mutation *m)
{
    struct engine *engine = m->engine;
    if (m->bytes != 0 || m->items != 0 || m->directories != 0)
        put_counters(m);
    quotas_put(m);
    room_guard(&engine->room);
    unsettle(m);
    int result = db_write(&engine->db, engine->batch);
    tell_heads(m);
    if (result == 0)
        apply_to_pins(m);
    settle(m, result == 0);
    if (result < 0)
        return result;
    counters_move(&engine->counters, m);
    settle_quotas(m);
    if (m->invalidated) {
        tags_enter(&engine->tags, *m->invalidated, m->mark, m->mark + 1);
        *m->invalidated = NULL;
    }
    if (m->deadline_ms < engine->deadline_added_ms)
        engine->deadline_added_ms = m->deadline_ms;
    enter_queue(engine, m->added_version);
    for (size_t i = 0; i < m->victims_count; i++)
        bury(m, &m->victims[i]);
    if (m->folded_hits > 0)
        policy_folded(&engine->policy, m->folded_version, m->folded_hits);
    return 0;
}

/* --- running ------------------------------------------------------------------------------------------- */

static void begin(struct mutation *m, struct engine *engine)
{
    m->engine = engine;
    m->now_ns = engine_now_ns(engine);
    m->now_ms = m->now_ns / NS_PER_MS;
    m->bytes = m->items = m->directories = 0;
    m->deadline_ms = INT64_MAX;
    m->added_version = m->nearer_version = UINT64_MAX;
    m->failed = 0;
    m->touched = m->dropped_quota = NULL;
    m->setting = NULL;
    m->dropped_dir = 0;
    m->crosses = m->quota_high = false;
    m->publishing = NULL;
    m->changed_name = NULL;
    m->invalidated = NULL;
    m->folded_hits = 0;
    m->victims_count = m->moves_count = m->dirs_count = m->placed_count = 0;
    rocksdb_writebatch_clear(engine->batch);
}

static void end(struct mutation *m)
{
    for (size_t i = 0; i < m->dirs_count; i++)
        free(m->dirs[i].row);
}

/* Room that the step may use; when it was waited for, room_used_up() is due. */
struct holding {
    struct room_amount amount;
    bool waited;
    bool high; /* the keeper has to come */
};

/* Takes what the step needs beyond what is held, if it is there. */
static bool take_room(struct engine *engine, struct holding *holding, struct room_amount need)
{
    struct room_amount lack = lacking(holding->amount, need);
    if (lack.bytes == 0 && lack.items == 0)
        return true;
    enum room_answer answer = room_try(&engine->room, lack);
    if (answer == ROOM_NONE)
        return false;
    holding->high |= answer == ROOM_TAKEN_HIGH;
    holding->amount.bytes += lack.bytes;
    holding->amount.items += lack.items;
    return true;
}

void engine_waits(const struct engine *engine)
{
    if (engine->options->waits)
        engine->options->waits();
}

int engine_wait_for_room(struct engine *engine, struct room_amount amount)
{
    uint64_t ticket = room_wait_begin(&engine->room, amount);
    keeper_wake(engine, 0);
    engine_waits(engine);
    return room_wait(&engine->room, amount, ticket);
}

/* One attempt under the mutation mutex. -EAGAIN when there is no room: *ret_need is what it takes, in *ret_lacking, with
 * a reference, or if that is NULL in the whole store. */
static int attempt_locked(struct mutation *m, mutation_step *step, void *arg, struct holding *holding,
                          struct room_amount *ret_need, struct quota **ret_lacking)
{
    int64_t bytes;
    int result = step(m, arg);
    if (result == 0)
        result = m->failed;
    if (result < 0)
        return result;
    *ret_lacking = quotas_lacking(m, ret_need);
    if (*ret_lacking)
        return -EAGAIN;
    *ret_need = needed(m, &bytes);
    if (!take_room(m->engine, holding, *ret_need))
        return -EAGAIN;
    result = write_batch(m);
    if (result == 0)
        give_rest(m, holding->amount, bytes);
    return result;
}

static void use_up(struct engine *engine, struct holding *holding)
{
    room_used_up(&engine->room, holding->waited);
    holding->waited = false;
}

/* Waits for all that is needed, with nothing in hand: what the last wait brought may not be enough any more, for the
 * keeper may have evicted what was to be replaced, and it does not give up while somebody has room and has not used
 * it. */
static int wait_for_need(struct engine *engine, struct holding *holding, struct room_amount need, struct quota *lacking)
{
    room_give(&engine->room, holding->amount);
    holding->amount = (struct room_amount){0};
    use_up(engine, holding);
    if (lacking)
        return quotas_wait(engine, lacking, need);
    int result = engine_wait_for_room(engine, need);
    if (result == 0) {
        holding->amount = need;
        holding->waited = true;
    }
    return result;
}

int mutate(struct engine *engine, mutation_step *step, void *arg)
{
    struct mutation m;
    struct holding holding = {0};
    int result;
    do {
        struct room_amount need = {0};
        struct quota *lacking = NULL;
        pthread_mutex_lock(&engine->mutation);
        begin(&m, engine);
        result = attempt_locked(&m, step, arg, &holding, &need, &lacking);
        quotas_forget(&m);
        pthread_mutex_unlock(&engine->mutation);
        end(&m);
        if (result != -EAGAIN)
            break;
        result = wait_for_need(engine, &holding, need, lacking);
    } while (result == 0);

    if (result < 0)
        room_give(&engine->room, holding.amount);
    use_up(engine, &holding);
    if (result == 0 && m.deadline_ms != INT64_MAX)
        keeper_wake(engine, deadline_clamp(m.deadline_ms) - m.now_ms);
    if (holding.high || m.quota_high)
        keeper_wake(engine, 0);
    return result;
}

int mutation_synced(struct engine *engine, int result)
{
    if (result < 0 || !engine->options->sync)
        return result;
    engine_waits(engine);
    return db_sync(&engine->db);
}
