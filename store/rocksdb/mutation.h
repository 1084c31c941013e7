/* SPDX-License-Identifier: MIT */
/*
 * mutation.h - one atomic change of what is published.
 *
 * mutate() holds the mutation mutex, calls a step that reads old rows and adds to the batch what is new, finds the
 * room the step's result needs, writes the batch with the counters in it, and settles with everything in memory that
 * knew the old state: versions in hand, epochs, hits, room, quotas, deadlines. Where room must be waited for it lets the
 * mutex go and calls the step anew, so a step must come to its result from the rows and its argument alone, each
 * time, and have no effect beside the batch and outputs in its argument.
 */
#ifndef LARDER_ROCKSDB_MUTATION_H
#define LARDER_ROCKSDB_MUTATION_H

#include "rows.h"

enum {
    MUTATION_VICTIMS_MAX = 64,
    MUTATION_MOVES_MAX = 2,
    MUTATION_DIRS_MAX = 8,
    MUTATION_PLACED_MAX = 4,
};

enum death { DEATH_REPLACED, DEATH_REMOVED, DEATH_EXPIRED, DEATH_EVICTED, DEATH_INVALIDATED };

/* A version that this mutation kills. */
struct victim {
    uint64_t version, dir;
    uint64_t cost, size; /* of the entry, and of its value alone */
    uint64_t room; /* that goes with its value: the size, but 0 when that is up to who has it in hand */
    uint64_t chunks; /* it has at most */
    enum death why;
    bool stays; /* the value does, for now, and is counted: it is in hand or has chunks to delete */
    char name[STORE_NAME_MAX + 1];
};

/* A published version that gets another place. */
struct move {
    uint64_t version, dir, new_dir;
    int64_t deadline_ms;
    const char *name, *new_name; /* the step's argument keeps them */
};

/* A directory whose row is put or deleted. */
struct noted_dir {
    uint64_t dir;
    uint8_t *row; /* owned; NULL: deleted */
    size_t row_size;
};

/* A place that gets a row; the step's argument keeps the name. */
struct placed {
    uint64_t dir;
    const char *name;
};

struct mutation {
    struct engine *engine;
    int64_t now_ns, now_ms;
    int64_t bytes, items, directories; /* how the counters change */
    int64_t deadline_ms; /* the earliest that is added; INT64_MAX none */
    int failed; /* what a tool that returns nothing could not do; or 0 */
    uint64_t added_version; /* UINT64_MAX none; in added_dir, and ends then */
    uint64_t added_dir;
    int64_t added_deadline_ms;
    uint64_t nearer_version; /* UINT64_MAX none; in nearer_dir: its deadline is an earlier one now */
    uint64_t nearer_dir;
    int64_t nearer_deadline_ms;
    struct pinned *publishing; /* this staged version becomes published, here; its charge is part of `bytes` */
    uint64_t publishing_dir;
    const char *publishing_name;
    uint64_t changed_dir; /* a place whose entry changes but keeps its version; no name: none */
    const char *changed_name;
    uint64_t folded_version, folded_hits; /* hits that went into a row */
    struct invalidated *
        *invalidated; /* a tag's, entered with this mark when the row is written, and NULL then; or NULL */
    uint64_t mark;
    struct quota *touched; /* what is below them changes; a list by next_touched */
    struct quota_setting *setting; /* a directory gets a quota, or loses it; or NULL */
    uint64_t dropped_dir; /* a directory that is removed; 0: none */
    struct quota *dropped_quota; /* its; or NULL */
    bool crosses; /* it moves a directory from below one quota to below another, or none */
    bool quota_high; /* the keeper has to come to one of them */
    size_t victims_count, moves_count, dirs_count;
    size_t placed_count; /* more than there is room for: of no use */
    struct victim victims[MUTATION_VICTIMS_MAX];
    struct move moves[MUTATION_MOVES_MAX];
    struct noted_dir dirs[MUTATION_DIRS_MAX];
    struct placed placed[MUTATION_PLACED_MAX];
};

/* A step returns 0 to have the batch written, or a negative errno to have nothing done. */
typedef int mutation_step(struct mutation *mutation, void *arg);

/* Runs one. Errors: the step's, the medium's, -ENOSPC; after any of them nothing has changed. */
int mutate(struct engine *engine, mutation_step *step, void *arg);

/* What a call of store.h that changed something returns, once everything in memory is as it was written: `result`, or
 * with options.sync the error of a medium that could not make sure of it. */
int mutation_synced(struct engine *engine, int result);

/* --- for steps ----------------------------------------------------------------------------------------- */

/* What is in a directory changes by so much. Errors are the step's in the end, if it does not look. */
void mutation_account(struct mutation *mutation, uint64_t dir, int64_t bytes, int64_t items);

/* Puts the row of a file or link whose version is new, with everything that points to it. */
int mutation_add(struct mutation *mutation, uint64_t dir, const char *name, const struct entry *entry);

/* Puts the row of one that keeps its version; `old` is the row as it was. */
int mutation_change(struct mutation *mutation, uint64_t dir, const char *name, const struct entry *old,
                    const struct entry *entry);

/* The version dies. Its row is left for the caller to delete or replace. `entry` is the row, with its value. Of what is
 * said to have expired it is looked up whether it was invalidated. */
void mutation_kill(struct mutation *mutation, uint64_t dir, const char *name, const struct entry *entry,
                   enum death why);

/* Notes that a place gets a row that was not there, for heads.h; mutation_add() does. */
void mutation_place(struct mutation *mutation, uint64_t dir, const char *name);

void mutation_delete_row(struct mutation *mutation, uint64_t dir, const char *name);

/* Puts a directory's own row; with `old` NULL it is new. */
int mutation_put_dir(struct mutation *mutation, const char *name, const char *old_name, const struct entry *old,
                     const struct entry *entry);

/* A name appeared in a directory, or somebody took it away; that entries expire or are evicted does not show in a
 * directory's times. -ENOENT, -ENOTDIR. */
int mutation_touch_dir(struct mutation *mutation, uint64_t dir);

/* Deletes a directory, which is empty, from its parent, and gives its name and entry back to the limit. */
int mutation_drop_dir(struct mutation *mutation, uint64_t parent, const char *name, uint64_t dir);

#endif
