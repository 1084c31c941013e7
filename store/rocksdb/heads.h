/* SPDX-License-Identifier: MIT */
/*
 * heads.h - before which name a directory has nothing, in memory: so that listing one from which much was removed, a
 * queue as a rule, does not begin with all that RocksDB remembers of what it deleted.
 *
 *     bound    no row of the directory has a name before it; "" is always true, HEADS_NONE says there is no row
 *
 * A listing learns it: what it finds first is the bound, if nothing was placed before that meanwhile. Who places a name
 * says so after it is written, and before the call that does returns; so a listing that begins then begins early
 * enough, and one that began before has not been promised that it meets it.
 *
 * A slot is shared by the directories whose numbers fall on it: who lists one takes it from another, unless that is
 * being listed. Locking: its own, one of the last in the order.
 */
#ifndef LARDER_ROCKSDB_HEADS_H
#define LARDER_ROCKSDB_HEADS_H

#include "store.h"

#include <pthread.h>

enum { HEADS = 64 };

struct head {
    uint64_t dir; /* 0: none yet */
    unsigned lookers; /* listings that will say what they found first */
    char bound[STORE_NAME_MAX + 1];
    char placed[STORE_NAME_MAX + 1]; /* the first name placed since there are lookers; HEADS_NONE nothing */
};

struct heads {
    pthread_mutex_t lock; /* guards the slots */
    struct head slots[HEADS];
};

void heads_init(struct heads *heads);
void heads_release(struct heads *heads);

/* A listing of what is behind `after` ("": from the first) begins. Copies into STORE_NAME_MAX + 1 bytes the name at which
 * it may begin as well, "" if none is known. When true, it must say what was the first row, with heads_learn(). */
bool heads_look(struct heads *heads, uint64_t dir, const char *after, char *ret_bound);

/* The first row, of those there were some time after heads_look(), had this name; NULL: there was none; "" not known. */
void heads_learn(struct heads *heads, uint64_t dir, const char *first);

/* What is known, by who has the mutation mutex: nothing is placed meanwhile. "" if nothing is. */
void heads_bound(struct heads *heads, uint64_t dir, char *ret_bound);

/* There is a row of this name from now on. */
void heads_placed(struct heads *heads, uint64_t dir, const char *name);

/* There are rows of any names anywhere. */
void heads_placed_many(struct heads *heads);

#endif
