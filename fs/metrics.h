/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - hits, misses, sets and deletes as programs in the mount cause them, in all and for each directory in the
 * root; which entries are read most (hotkeys.h); and how long requests take (latency.h).
 *
 * A *hit* is an open to read that gets a value. Nothing else is: stat, listing, find and backup programs that do not open
 * change neither this nor what the eviction policy knows.
 *
 * A *miss* cannot be seen as such: of an open that finds nothing the kernel sends only LOOKUP, which is what stat and
 * creating send, too, and it remembers for a while what was not there, and asks no more. So a miss is a LOOKUP that finds
 * nothing, unless the same thread makes that very name within a millisecond: then the kernel asked in order to create.
 * That takes a program that misses, computes in less than that and sets for one that only sets; whoever computes
 * longer, which is what caches are for, is counted right.
 *
 * *Directories.* METRICS_DIRS counters: one is the root's own entries, one is that of all others together, and the first
 * directories in the root in which anything happens have one each, by name, for as long as the mount lives; a directory
 * that is made again, or another that is renamed to it, goes on with it. Which directory in the root a directory belongs
 * to is remembered in a table of PLACES words: that is why a get of an entry in one of them asks nobody. It is emptied
 * when a directory moves.
 *
 * Counters are in shards (shard.h). From any thread; the locks here are taken last of all.
 */
#ifndef LARDER_FS_METRICS_H
#define LARDER_FS_METRICS_H

#include "hotkeys.h"
#include "latency.h"

#include <stdbool.h>
#include <sys/types.h>

struct fs;
struct metrics;

enum { METRICS_DIRS = 64 };

#define METRICS_ROOT   "/" /* what the root's own entries are counted under, */
#define METRICS_OTHERS "/*" /* and those that have no counters of their own: no name has a slash in it */

/* Makes one; NULL when out of memory. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* An open to read got a value. */
void metrics_hit(struct fs *fs, uint64_t dir, const char *name);

/* A thread (0: not known) looked for what is not there; and makes something there. */
void metrics_miss(struct fs *fs, pid_t tid, uint64_t dir, const char *name);
void metrics_makes(struct fs *fs, pid_t tid, uint64_t dir, const char *name);

/* A value was published in a directory; an entry in it was removed. */
void metrics_set(struct fs *fs, uint64_t dir);
void metrics_delete(struct fs *fs, uint64_t dir);

/* A directory may have moved. */
void metrics_moved(struct fs *fs);

/* What programs did. */
struct usage {
    uint64_t hits, misses, sets, deletes;
};
void metrics_usage(struct fs *fs, struct usage *ret_usage);

/* The n-th directory's, and its name into STORE_NAME_MAX + 1 bytes; false past the end. The root is the first, the last
 * is those that have none of their own. */
bool metrics_dir_usage(struct fs *fs, unsigned n, char *ret_name, struct usage *ret_usage);

/* The sketch of what is read most. */
struct hotkeys *metrics_hotkeys(struct metrics *metrics);

/* The histograms. */
struct latency *metrics_latency(struct metrics *metrics);

#endif
