/* SPDX-License-Identifier: MIT */
/*
 * expire.c - chore_expire(), expire_now(), and chore_save_reads(), which is about the same: rows of which memory knows
 * more.
 *
 * The deadline family is a queue that is read from its head; a cursor keeps out of the tombstones there. Rows that come
 * in below it are remembered by mutate() in engine.deadline_added_ms.
 */
#include "chores.h"
#include "mutation.h"

#include <errno.h>

/* One batch of versions, with the times under which they were found. */
struct due {
    bool hits; /* when saving: these too */
    size_t count, expired; /* of them; expired: by the step */
    struct {
        int64_t deadline_ms;
        uint64_t version;
    } list[MUTATION_VICTIMS_MAX];
};

/* --- one entry ----------------------------------------------------------------------------------------- */

/* Writes the row with what memory knows of its reads, and goes on knowing: who has the version in hand has a copy of
 * the old row, see pins.h. */
static int renew(struct mutation *m, uint64_t dir, const char *name, const struct entry *row, bool hits_too)
{
    struct entry entry = *row;
    row_refresh(m->engine, &entry);
    if (!hits_too)
        entry.hits = row->hits;
    return mutation_change(m, dir, name, row, &entry);
}

/* A version that has come up: it goes, or it was read in time and stays. A row in the queue that no entry has
 * is swept away. */
static int settle_one(struct mutation *m, int64_t deadline_ms, uint64_t version)
{
    struct engine *engine = m->engine;
    uint64_t dir;
    char name[STORE_NAME_MAX + 1];
    struct entry row = {0};
    int result = row_of_version(engine, version, &dir, name, &row);
    if (result < 0 && result != -ENOENT)
        return result;
    if (result == -ENOENT || deadline_clamp(entry_deadline_ms(&row)) != deadline_ms) {
        struct key key = key_deadline(deadline_ms, version);
        db_batch_delete(&engine->db, engine->batch, FAMILY_DEADLINE, &key);
        result = 0;
    } else if (row_alive(engine, &row, m->now_ms)) {
        result = renew(m, dir, name, &row, false);
    } else {
        mutation_kill(m, dir, name, &row, DEATH_EXPIRED);
        mutation_delete_row(m, dir, name);
    }
    entry_release(&row);
    return result;
}

/* --- the queue ----------------------------------------------------------------------------------------- */

static int expire_step(struct mutation *m, void *arg)
{
    struct due *due = arg;
    int result = 0;
    for (size_t i = 0; i < due->count && result == 0; i++)
        result = settle_one(m, due->list[i].deadline_ms, due->list[i].version);
    due->expired = 0;
    for (size_t i = 0; i < m->victims_count; i++)
        due->expired += m->victims[i].why == DEATH_EXPIRED; /* not those of an invalidated tag */
    return result;
}

int64_t expire_cursor(struct engine *engine)
{
    struct keeper *keeper = &engine->keeper;
    pthread_mutex_lock(&engine->mutation);
    if (engine->deadline_added_ms < keeper->deadline_cursor_ms)
        keeper->deadline_cursor_ms = engine->deadline_added_ms;
    engine->deadline_added_ms = INT64_MAX;
    pthread_mutex_unlock(&engine->mutation);
    return keeper->deadline_cursor_ms;
}

/* What is due now; in *ret_next_ms the first deadline that is not, INT64_MAX if there is none. */
static int gather(struct engine *engine, int64_t now_ms, struct due *due, int64_t *ret_next_ms)
{
    struct key from = key_deadline(expire_cursor(engine), 0), end = key_deadline(INT64_MAX, 0);
    SCOPED_WALK walk;
    db_walk(&engine->db, FAMILY_DEADLINE, &from, &end, &walk);
    struct slice key;
    due->count = 0;
    *ret_next_ms = INT64_MAX;
    for (; walk_get(&walk, &key, NULL); walk_next(&walk)) {
        int64_t deadline_ms = (int64_t)get_u64(key.data);
        if (deadline_ms > now_ms || due->count == MUTATION_VICTIMS_MAX) {
            *ret_next_ms = deadline_ms;
            break;
        }
        due->list[due->count].deadline_ms = deadline_ms;
        due->list[due->count++].version = get_u64(key.data + 8);
    }
    return walk_error(&engine->db, &walk);
}

