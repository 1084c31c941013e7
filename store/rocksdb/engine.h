/* SPDX-License-Identifier: MIT */
/*
 * engine.h - the store on RocksDB as a whole: what its parts share, and the order of their locks.
 *
 *     rocksdb.c   the table, open and close         names.c     lookup, list, make, remove, change_dir
 *     home.c      the directory: whose is it        rename.c    rename
 *     mutation.c  one atomic change                 version.c   pin, stage, read
 *     rows.c      entries in and out of rows        change.c    write, resize, change
 *     pins.c      versions in hand                  publish.c   publish
 *     value.c     values: buffers and chunks        room.c      the limits
 *     keeper.c    the background thread             chores.h    what it does: expire.c, evict.c, sweep.c, tagged.c
 *     policy.c    what is remembered of reads       choose.c    who goes next
 *     dirs.c      directories in memory             idle.c      times of reading
 *     tagged.c    entries by their tags             tags.c      which tags were invalidated
 *     quota_parts.h  directories with limits: quota.c, quota_batch.c, quota_set.c, quota_room.c, quota_count.c
 *     roster.c    which versions are below one
 *     snapshot.c  all there was at one moment
 *     db.c        RocksDB itself                    ahead.c     large values read ahead
 *     checking.h     is all as it should be            repair.c    and if it is not
 *     witness.c   which files there were
 *     clear.c     all of a directory removed
 *     heads.c     where listings may begin
 *     keys.h, meta.h, dirrow.h   what FORMAT.md says
 *
 * Locks, in the order in which they are taken:
 *
 *     0. keeper.expiring             (one who lets entries expire at a time)
 *     1. a version's own lock        (struct pinned: its entry and its private value)
 *     2. the mutation mutex          (engine.mutation: everything published)
 *     3. the table's lock            (struct pins: which versions are in hand, and the state and place of each)
 *     4. the locks of ids, dirs, heads, room, idle, keeper, ahead, tags and quotas; none of them is held while another is
 *        taken
 *
 * Those of snapshots are apart: they are taken with none of 1 to 3 held, and of the others only idle's and tags' below.
 *
 * Whoever waits for room holds neither 2 nor 3, and the keeper, which makes room, never takes 1. List and read take none
 * but a version's own; lookup and pin take 3 besides, and while they hold that, or 2, they only try 1. No lock is held
 * while options.gone is called.
 */
#ifndef LARDER_ROCKSDB_ENGINE_H
#define LARDER_ROCKSDB_ENGINE_H

#include "ahead.h"
#include "choose.h"
#include "db.h"
#include "dirs.h"
#include "entry.h"
#include "heads.h"
#include "home.h"
#include "idle.h"
#include "keeper.h"
#include "meta.h"
#include "pins.h"
#include "policy.h"
#include "quota.h"
#include "room.h"
#include "snapshot.h"
#include "tags.h"

#define NS_PER_MS 1000000

/*
 * The one sequence that directories, inodes, versions and changes take their numbers from. It only grows, and no
 * number comes twice, whatever crashes: `mark`, which none has reached, is on disk before any below it is given out.
 */
struct ids {
    pthread_mutex_t lock;
    uint64_t next, mark; /* lock */
};

/* Directories' numbers are odd and all others even, so that it can be told from a number whether it ever was a
 * directory's. */
enum id_kind { ID_DIRECTORY, ID_OTHER };

/* What can differ between stores. `chunk_bytes` is written down in the store when it is made. */
struct layout {
    uint32_t inline_max, chunk_bytes;
};

enum {
    CHUNK_BYTES = 32 << 10, /* of new stores; FORMAT.md says why */
    CHUNK_BYTES_MIN = ENTRY_INLINE_MAX, /* a value that grows out of its row is one chunk */
    CHUNK_BYTES_MAX = 16 << 20,
};

struct engine {
    struct store *store;
    const struct store_options *options;
    struct layout layout;
    struct home home;
    struct db db;
    struct ids ids;
    struct pins pins;
    struct dirs *dirs; /* set once */
    struct room room;
    struct policy policy; /* its rule changes with the mutation mutex held */
    struct chooser chooser; /* the keeper's alone */
    struct idle idle;
    struct keeper keeper;
    struct ahead ahead;
    struct tags tags;
    struct quotas quotas;
    struct heads heads;
    struct snapshots snapshots;

    pthread_mutex_t mutation;
    rocksdb_writebatch_t *batch; /* mutation; the one being built */
    struct meta_counters counters; /* mutation; what is published */
    int64_t deadline_added_ms; /* mutation; the earliest deadline since the keeper last looked */

    /* mutation; the eviction queue is the version family: no version is older than `oldest`, `hand` is looked at next.
     * The keeper moves them, a new entry with an older version moves them back. */
    uint64_t oldest, hand;
    uint64_t queued_low; /* mutation; the oldest version that became an entry's since the keeper last began to look */

    /* Since opening. */
    _Atomic uint64_t hits, sets, deletes, expired, evicted, evicted_for_quotas, invalidated, reads;
};

/* Opens with another layout than the usual one; for measuring. Otherwise as backend.open. */
int engine_open(const char *path, const struct store_options *options, const struct layout *layout, struct store *store,
                struct engine **ret_engine, struct store_error *ret_error);
void engine_close(struct engine *engine);

/* A number nobody had. -EIO. */
int engine_id(struct engine *engine, enum id_kind kind, uint64_t *ret_id);

/* The calling thread is about to wait: says so (store_options.waits). */
void engine_waits(const struct engine *engine);

/* Waits until the keeper has made room, and takes it: room_used_up() is due. -ENOSPC. */
int engine_wait_for_room(struct engine *engine, struct room_amount amount);

static inline int64_t engine_now_ns(const struct engine *engine)
{
    return store_now_ns(engine->options);
}

static inline int64_t engine_now_ms(const struct engine *engine)
{
    return store_now_ns(engine->options) / NS_PER_MS;
}

#endif
