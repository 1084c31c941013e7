/* SPDX-License-Identifier: MIT */
/*
 * chores.h - what the keeper does, one function a chore. All are called from the keeper's thread, unless they say
 * otherwise, with no lock held.
 * An error was logged where it happened; what was not done is done the next time.
 */
#ifndef LARDER_ROCKSDB_CHORES_H
#define LARDER_ROCKSDB_CHORES_H

#include "engine.h"

enum { RETRY_MS = 1000 }; /* after the medium failed */

/* Kills what is past its deadline and was not read in time. *ret_next_ms is how long until the next one, or until it
 * should be tried again. False when the medium failed. */
bool chore_expire(struct engine *engine, int64_t *ret_next_ms);

/* The backend's `expire`: the same, from any thread, until about `most` have gone. */
int expire_now(void *impl, uint64_t most, uint64_t *ret_expired, bool *ret_more);

/* No deadline in the queue is before this one. By who holds keeper.expiring, as long as it goes by that. */
int64_t expire_cursor(struct engine *engine);

/* Evicts some, at least one if there is any, and not more than enough to free `excess`: of all there is, or with `quota` of
 * what is below its directory, whose roster is counted. Returns how many. */
size_t chore_evict(struct engine *engine, struct quota *quota, struct room_amount excess);

/* Deletes the chunks of dead versions, and gives their room back. False when the medium failed. */
bool chore_reap(struct engine *engine);

/* Kills some of what the invalidation of a tag left. 1 when there was anything to do, and perhaps is more; 0; -errno. */
int chore_invalidated(struct engine *engine, size_t *ret_killed);

/* Looks at some of the values that were there at opening. 1 while there are more, then 0; -errno. */
int chore_sweep(struct engine *engine);

/* Has the disk space of what was deleted given back, when it is enough to be worth it. */
void chore_compact(struct engine *engine);

/* Writes into rows what is only in memory: when entries were read, and how often. At a clean close. */
void chore_save_reads(struct engine *engine);

#endif