/* The next batch of what is due. *ret_expired grows; 1 when there may be more, 0 when not: see *ret_next_ms. */
static int expire_batch_locked(struct engine *engine, uint64_t *ret_expired, int64_t *ret_next_ms)
{
    struct keeper *keeper = &engine->keeper;
    struct due due = {0};
    int64_t next_ms, now_ms = engine_now_ms(engine);
    int result = gather(engine, now_ms, &due, &next_ms);
    if (result == 0 && due.count > 0)
        result = mutate(engine, expire_step, &due);
    if (result < 0) {
        keeper->deadline_cursor_ms = 0;
        return result;
    }
    if (next_ms != INT64_MAX)
        keeper->deadline_cursor_ms = next_ms;
    *ret_expired += due.expired;
    *ret_next_ms = next_ms == INT64_MAX ? INT64_MAX : next_ms - now_ms;
    return due.count == MUTATION_VICTIMS_MAX;
}

static int expire_batch(struct engine *engine, uint64_t *ret_expired, int64_t *ret_next_ms)
{
    pthread_mutex_lock(&engine->keeper.expiring);
    int result = expire_batch_locked(engine, ret_expired, ret_next_ms);
    pthread_mutex_unlock(&engine->keeper.expiring);
    return result;
}

bool chore_expire(struct engine *engine, int64_t *ret_next_ms)
{
    uint64_t expired = 0;
    int result;
    do
        result = expire_batch(engine, &expired, ret_next_ms);
    while (result > 0);
    if (result < 0)
        *ret_next_ms = RETRY_MS;
    return result == 0;
}

int expire_now(void *impl, uint64_t most, uint64_t *ret_expired, bool *ret_more)
{
    struct engine *engine = impl;
    uint64_t expired = 0;
    int64_t next_ms;
    int result;
    do
        result = expire_batch(engine, &expired, &next_ms);
    while (result > 0 && expired < most);
    if (result < 0)
        return result;
    *ret_expired = expired;
    *ret_more = result > 0;
    return mutation_synced(engine, 0);
}

/* --- saving -------------------------------------------------------------------------------------------- */

static int save_step(struct mutation *m, void *arg)
{
    const struct due *due = arg;
    int result = 0;
    for (size_t i = 0; i < due->count && (result == 0 || result == -ENOENT); i++) {
        uint64_t dir;
        char name[STORE_NAME_MAX + 1];
        struct entry row;
        result = row_of_version(m->engine, due->list[i].version, &dir, name, &row);
        if (result < 0)
            continue;
        result = renew(m, dir, name, &row, due->hits);
        entry_release(&row);
    }
    return result == -ENOENT ? 0 : result;
}

struct saving {
    struct engine *engine;
    struct due due;
    size_t left; /* rows that may still be written: a close has to end */
};

static void save_batch(struct saving *saving)
{
    if (saving->due.count > 0)
        (void)mutate(saving->engine, save_step, &saving->due);
    saving->due.count = 0;
}

static void save_one(void *arg, uint64_t version)
{
    struct saving *saving = arg;
    if (saving->left == 0)
        return;
    saving->left--;
    saving->due.list[saving->due.count++].version = version;
    if (saving->due.count == MUTATION_VICTIMS_MAX)
        save_batch(saving);
}

void chore_save_reads(struct engine *engine)
{
    struct saving saving = {.engine = engine, .due.hits = true, .left = 100000};
    policy_walk(&engine->policy, save_one, &saving);
    save_batch(&saving);
    saving.left = SIZE_MAX;
    saving.due.hits = false; /* they were written just now */
    idle_walk(&engine->idle, save_one, &saving);
    save_batch(&saving);
}
