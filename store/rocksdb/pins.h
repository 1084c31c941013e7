/* SPDX-License-Identifier: MIT */
/*
 * pins.h - versions in hand, and some that were. All pins of one version share one object; a table finds it by the
 * version's number, and a published one by its place, too.
 *
 *     STAGED --publish--> PUBLISHED --replaced, removed, expired, evicted--> DEAD
 *
 * A staged one belongs to its maker. Of a published one the row is the truth, and `entry` a copy that everyone who
 * changes the row keeps true; but for `used_ms`, which the keeper, who does not take a version's lock, writes into rows
 * out of the idle table: that still knows it, and row_refresh() adds it. A dead one is what was published when it died:
 * its chunks stay until it is let go.
 *
 * A published one that nobody has in hand any more stays in the table, *warm*, so that the next pin of it needs no row;
 * of those the longest unused go when they are too many or take too much memory. Warm ones count for nothing: they are
 * not in hand, hold no room, keep nothing from being evicted, and are gone from the table with the mutation that kills
 * them.
 *
 * A pin reads the row without the mutation mutex, and enters the version in the table afterwards. That the version
 * did not die or change in between, it knows from the place's epoch: a mutation moves it, with the table's lock held,
 * after its batch is written. Whoever asks the table alone knows from `moving` that no batch which kills or moves the
 * version has been written yet: it counts them from before they are.
 */
#ifndef LARDER_ROCKSDB_PINS_H
#define LARDER_ROCKSDB_PINS_H

#include "backend.h"
#include "value.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

struct engine;

enum pin_state { PIN_STAGED, PIN_PUBLISHED, PIN_DEAD };

struct pinned {
    struct store_version version; /* first: what callers hold */
    struct engine *engine;
    bool ino_inherited; /* constant: it was staged with the number of the entry that was there */

    pthread_rwlock_t lock; /* the version's own; guards the next three, and `kept` */
    struct entry entry; /* published, or dead and unchanged since: with the value where that was in the row */
    bool private; /* the value is in `value`: staged, or dead and written since */
    struct value value;
    _Atomic uint64_t read_end; /* where the last read of chunks ended; 0 there was none */
    unsigned kept; /* STAGED: the ENTRY_SET_ bits that store_change() set */

    _Atomic int state; /* enum pin_state; changes with the mutation mutex and the table's lock held */
    _Atomic bool changing; /* a live change is under way: not to be evicted for its own sake */
    _Atomic uint64_t last_hits; /* DEAD: what was known of its reads beyond the row, when it died */
    _Atomic int64_t last_used_ms;
    /* Bytes of room it holds itself: STAGED or DEAD. The value's size, or 0 for a value from a row that came to hand in
     * the very moment of its death with the store full. */
    _Atomic uint64_t charge;
    _Atomic uint64_t
        dir; /* with `name` its place, while published, and before where it was staged; guarded as `state` */
    char name[STORE_NAME_MAX + 1];

    /* --- below here the table's lock --- */
    unsigned refs; /* 0: warm */
    struct pinned *next;
    struct pinned *next_place; /* PUBLISHED */
    TAILQ_ENTRY(pinned) of_warm;
    size_t warm_bytes; /* what it takes while it is warm */
};

enum {
    PINS_EPOCHS = 256,
    PINS_WARM_MAX = 1 << 17, /* in number; a row of 100 bytes takes about 800, so that memory is the bound as a rule */
};

struct pins {
    pthread_mutex_t lock; /* guards what follows, and what of each version is said to be guarded by it */
    struct pinned **buckets; /* by version */
    struct pinned **places; /* by place: the published ones */
    size_t buckets_count, count; /* both have as many */
    TAILQ_HEAD(, pinned) warm; /* longest unused first */
    size_t warm_count, warm_bytes;
    size_t warm_bytes_max; /* constant */
    _Atomic uint32_t epochs[PINS_EPOCHS]; /* by place; change under the lock, read without */
    _Atomic uint32_t
        moving[PINS_EPOCHS]; /* by version: batches that kill or move one, from before they are written until
                                             the table knows */
};

int pins_init(struct pins *pins, uint64_t warm_bytes_max);
/* Nothing is in hand any more. */
void pins_release(struct pins *pins);

/* A new object with one reference, not in the table; takes the entry over. NULL without memory. One that was never
 * in the table and is not wanted goes by pinned_free(). */
struct pinned *pinned_new(struct engine *engine, enum pin_state state, struct entry *entry, uint64_t dir,
                          const char *name);

void pinned_free(struct pinned *pinned);

/* Lets one reference go. With the last one a published version becomes warm; of another its chunks and room are free. */
void pinned_release(struct pinned *pinned);

/* The epoch of a place; read it before the row. */
uint32_t pins_epoch(const struct pins *pins, uint64_t dir, const char *name);

/* Finds the version among those in hand and takes a reference, or enters `fresh` as it. -EAGAIN when the row it was
 * made of may be an old one: read that again. `fresh` is used up only when it is what is returned. */
int pins_enter(struct pins *pins, struct pinned *fresh, uint32_t epoch, struct pinned **ret_pinned);

/* Take a reference of a version that is in the table and published, and not about to die or to move; else NULL. */
struct pinned *pins_take(struct pins *pins, uint64_t version);
struct pinned *pins_take_place(struct pins *pins, uint64_t dir, const char *name);

/* The entry of such a version, by its place, without taking it in hand. -EAGAIN when there is none, or it is being
 * changed just now. */
int pins_recall(struct pins *pins, uint64_t dir, const char *name, bool with_value, struct entry *ret_entry);

/* Enters a staged one. */
void pins_insert(struct pins *pins, struct pinned *pinned);

/* The version, if it is in the table; or NULL. With the table's lock held, as those that follow. */
struct pinned *pins_find_locked(const struct pins *pins, uint64_t version);
/* A staged version becomes published, or a published one moves; to this place. */
void pins_publish_locked(struct pins *pins, struct pinned *pinned, uint64_t dir, const char *name);
void pins_move_locked(struct pins *pins, struct pinned *pinned, uint64_t dir, const char *name);
/* A published version is to die. False when nobody has it in hand: then it is gone from the table. */
bool pins_in_hand_locked(struct pins *pins, struct pinned *pinned);
/* One in hand is dead now; what is known of its end was noted. */
void pins_die_locked(struct pins *pins, struct pinned *pinned);
/* Something about what is at the place has changed. */
void pins_moved_locked(struct pins *pins, uint64_t dir, const char *name);

/* A batch is about to kill or move the version; and the table knows of it, or it was not written. */
void pins_unsettle(struct pins *pins, uint64_t version);
void pins_settle(struct pins *pins, uint64_t version);

/* True if the version is in hand now. */
bool pins_have(struct pins *pins, uint64_t version);

/* True if a live change of it is under way. */
bool pins_changing(struct pins *pins, uint64_t version);

/* How many are in hand and how many warm: fills `pinned`, `warm` and `warm_bytes`. */
void pins_count(struct pins *pins, struct store_stats *stats);

#endif
