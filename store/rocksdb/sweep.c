/* SPDX-License-Identifier: MIT */
/*
 * sweep.c - chore_reap(), chore_sweep() and chore_compact(): what is deleted from the data family, and how its space
 * comes back.
 *
 * A version is never written to once nobody holds it and no entry has it, so its chunks can go at any later time. After
 * a crash nobody knows which versions were dead or never published: the sweep looks at all that have chunks.
 */
#include "chores.h"

#include <errno.h>
#include <stdlib.h>

enum {
    REAP_BATCH_CHUNKS = 1024,
    SWEEP_STEP = 64,
};
#define DROP_FILES_BYTES      (UINT64_C(64) << 20) /* from this size on a value fills whole files */
#define COMPACT_MIN_BYTES     (UINT64_C(64) << 20)
#define COMPACT_PRESSED_BYTES (UINT64_C(4) << 20) /* while the disk is nearly full */

/* --- reaping ------------------------------------------------------------------------------------------- */

static struct reap *take_reaps(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    struct reap *reaps = keeper->reaps;
    keeper->reaps = NULL;
    pthread_mutex_unlock(&keeper->lock);
    return reaps;
}

static void put_back(struct keeper *keeper, struct reap *reaps)
{
    pthread_mutex_lock(&keeper->lock);
    struct reap **end = &reaps;
    while (*end)
        end = &(*end)->next;
    *end = keeper->reaps;
    keeper->reaps = reaps;
    pthread_mutex_unlock(&keeper->lock);
}

/* Files that have nothing but chunks of this version, which is dead and in nobody's hand, are dropped without reading
 * them. Never those of a whole range of versions: one that is staged or taken in hand just then may be among them, and
 * with a file of tombstones older files would come to light again. What is left is compaction's.
 *
 * They are gone for good at once, also when the machine loses its power, so what killed the version has to be there for
 * good before: else its entry would come back with a value of zeroes. If that fails they are left to compaction. */
static void drop_files(struct engine *engine, uint64_t version)
{
    if (db_sync(&engine->db) < 0)
        return;
    struct key low = key_chunk(version, 0), high = key_chunk(version, UINT64_MAX);
    char *text = NULL;
    rocksdb_delete_file_in_range_cf(engine->db.rocks, engine->db.families[FAMILY_DATA], (const char *)low.bytes,
                                    low.size, (const char *)high.bytes, high.size, &text);
    if (text)
        (void)db_error(&engine->db, text);
}

static void count_reaped(struct keeper *keeper, const struct reap *reap)
{
    if (keeper->reaped_bytes == 0 || reap->version < keeper->reaped_low)
        keeper->reaped_low = reap->version;
    if (keeper->reaped_bytes == 0 || reap->version > keeper->reaped_high)
        keeper->reaped_high = reap->version;
    keeper->reaped_bytes += reap->cost + 1;
}

/* One batch from the head of the list; on success those are freed and *list is the rest. */
static bool reap_batch(struct engine *engine, struct reap **list)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    struct reap *end = *list;
    struct room_amount freed = {0};
    bool drops =
        !snapshots_any(&engine->snapshots); /* else a snapshot would have holes: it does not keep whole files */
    for (uint64_t chunks = 0; end && chunks < REAP_BATCH_CHUNKS; end = end->next) {
        if (drops && end->chunks * engine->layout.chunk_bytes >= DROP_FILES_BYTES)
            drop_files(engine, end->version);
        chunks_drop(engine, batch, end->version, 0, end->chunks);
        chunks += end->chunks;
        freed.bytes += end->cost;
    }
    room_guard(&engine->room);
    bool done = db_write(&engine->db, batch) == 0;
    rocksdb_writebatch_destroy(batch);
    while (done && *list != end) {
        struct reap *reap = *list;
        *list = reap->next;
        count_reaped(&engine->keeper, reap);
        free(reap);
    }
    if (done)
        room_give(&engine->room, freed);
    return done;
}

bool chore_reap(struct engine *engine)
{
    struct reap *list = take_reaps(&engine->keeper);
    while (list && reap_batch(engine, &list))
        ;
    if (list)
        put_back(&engine->keeper, list);
    return !list;
}

/* --- sweeping ------------------------------------------------------------------------------------------ */

/* True when no entry has the version and nobody holds it. With the mutation mutex no death is half done: whoever
 * still read the dead row can not enter it among those in hand any more. */
static bool orphaned(struct engine *engine, uint64_t version)
{
    struct key key = key_version(version);
    SCOPED_SLICE place = {0};
    pthread_mutex_lock(&engine->mutation);
    bool orphaned = db_get(&engine->db, FAMILY_VERSION, &key, &place) == -ENOENT && !pins_have(&engine->pins, version);
    pthread_mutex_unlock(&engine->mutation);
    return orphaned;
}

int chore_sweep(struct engine *engine)
{
    struct keeper *keeper = &engine->keeper;
    if (keeper->sweep_next >= keeper->sweep_end)
        return 0;
    struct key from = key_chunk(keeper->sweep_next, 0), end = key_chunk(keeper->sweep_end, 0);
    SCOPED_WALK walk;
    db_walk(&engine->db, FAMILY_DATA, &from, &end, &walk);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    struct slice key;
    uint64_t next = keeper->sweep_end;
    for (int looks = 0; walk_get(&walk, &key, NULL); looks++) {
        uint64_t version = get_u64(key.data);
        struct key behind = key_chunk(version + 1, 0), first = key_chunk(version, 0);
        if (looks == SWEEP_STEP) {
            next = version;
            break;
        }
        if (orphaned(engine, version))
            db_batch_delete_range(&engine->db, batch, FAMILY_DATA, &first, &behind);
        walk_seek(&walk, &behind);
    }
    int result = walk_error(&engine->db, &walk);
    if (result == 0)
        result = db_write(&engine->db, batch);
    rocksdb_writebatch_destroy(batch);
    if (result < 0)
        return result;
    keeper->sweep_next = next;
    return next < keeper->sweep_end;
}

/* --- giving space back --------------------------------------------------------------------------------- */

/* At once, while the keeper waits: the disk is nearly full. */
static void compact_now(struct engine *engine, const struct key *low, const struct key *high)
{
    if (db_flush(&engine->db) == 0)
        rocksdb_compact_range_cf(engine->db.rocks, engine->db.families[FAMILY_DATA], (const char *)low->bytes,
                                 low->size, (const char *)high->bytes, high->size);
}

/* When RocksDB gets round to it. */
static void compact_later(struct engine *engine, const struct key *low, const struct key *high)
{
    char *text = NULL;
    rocksdb_suggest_compact_range_cf(engine->db.rocks, engine->db.families[FAMILY_DATA], (const char *)low->bytes,
                                     low->size, (const char *)high->bytes, high->size, &text);
    if (text)
        (void)db_error(&engine->db, text);
}

void chore_compact(struct engine *engine)
{
    struct keeper *keeper = &engine->keeper;
    uint64_t share = room_limit(&engine->room).bytes / 8, worth = share > COMPACT_MIN_BYTES ? share : COMPACT_MIN_BYTES;
    bool pressed = keeper->reaped_bytes >= COMPACT_PRESSED_BYTES && room_disk_full(&engine->room);
    if (keeper->reaped_bytes < worth && !pressed)
        return;
    struct key low = key_chunk(keeper->reaped_low, 0), high = key_chunk(keeper->reaped_high + 1, 0);
    (pressed ? compact_now : compact_later)(engine, &low, &high);
    keeper->reaped_bytes = 0;
}
