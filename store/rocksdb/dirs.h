/* SPDX-License-Identifier: MIT */
/*
 * dirs.h - directories' own rows in memory: every new name reads its directory's four times, and those above it.
 *
 * A table with one place for each of many numbers. A row is what the medium has, at any moment it can be found here: a
 * batch that changes one takes it out before it is written, and brings the new one when it has been; none comes in
 * meanwhile, nor one that was read before. The lock is one of the last in the lock order (engine.h).
 */
#ifndef LARDER_ROCKSDB_DIRS_H
#define LARDER_ROCKSDB_DIRS_H

#include "store.h"

#include <pthread.h>

enum {
    DIRS_SLOTS = 256,
    DIRS_ENTRY_MAX = 1024, /* bytes of tags and attributes: so the whole is at most some 400 KiB */
};

struct dirs {
    pthread_mutex_t lock; /* guards what follows */
    struct dirs_slot {
        uint64_t dir; /* 0: none */
        uint32_t epoch; /* grows with every change of any directory that belongs here */
        uint32_t changing; /* batches under way that change one */
        struct entry entry;
        char name[STORE_NAME_MAX + 1];
    } slots[DIRS_SLOTS];
};

void dirs_init(struct dirs *dirs);
void dirs_release(struct dirs *dirs);

/* A copy of a directory's entry and (may be NULL) its name. -EAGAIN: read the row, and then give that to dirs_put()
 * with this epoch. */
int dirs_get(struct dirs *dirs, uint64_t dir, struct entry *ret_entry, char *ret_name, uint32_t *ret_epoch);
void dirs_put(struct dirs *dirs, const struct entry *entry, const char *name, uint32_t epoch);

/* A batch is about to change or remove the row; and it was written, or not. `entry`, with its name, is how the row is now;
 * what it owns may be taken from it. NULL: there is none, or nobody knows. */
void dirs_unsettle(struct dirs *dirs, uint64_t dir);
void dirs_settle(struct dirs *dirs, uint64_t dir, struct entry *entry, const char *name);

#endif
