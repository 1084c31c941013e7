/* SPDX-License-Identifier: MIT */
/*
 * checking.h - looks whether everything in a database is as FORMAT.md says, and mends what is not.
 *
 *     checking.c     the walk through all families, the rows of the whole store, the counters
 *     check_names.c  the default family: directories and entries, and what must lead to them
 *     check_index.c  version, data, deadline and tag: what must lead back
 *     check_quotas.c  what is below directories with limits
 *     findings.c     what is said of it, with paths
 *     repair.c       the same offline, of a store that perhaps does not open
 *
 * Each family is walked once in the order of its keys, and what must correspond is looked up by its key, so memory does
 * not grow with the store. It sees a view: of a store in use a frozen one, in which every batch is whole. What is in no
 * batch, the chunks of versions that are being written or have died, is judged by the engine's memory, and anew until
 * that agrees.
 *
 * To mend, it writes each row as it finds it, and is run again until nothing is found: what one row says may only be
 * known to be wrong once another is right. Where files were lost (`distrust`) nothing is made anew of an entry's: a row
 * may have come back from before, and what leads to it has not. Nor can it be told there what is a hole in a value and
 * what was lost.
 *
 * All of it belongs to the thread that checks.
 */
#ifndef LARDER_ROCKSDB_CHECKING_H
#define LARDER_ROCKSDB_CHECKING_H

#include "dirrow.h"
#include "engine.h"

enum {
    CHECK_ROUNDS = 8, /* more than anything takes that can be mended */
    CHECK_ROOTED = 1 << 16, /* directories that are known to lead to the root */
    CHECK_TOLD = 64, /* texts of RocksDB's errors that were passed on */
    CHECK_SUSPECTS = 1024,
};
#define CHECK_NUMBER_MAX (UINT64_C(1) << 62) /* nobody was given so many */

/* A directory with a quota, as its row says, and what is below it. */
struct check_quota {
    uint64_t dir;
    struct meta_quota says;
    uint64_t bytes, items;
};

struct check {
    const struct db *db;
    struct engine *engine; /* of a store in use; else NULL */
    const struct store_watch *watch;
    struct store_checked *done; /* adds up over rounds */
    uint64_t total; /* rows, about */
    bool fix, distrust;
    unsigned round;

    /* --- of one round --- */
    struct view view;
    struct store_checked seen;
    uint64_t findings;
    bool damaged; /* a file cannot be read: what was not seen may be there */
    bool uncounted; /* a row that counts could not be read */
    uint32_t chunk_bytes;
    struct meta_ids ids;
    struct meta_counters counters, counted;
    struct check_quota *quotas; /* owned; by their directories */
    size_t quotas_count;
    struct check_quota adding; /* what was met of one directory, and is not counted above it yet */
    bool format_there, ids_there, counters_there;
    uint64_t highest; /* number in any row */
    uint64_t dir; /* the directory in whose rows the walk is; 0: in the whole store's */
    bool dir_there; /* it has a row of its own */
    bool root_there;
    int trouble; /* a mending that failed; or the watcher's end */
    uint64_t *rooted; /* CHECK_ROOTED, by number */
    uint64_t told[CHECK_TOLD];
    unsigned told_count;
    uint64_t suspects[CHECK_SUSPECTS]; /* versions with chunks and no entry, in a store in use */
    size_t suspects_count;
};

/* One round of everything. 0, whatever was found; -ECANCELED; -errno when a mending could not be written. */
int check_round(struct check *check);

/* --- parts --------------------------------------------------------------------------------------------- */

int check_names(struct check *check);
int check_versions(struct check *check);
int check_data(struct check *check);
int check_deadlines(struct check *check);
int check_tags(struct check *check);
void check_row_of_store(struct check *check, const struct slice *key, const struct slice *row);
void check_quota_row(struct check *check, const struct slice *key, const struct slice *row);

/* Something in a directory was met that counts; and above it, which check_count_up() does last. */
void check_count_in(struct check *check, uint64_t dir, uint64_t bytes, uint64_t items);
void check_count_up(struct check *check);
/* Once all was met; the `totals` only when nothing went or could not be read. */
void check_quotas(struct check *check, bool totals);

/* Counts a row. False when the watcher has had enough, or a mending failed. */
bool check_goes_on(struct check *check);

/* Judges the suspects. */
void check_suspects(struct check *check);

/* A number that a row has. */
void check_number(struct check *check, uint64_t number);

/* The row at a place, or a directory's own: 0, -ENOENT, -EUCLEAN when it is no row, -EIO when it cannot be read, which
 * was told. Of a link *ret_link is the directory's number, and there is no entry; else it is 0. */
int check_read(struct check *check, uint64_t dir, const char *name, struct entry *ret_entry, uint64_t *ret_link);
int check_read_dir(struct check *check, uint64_t dir, struct entry *ret_entry, char *ret_name);
/* One value: 0, -ENOENT, or -EIO as above. */
int check_get(struct check *check, enum family family, struct key key, struct slice *ret_value);
/* The file or link that has a version, where it is, and how; -ENOENT when none has, -EIO. */
int check_entry_of(struct check *check, uint64_t version, uint64_t *ret_dir, char *ret_name, struct entry *ret_entry);

/* --- findings ------------------------------------------------------------------------------------------ */

/* Tells of one. `mended` is what becomes of it if the check mends. */
__attribute__((format(printf, 4, 5))) void check_found(struct check *check, enum store_fault fault,
                                                       enum store_remedy mended, const char *format, ...);

/* RocksDB could not read something. */
void check_unreadable(struct check *check);

/* The path of an entry, as far as it is known, for people. */
struct path {
    char text[1024];
};
const char *check_path(struct check *check, uint64_t dir, const char *name, struct path *path);

/* --- mending: nothing without check.fix ---------------------------------------------------------------- */

void mend_put(struct check *check, enum family family, struct key key, const void *row, size_t size);
void mend_delete(struct check *check, enum family family, struct key key);
/* Of any size. */
void mend_delete_raw(struct check *check, enum family family, const struct slice *key);
/* The chunks of a version from one on. */
void mend_delete_chunks(struct check *check, uint64_t version, uint64_t first);
/* An entry with all that is known to lead to it. */
void mend_delete_entry(struct check *check, uint64_t dir, const char *name, const struct entry *entry);
void mend_put_dir(struct check *check, uint64_t dir, const char *name, const struct entry *entry);

#endif
