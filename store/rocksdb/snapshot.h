/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - everything there is, as it was at one moment, walked from the root down.
 *
 * RocksDB keeps the rows and chunks of that moment. What is not in rows is kept here: the time, the reads of entries
 * with an idle lifetime, and the tags that were invalidated, so that each row is judged as it would have been then.
 *
 * The walk holds a directory's id and the length of its path for each level it is below the root, and one iterator,
 * which is let go every now and then, since it keeps memtables and files alive. It finds its place again by the last
 * name, which is the end of the path.
 *
 * The space of what dies meanwhile does not come back. So when the disk is nearly full the keeper takes it from whoever
 * has a snapshot, and what he asks for then is -ESTALE.
 *
 * Locking: the list has a lock, and below it each snapshot has one, held while it is read from or let go. They are taken
 * before the locks of idle and tags, with no other held (engine.h).
 */
#ifndef LARDER_ROCKSDB_SNAPSHOT_H
#define LARDER_ROCKSDB_SNAPSHOT_H

#include "store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

struct engine;
struct snapshot;

struct snapshots {
    pthread_mutex_t lock; /* guards the list */
    LIST_HEAD(, snapshot) all;
    atomic_uint
        count; /* of those that RocksDB keeps a state for, and of checks in use; above 0 from before it begins to */
};

void snapshots_init(struct snapshots *snapshots);
void snapshots_release(struct snapshots *snapshots);

/* Is there one? Then no file may be dropped that a version of its moment has chunks in. What died before this was called
 * is in none that is opened later. */
static inline bool snapshots_any(const struct snapshots *snapshots)
{
    return atomic_load(&snapshots->count) > 0;
}

/* A check, which reads such a state without being in the list, begins, and has ended. */
static inline void snapshots_check_begin(struct snapshots *snapshots)
{
    atomic_fetch_add(&snapshots->count, 1);
}
static inline void snapshots_check_end(struct snapshots *snapshots)
{
    atomic_fetch_sub(&snapshots->count, 1);
}

/* For the keeper: takes the state from all of them but checks. */
void snapshots_revoke(struct engine *engine);

int snapshot_open(void *impl, struct store_snapshot **ret_snapshot);
void snapshot_close(void *impl, struct store_snapshot *snapshot);
int snapshot_next(void *impl, struct store_snapshot *snapshot, const char **ret_path, const struct entry **ret_entry);
int snapshot_read(void *impl, struct store_snapshot *snapshot, void *buffer, size_t size, uint64_t offset);

#endif
