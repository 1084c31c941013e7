/* SPDX-License-Identifier: MIT */
/*
 * entry.h - what an entry means, apart from where it is kept: its row's encoding, its clock, what it inherits, what a
 * change does to it and what it costs. Both backends use these, so that they can differ in means only.
 *
 * Private to store/; the struct itself is in store.h. All functions here are pure: they touch their arguments
 * alone, take no lock and may be called from anywhere.
 *
 * The row (FORMAT.md is the authority):
 *
 *     fixed head (ENTRY_ROW_HEAD bytes) | tags | xattrs | value, when it is in the row
 */
#ifndef LARDER_STORE_ENTRY_H
#define LARDER_STORE_ENTRY_H

#include "store.h"

enum {
    ENTRY_ROW_HEAD = 122, /* bytes before the tags */
    ENTRY_INLINE_MAX = 4096, /* the largest value kept in the row; larger ones go into chunks. See FORMAT.md for why */
    ENTRY_OVERHEAD = 64, /* what an entry costs beside its names, row and value: index rows, their headers */
};

/* --- encoding ------------------------------------------------------------------------------------------ */

/* Bytes entry_encode() will write. */
size_t entry_row_size(const struct entry *entry);

/* Writes the row to `row`, which has room for entry_row_size(). A value is included when entry->value is set. */
void entry_encode(const struct entry *entry, uint8_t *row);

/* Reads a row into a new snapshot with memory of its own. With `with_value` false a file's value is left out
 * (a link's target never is). -EUCLEAN when it is no row. */
int entry_decode(const uint8_t *row, size_t size, bool with_value, struct entry *ret_entry);

/* A second snapshot with memory of its own. */
int entry_copy(const struct entry *entry, bool with_value, struct entry *ret_entry);

/* Gives the entry another value (NULL: none) in memory of its own; does not touch entry->size. */
int entry_set_value(struct entry *entry, const void *value, size_t size);

/* --- time ---------------------------------------------------------------------------------------------- */

/* True while it has not reached its deadline. */
bool entry_alive(const struct entry *entry, int64_t now_ms);

/* Starts the lifetime anew, now. */
void entry_restart(struct entry *entry, int64_t now_ms);

/* --- making and changing ------------------------------------------------------------------------------- */

/* What new entries start with; gathered from the nearest directory upwards. Zeroed is empty. The tags point into
 * the directory's entry, or into a copy the caller keeps. */
struct entry_defaults {
    uint64_t ttl_ms, idle_ms;
    const char *tags;
};

/* Takes from a directory what no nearer one has given. Returns true when nothing is left to look for. */
bool entry_defaults_take(struct entry_defaults *defaults, const struct entry *dir);

/* Fills a zeroed entry as a new one: kind, mode, owner, defaults (may be NULL), all times now, clock started. */
int entry_init(struct entry *entry, enum entry_kind kind, uint32_t mode, uint32_t uid, uint32_t gid,
               const struct entry_defaults *defaults, int64_t now_ns);

/* Applies a change; ctime becomes now. Errors as store.h says at struct entry_change; then nothing changed. */
int entry_apply(struct entry *entry, const struct entry_change *change, int64_t now_ns);

/*
 * What a publish without STORE_FRESH does: `staged` takes over from `current`, the live entry it replaces: ino, btime,
 * hits, and of mode, owner, lifetime, tags and xattrs whatever is not in `kept`, the union of ENTRY_SET_ bits that
 * were changed on it (ENTRY_SET_XATTR keeps all of staged's attributes).
 */
int entry_take_over(struct entry *staged, const struct entry *current, unsigned kept);

/* 0 or -EINVAL, as store.h says of tags. */
int entry_check_tag(const char *tag, size_t size);

bool entry_has_tag(const struct entry *entry, const char *tag);

/* Walks comma-separated tags: start with *position 0; the tag is not terminated. */
bool entry_tag_next(const char *tags, size_t *position, const char **ret_tag, size_t *ret_size);

/* --- cost ---------------------------------------------------------------------------------------------- */

/* What an entry counts against the limit, in bytes: its name twice (row and index), the row without value, its
 * tags' index, and its size, holes included. */
uint64_t entry_cost(const struct entry *entry, size_t name_size);

/* 0, -EINVAL or -ENAMETOOLONG, as store.h says of names. */
int entry_check_name(const char *name);

#endif
